//! What the kernel refuses: nothing is left behind, and the error names the object.

use crate::namespace::{commit, try_commit, with_table};
use margay_nftables::expr::PayloadField;
use margay_nftables::*;

fn rejected(result: Result<()>) -> Rejection {
    match result {
        Err(Error::Rejected(rejection)) => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_bad_map_entry_undoes_all() {
    with_table(|connection, table| {
        commit(connection, |batch| {
            batch.add_set(table, &Set::new("s", FieldType::IPV4_ADDR));
            batch.add_set(table, &Set::verdict_map("m", FieldType::IPV4_ADDR));
        });
        let rejection = rejected(try_commit(connection, |batch| {
            batch.add_elements(table, "s", [Element::new([10, 0, 0, 1])]);
            let good = Element::new([10, 0, 0, 2]).to(Verdict::Drop);
            let bad = Element::new([10, 0, 0, 3]).to(Verdict::jump("missing"));
            batch.add_elements(table, "m", [good, bad]);
        }));
        let [error] = &rejection.errors[..] else { panic!("{rejection:?}") };
        assert_eq!((error.index, error.errno), (Some(1), Errno(nix::libc::ENOENT)));
        assert_eq!(error.object, "add element inet t m { 0x0a000003 : jump missing }");
        assert_eq!(connection.elements(table, "s").unwrap(), []);
        assert_eq!(connection.elements(table, "m").unwrap(), []);
        // The connection goes on.
        commit(connection, |batch| batch.add_elements(table, "s", [Element::new([10, 0, 0, 1])]));
    });
}

#[test]
fn every_bad_message_is_named() {
    with_table(|connection, table| {
        let rejection = rejected(try_commit(connection, |batch| {
            batch.add_chain(table, &Chain::regular("good"));
            batch.add_rule(table, "good", &Rule::new().payload(PayloadField::DPORT).lookup("nowhere"));
            batch.delete_chain(table, "absent");
            batch.add_rule(table, "good", &Rule::new().counter().verdict(Verdict::jump("missing")));
            batch.add_elements(table, "no-set", [Element::new([1, 2, 3, 4])]);
            batch.delete_rule(table, "good", 4711);
        }));
        let named: Vec<_> =
            rejection.errors.iter().map(|error| (error.index.unwrap(), error.object.as_str())).collect();
        assert_eq!(
            named,
            [
                (1, "add rule inet t good, expression 2 (lookup @nowhere)"),
                (2, "delete chain inet t absent"),
                (3, "add rule inet t good, expression 2 (jump missing)"),
                (4, "add element inet t no-set"),
                (5, "delete rule inet t good handle 4711"),
            ]
        );
        assert!(rejection.errors.iter().all(|error| error.errno == Errno(nix::libc::ENOENT)));
        assert_eq!(connection.chains(table).unwrap(), []);
    });
}

/// Thousands of complaints overflow the receive buffer; what came still names messages.
#[test]
fn more_errors_than_the_buffer_holds() {
    with_table(|_, table| {
        let sizes = BufferSizes { receive: 32 << 10, ..BufferSizes::default() };
        let mut connection = Connection::with_buffers(sizes).unwrap();
        let rejection = rejected(try_commit(&mut connection, |batch| {
            for n in 0..5000 {
                batch.delete_chain(table, &format!("absent-{n}"));
            }
        }));
        assert!(rejection.truncated);
        assert_eq!(rejection.errors[0].object, "delete chain inet t absent-0");
        assert!(rejection.to_string().contains("at least"), "{rejection}");
        assert!(connection.ruleset(table).unwrap().is_some());
    });
}

#[test]
fn a_loop_is_refused() {
    with_table(|connection, table| {
        let rejection = rejected(try_commit(connection, |batch| {
            batch.add_chain(table, &Chain::regular("a"));
            batch.add_chain(table, &Chain::regular("b"));
            batch.add_chain(table, &Chain::base("in", BaseChain::filter(Hook::Input, 0)));
            batch.add_rule(table, "in", &Rule::new().verdict(Verdict::jump("a")));
            batch.add_rule(table, "a", &Rule::new().verdict(Verdict::jump("b")));
            batch.add_rule(table, "b", &Rule::new().verdict(Verdict::jump("a")));
        }));
        assert!(matches!(rejection.errors[0].errno.0, nix::libc::ELOOP | nix::libc::EMLINK), "{rejection}");
        assert_eq!(connection.chains(table).unwrap(), []);
    });
}

#[test]
fn what_cannot_be_written_is_not_sent() {
    with_table(|connection, table| {
        let before = connection.generation().unwrap();
        let too_long = Rule { expressions: vec![expr::Counter::default().into(); 2000], ..Rule::new() };
        let arp = TableId::new(Family::Arp, "t");
        type Fill<'a> = Box<dyn Fn(&mut Batch) + 'a>;
        let cases: [(Fill<'_>, &str); 4] = [
            (Box::new(|b| b.add_chain(table, &Chain::regular("a\0b"))), "zero byte"),
            (Box::new(|b| b.add_rule(table, "c", &too_long)), "65,535"),
            (Box::new(|b| b.add_chain(&arp, &Chain::base("c", BaseChain::filter(Hook::Ingress, 0)))), "no such hook"),
            (Box::new(|b| b.add_set(table, &Set::new("a\0b", FieldType::MARK))), "zero byte"),
        ];
        for (fill, expected) in cases {
            let error = try_commit(connection, |batch| {
                batch.add_chain(table, &Chain::regular("good"));
                fill(batch);
            })
            .unwrap_err();
            assert!(matches!(error, Error::Unencodable { index: 1, .. }), "{error:?}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(connection.generation().unwrap(), before);
    });
}

#[test]
fn a_missing_table_is_not_found() {
    with_table(|connection, _| {
        let missing = TableId::new(Family::Inet, "missing");
        assert!(connection.sets(&missing).unwrap_err().is_not_found());
        let error = connection.elements(&missing, "s").unwrap_err();
        assert_eq!(error.to_string(), "listing elements of set inet missing s: No such file or directory (os error 2)");
        assert!(rejected(try_commit(connection, |batch| batch.delete_table(&missing))).errors[0].index == Some(0));
    });
}
