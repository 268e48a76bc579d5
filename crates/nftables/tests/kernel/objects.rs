//! Tables, chains, sets, elements and counters, written and read back.

use crate::namespace::{commit, try_commit, with_namespace, with_table};
use margay_nftables::expr::{Counter, Expr, PayloadField};
use margay_nftables::*;

#[test]
fn tables_of_every_family() {
    with_namespace(|| {
        let mut connection = Connection::open().unwrap();
        let families = [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev];
        let mut written = Vec::new();
        for family in families {
            let id = TableId::new(family, format!("table-{family}"));
            let table = Table { flags: TableFlags::DORMANT, userdata: Userdata::new().with_comment("ours") };
            // A kernel built without a family has no tables of it.
            match try_commit(&mut connection, |batch| batch.add_table(&id, &table)) {
                Ok(()) => written.push((id, table)),
                Err(error) => assert_eq!(error.errno(), Some(Errno(nix::libc::EOPNOTSUPP)), "{error}"),
            }
        }
        let mut read: Vec<_> = connection.tables().unwrap().into_iter().map(|entry| (entry.id, entry.table)).collect();
        read.sort_by(|a, b| a.0.cmp(&b.0));
        written.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(!written.is_empty());
        assert_eq!(read, written);
    });
}

#[test]
fn chains() {
    with_table(|connection, table| {
        let mut chains = vec![
            Chain::regular("regular").with_comment("jumped to"),
            Chain::base("route", BaseChain::filter(Hook::Output, -150).kind(ChainKind::Route)),
            Chain::base("nat", BaseChain::filter(Hook::Postrouting, 100).kind(ChainKind::Nat)),
            Chain::base("ingress", BaseChain::filter(Hook::Ingress, 0).device("lo")),
        ];
        for hook in [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting] {
            let base = BaseChain::filter(hook, -5).policy(ChainPolicy::Drop);
            chains.push(Chain::base(format!("{hook:?}"), base));
        }
        // Others of the same family are not listed with it.
        let other = TableId::new(Family::Inet, "other");
        commit(connection, |batch| {
            chains.iter().for_each(|chain| batch.add_chain(table, chain));
            batch.add_table(&other, &Table::default());
            batch.add_chain(&other, &Chain::regular("elsewhere"));
        });
        let read: Vec<_> = connection.chains(table).unwrap().into_iter().map(|entry| entry.chain).collect();
        assert_eq!(read, chains);
    });
}

#[test]
fn a_policy_changes_in_place() {
    with_table(|connection, table| {
        for policy in [ChainPolicy::Accept, ChainPolicy::Drop] {
            let chain = Chain::base("chain", BaseChain::filter(Hook::Input, 0).policy(policy));
            commit(connection, |batch| batch.add_chain(table, &chain));
            assert_eq!(connection.chains(table).unwrap()[0].chain, chain);
        }
    });
}

/// Every kind of set, with elements of its own; both come back equal, and each element can be deleted.
#[test]
fn sets_and_elements() {
    let member = || SetKey::new(&[FieldType::IPV4_ADDR, FieldType::INET_PROTO, FieldType::INET_SERVICE]);
    let address = |last| Data::from([10, 0, 0, last]);
    let triple = |last, port| Data::concat(&[address(last), 6.into(), Data::be16(port)]);
    let six = |last| Data::from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let table: Vec<(Set, Vec<Element>)> = vec![
        (Set::new("empty", FieldType::IPV4_ADDR), vec![]),
        (
            Set::new("addresses", FieldType::IPV4_ADDR).with_comment("members").size(100),
            vec![Element::new(address(1)).with_comment("one"), Element::new(address(2))],
        ),
        (Set::new("addresses6", FieldType::IPV6_ADDR), vec![Element::new(six(1)), Element::new(six(2))]),
        (Set::new("names", FieldType::IFNAME), vec![Element::new(Data::interface("eth0"))]),
        (Set::new("members", member()), vec![Element::new(triple(1, 80)), Element::new(triple(2, 80))]),
        (
            Set::new("nets", FieldType::IPV4_ADDR).interval().size(1000),
            Element::interval(address(0), address(127))
                // Touches the one before: the end of one and the beginning of the next have the same key.
                .chain(Element::interval(address(128), address(255)))
                .chain(Element::interval([192, 168, 0, 0], [192, 168, 255, 255]))
                // Open to the greatest key.
                .chain(Element::interval([240, 0, 0, 0], [255; 4]))
                .collect(),
        ),
        (
            Set::new("nets6", FieldType::IPV6_ADDR).interval(),
            Element::interval(six(0), six(15)).chain(Element::interval(six(32), six(32))).collect(),
        ),
        (
            Set::new("boxes", member()).interval().size(1000),
            vec![Element::between(triple(0, 80), triple(255, 90)), Element::between(triple(7, 443), triple(7, 443))],
        ),
        (Set::map("marks", FieldType::IPV4_ADDR, FieldType::MARK), vec![Element::new(address(1)).to(Data::host32(7))]),
        (
            Set::verdict_map("verdicts", FieldType::IFNAME),
            vec![
                Element::new(Data::interface("a")).to(Verdict::jump("target")),
                Element::new(Data::interface("b")).to(Verdict::goto("target")).with_comment("b"),
                Element::new(Data::interface("c")).to(Verdict::Drop),
                Element::catch_all().to(Verdict::Accept),
            ],
        ),
        (
            Set::verdict_map("net-verdicts", FieldType::IPV4_ADDR).interval(),
            Element::new(address(0)).to(Verdict::jump("target")).until(address(9)).collect(),
        ),
        (
            Set::map("counters", FieldType::IPV4_ADDR, MapData::Object(ObjectKind::Counter)),
            vec![Element::new(address(1)).to(Value::Object("c".into()))],
        ),
        (
            Set { policy: SetPolicy::Memory, ..Set::new("small", FieldType::IPV4_ADDR) },
            vec![Element { expressions: vec![Expr::Counter(Counter::default())], ..Element::new(address(1)) }],
        ),
    ];
    with_table(move |connection, id| {
        commit(connection, |batch| {
            batch.add_chain(id, &Chain::regular("target"));
            batch.add_counter(id, &NamedCounter::new("c"));
            for (set, elements) in &table {
                batch.add_set(id, set);
                batch.add_elements(id, &set.name, elements);
            }
        });
        let ruleset = connection.ruleset(id).unwrap().unwrap();
        assert_eq!(ruleset.sets.len(), table.len());
        for (set, mut elements) in table {
            let (entry, read) = ruleset.sets.iter().find(|(entry, _)| entry.set.name == set.name).unwrap();
            Element::sort(&mut elements);
            assert_eq!((&entry.set, read), (&set, &elements));
            // Adding again what is there is no error and changes nothing.
            commit(connection, |batch| {
                batch.add_set(id, &set);
                batch.add_elements(id, &set.name, &elements);
            });
            assert_eq!(connection.elements(id, &set.name).unwrap(), elements);
            commit(connection, |batch| batch.delete_elements(id, &set.name, &elements));
            assert_eq!(connection.elements(id, &set.name).unwrap(), [], "{}", set.name);
            commit(connection, |batch| batch.delete_set(id, &set.name));
        }
        assert_eq!(connection.sets(id).unwrap(), []);
    });
}

#[test]
fn more_elements_than_a_message_holds() {
    with_table(|connection, table| {
        let elements: Vec<_> = (0u32..10_000).map(|n| Element::new(n.to_be_bytes())).collect();
        let mut batch = Batch::new();
        batch.add_set(table, &Set::new("s", FieldType::INTEGER));
        batch.add_elements(table, "s", &elements);
        assert_eq!(batch.counts().elements_added, 10_000);
        assert!(batch.counts().of(MessageKind::NewSetElem) > 1);
        connection.commit(&mut batch).unwrap();
        assert_eq!(connection.elements(table, "s").unwrap(), elements);
        commit(connection, |batch| batch.flush_set(table, "s"));
        assert_eq!(connection.elements(table, "s").unwrap(), []);
    });
}

/// As one goes on when a program starts: what it would write is compared with what is there.
#[test]
fn a_ruleset_is_of_one_moment_and_in_order() {
    with_table(|connection, table| {
        let rule = |n: u8| Rule::new().payload(PayloadField::IP_SADDR).eq([10, 0, 0, n]).counter();
        commit(connection, |batch| {
            for chain in ["z", "a", "m"] {
                batch.add_chain(table, &Chain::regular(chain));
            }
            for n in 0..9 {
                batch.add_rule(table, ["a", "m", "z"][usize::from(n) % 3], &rule(n));
            }
        });
        let ruleset = connection.ruleset(table).unwrap().unwrap();
        assert_eq!(ruleset.generation, connection.generation().unwrap());
        let chains: Vec<_> = ruleset.chains.iter().map(|entry| entry.chain.name.as_str()).collect();
        assert_eq!(chains, ["z", "a", "m"]);
        let read: Vec<_> = ruleset.rules.into_iter().map(|entry| (entry.chain, entry.rule)).collect();
        let written = [("z", [2, 5, 8]), ("a", [0, 3, 6]), ("m", [1, 4, 7])];
        let written = written.into_iter().flat_map(|(chain, ns)| ns.map(|n| (chain.to_owned(), rule(n))));
        assert_eq!(read, written.collect::<Vec<_>>());
    });
}

#[test]
fn rules_have_places() {
    with_table(|connection, table| {
        let rule = |name: &str| Rule::new().payload(PayloadField::DPORT).with_comment(name);
        let listed = |connection: &mut Connection| -> Vec<(u64, String)> {
            let rules = connection.rules(table, Some("chain")).unwrap();
            rules.iter().map(|e| (e.handle, e.rule.userdata.comment().unwrap().to_owned())).collect()
        };
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::regular("chain"));
            batch.add_chain(table, &Chain::regular("other"));
            batch.add_rule(table, "other", &rule("elsewhere"));
            batch.add_rule(table, "chain", &rule("m"));
            batch.insert_rule(table, "chain", Position::First, &rule("a"));
            batch.add_rule(table, "chain", &rule("z"));
        });
        let rules = listed(connection);
        let (m, z) = (rules[1].0, rules[2].0);
        commit(connection, |batch| {
            batch.insert_rule(table, "chain", Position::Before(m), &rule("l"));
            batch.insert_rule(table, "chain", Position::After(m), &rule("n"));
            batch.replace_rule(table, "chain", z, &rule("y"));
        });
        let names = |rules: &[(u64, String)]| rules.iter().map(|(_, name)| name.clone()).collect::<String>();
        assert_eq!(names(&listed(connection)), "almny");
        commit(connection, |batch| batch.delete_rule(table, "chain", m));
        assert_eq!(names(&listed(connection)), "alny");
        commit(connection, |batch| batch.flush_chain(table, "chain"));
        assert_eq!(names(&listed(connection)), "");
        assert_eq!(connection.rules(table, None).unwrap().len(), 1);
    });
}

#[test]
fn named_counters() {
    with_table(|connection, table| {
        let value = Counter { packets: 3, bytes: 180 };
        let counter = NamedCounter { value, userdata: Userdata::new().with_comment("drops"), ..NamedCounter::new("c") };
        commit(connection, |batch| {
            batch.add_counter(table, &counter);
            batch.add_counter(table, &NamedCounter::new("d"));
        });
        assert_eq!(connection.counters(table).unwrap().len(), 2);
        assert_eq!(connection.counter(table, "c").unwrap().counter, counter);
        assert_eq!(connection.reset_counter(table, "c").unwrap().counter.value, value);
        assert_eq!(connection.counter(table, "c").unwrap().counter.value, Counter::default());
        commit(connection, |batch| batch.delete_counter(table, "c"));
        assert!(connection.counter(table, "c").unwrap_err().is_not_found());
    });
}

#[test]
fn a_ruleset_that_is_not_there() {
    with_table(|connection, table| {
        assert!(connection.ruleset(table).unwrap().is_some());
        assert_eq!(connection.ruleset(&TableId::new(Family::Ip, "t")).unwrap(), None);
        commit(connection, |batch| batch.delete_table(table));
        assert_eq!(connection.ruleset(table).unwrap(), None);
    });
}
