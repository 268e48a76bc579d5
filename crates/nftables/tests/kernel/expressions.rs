//! Every expression, written and read back.

use crate::namespace::{commit, with_table};
use margay_nftables::expr::*;
use margay_nftables::{
    BaseChain, Chain, ChainKind, Data, Element, Family, FieldType, Hook, MapData, NamedCounter, ObjectKind, Rule, Set,
    SetKey, Verdict,
};

/// Writes the rules into one chain, and requires that they come back equal and in order.
fn round_trip(base: BaseChain, rules: Vec<Rule>) {
    with_table(move |connection, table| {
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::regular("target"));
            batch.add_set(table, &Set::new("ports", FieldType::INET_SERVICE));
            batch.add_set(table, &Set::map("marks", FieldType::INET_SERVICE, FieldType::MARK));
            batch.add_set(table, &Set::verdict_map("verdicts", FieldType::INET_SERVICE));
            let member = SetKey::new(&[FieldType::IPV4_ADDR, FieldType::INET_PROTO, FieldType::INET_SERVICE]);
            batch.add_set(table, &Set::new("members", member));
            batch.add_counter(table, &NamedCounter::new("c"));
            batch.add_set(table, &Set::map("counters", FieldType::INET_SERVICE, MapData::Object(ObjectKind::Counter)));
            batch.add_chain(table, &Chain::base("chain", base));
        });
        for rule in &rules {
            commit(connection, |batch| batch.add_rule(table, "chain", rule));
        }
        let read = connection.ruleset(table).unwrap().unwrap();
        let read: Vec<_> = read.rules.into_iter().map(|entry| entry.rule).collect();
        assert_eq!(read.len(), rules.len());
        for (read, written) in read.into_iter().zip(rules) {
            assert_eq!(read, written);
        }
    });
}

fn filter() -> BaseChain {
    BaseChain::filter(Hook::Input, 0)
}

fn slot(number: u8) -> Reg {
    Reg::slot(number).unwrap()
}

#[test]
fn loads() {
    use MetaKey::*;
    let metas = [
        Length, Protocol, Priority, Mark, Iif, Oif, IifName, OifName, IifType, OifType, SkUid, SkGid, NfProto, L4Proto,
        PacketType, Cpu, IifGroup, OifGroup, PRandom, IifKind, OifKind,
    ];
    let mut rules: Vec<_> = metas.into_iter().map(|key| Rule::new().meta(key)).collect();
    for field in [
        PayloadField::IP_SADDR,
        PayloadField::IP6_DADDR,
        PayloadField::DPORT,
        PayloadField::ICMP_TYPE_AND_CODE,
        PayloadField::TCP_FLAGS,
    ] {
        rules.push(Rule::new().payload(field));
    }
    for number in 0..16 {
        rules.push(Rule::new().with(Meta::Load { key: Mark, dreg: slot(number) }));
    }
    round_trip(filter(), rules);
}

#[test]
fn connection_properties() {
    let mut rules = Vec::new();
    for key in [
        CtKey::State,
        CtKey::Status,
        CtKey::Mark,
        CtKey::Zone,
        CtKey::Id,
        CtKey::Direction,
        CtKey::Expiration,
        CtKey::Protocol,
    ] {
        rules.push(Rule::new().ct(key));
    }
    for (key, direction) in [
        (CtKey::SrcIp, CtDirection::Original),
        (CtKey::DstIp6, CtDirection::Reply),
        (CtKey::ProtoDst, CtDirection::Original),
        (CtKey::Packets, CtDirection::Reply),
        (CtKey::Zone, CtDirection::Original),
    ] {
        rules.push(Rule::new().with(Ct::Load { key, direction: Some(direction), dreg: Reg::R0 }));
    }
    rules.push(Rule::new().ct_state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept));
    rules.push(Rule::new().with(Immediate::Data { dreg: Reg::R0, data: Data::host32(7) }).with(Ct::Set {
        key: CtKey::Mark,
        direction: None,
        sreg: Reg::R0,
    }));
    round_trip(filter(), rules);
}

#[test]
fn before_connection_tracking() {
    let zone = |direction| {
        Rule::new().with(Immediate::Data { dreg: Reg::R0, data: Data::host16(5) }).with(Ct::Set {
            key: CtKey::Zone,
            direction,
            sreg: Reg::R0,
        })
    };
    round_trip(
        BaseChain::filter(Hook::Prerouting, -300),
        vec![Rule::new().with(Notrack), zone(None), zone(Some(CtDirection::Original))],
    );
}

#[test]
fn comparisons_and_arithmetic() {
    let base = || Rule::new().meta(MetaKey::Mark);
    let mut rules = vec![
        Rule::new().meta(MetaKey::L4Proto).eq(6),
        Rule::new().meta(MetaKey::IifName).eq(Data::interface("eth0")),
        Rule::new().meta(MetaKey::IifName).eq(Data::interface_prefix("cali")),
        Rule::new().meta(MetaKey::IifName).ne(Data::interface_prefix("c")),
        Rule::new().payload(PayloadField::IP6_SADDR).eq([1; 16]),
        Rule::new().payload(PayloadField::IP_SADDR).mask([255, 255, 0, 0]).eq([10, 0, 0, 0]),
        Rule::new().payload(PayloadField::IP6_SADDR).mask([255; 16]).ne([2; 16]),
        Rule::new().payload(PayloadField::DPORT).range(Data::be16(80), Data::be16(90)),
        Rule::new().payload(PayloadField::DPORT).with(Range {
            sreg: Reg::R0,
            op: RangeOp::Outside,
            from: Data::be16(80),
            to: Data::be16(90),
        }),
        Rule::new().set_mark(0x10, 0xf0),
        Rule::new().set_mark(0x10, u32::MAX),
    ];
    for op in [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge] {
        rules.push(base().cmp(op, Data::be32(0x0102_0304)));
        rules.push(Rule::new().payload(PayloadField::IP6_SADDR).cmp(op, [9; 16]));
    }
    for op in [BitwiseOp::ShiftLeft(3), BitwiseOp::ShiftRight(31)] {
        rules.push(base().with(Bitwise { sreg: Reg::R0, dreg: slot(5), len: 4, op }));
    }
    for op in [ByteorderOp::HostToNetwork, ByteorderOp::NetworkToHost] {
        rules.push(base().with(Byteorder { sreg: Reg::R0, dreg: slot(1), op, len: 4, size: 4 }));
    }
    round_trip(filter(), rules);
}

#[test]
fn verdicts() {
    let verdicts = [
        Verdict::Accept,
        Verdict::Drop,
        Verdict::Continue,
        Verdict::Return,
        Verdict::jump("target"),
        Verdict::goto("target"),
    ];
    round_trip(filter(), verdicts.into_iter().map(|verdict| Rule::new().verdict(verdict)).collect());
}

#[test]
fn lookups() {
    let port = || Rule::new().payload(PayloadField::DPORT);
    let intervals =
        Element::interval(Data::be16(80), Data::be16(90)).chain(Element::interval(Data::be16(443), Data::be16(443)));
    let marks = [Element::new(Data::be16(80)).to(Data::host32(7))];
    let verdicts =
        [Element::new(Data::be16(80)).to(Verdict::jump("target")), Element::new(Data::be16(81)).to(Verdict::Drop)];
    let concatenated = SetKey::new(&[FieldType::IPV4_ADDR, FieldType::INET_SERVICE]);
    let boxes = [Element::between(
        Data::concat(&[Data::from([10, 0, 0, 0]), Data::be16(80)]),
        Data::concat(&[Data::from([10, 0, 0, 255]), Data::be16(90)]),
    )];
    round_trip(
        filter(),
        vec![
            port().lookup("ports"),
            port().lookup_missing("ports"),
            port().verdict_map("verdicts"),
            port().with(Lookup { set: "marks".into(), sreg: Reg::R0, outcome: Outcome::Value(slot(2)) }),
            port().any_of(FieldType::INET_SERVICE, [443, 80].map(Data::be16)).verdict(Verdict::Accept),
            port().lookup_missing(InlineSet::new(FieldType::INET_SERVICE, [Element::new(Data::be16(22))])),
            port().lookup(InlineSet::new(FieldType::INET_SERVICE, intervals).interval()),
            port().verdict_map(InlineSet::map(FieldType::INET_SERVICE, MapData::Verdict, verdicts)),
            port().with(Lookup {
                set: InlineSet::map(FieldType::INET_SERVICE, FieldType::MARK, marks).into(),
                sreg: Reg::R0,
                outcome: Outcome::Value(Reg::R0),
            }),
            Rule::new()
                .load(&[PayloadField::IP_SADDR.into(), MetaKey::L4Proto.into(), PayloadField::DPORT.into()])
                .lookup("members"),
            Rule::new()
                .load(&[PayloadField::IP_SADDR.into(), PayloadField::DPORT.into()])
                .lookup(InlineSet::new(concatenated, boxes).interval()),
            // Two sets in one rule keep their places.
            port()
                .any_of(FieldType::INET_SERVICE, [1, 2].map(Data::be16))
                .payload(PayloadField::SPORT)
                .any_of(FieldType::INET_SERVICE, [3, 4].map(Data::be16)),
        ],
    );
}

#[test]
fn actions() {
    let limit = Limit { rate: 400, seconds: 60, burst: 30, unit: LimitUnit::Packets, over: true };
    round_trip(
        filter(),
        vec![
            Rule::new().counter().verdict(Verdict::Drop),
            Rule::new().named_counter("c"),
            Rule::new().payload(PayloadField::DPORT).with(Objref::Mapped { map: "counters".into(), sreg: Reg::R0 }),
            Rule::new().with(Log::nflog(3, "deny|")),
            Rule::new().with(Log::Nflog { group: 0, prefix: String::new(), snaplen: Some(64), threshold: 9 }),
            Rule::new().with(Log::Syslog { level: SyslogLevel::Info, prefix: "x".into(), flags: LogFlags::UID }),
            Rule::new().with(Log::Syslog { level: SyslogLevel::Warning, prefix: String::new(), flags: LogFlags::NONE }),
            Rule::new().with(Limit::packets_per_second(10)),
            Rule::new().with(limit),
            Rule::new().with(Limit { unit: LimitUnit::Bytes, seconds: 1, rate: 1 << 20, burst: 4096, over: false }),
            Rule::new().fib(FibResult::AddrType, FibFlags::DADDR).eq(Data::host32(AddrType::Local.wire())),
            Rule::new().fib(FibResult::Oif, FibFlags::SADDR | FibFlags::IIF).eq(Data::host32(0)),
            Rule::new().with(Numgen { kind: NumgenKind::Random, modulus: 10, offset: 1, dreg: Reg::R0 }),
            Rule::new().with(Numgen { kind: NumgenKind::Incremental, modulus: 2, offset: 0, dreg: slot(4) }),
            Rule::new().with(Reject::Icmpx(IcmpxCode::AdminProhibited)),
            Rule::new().meta(MetaKey::L4Proto).eq(6).with(Reject::TcpReset),
            Rule::new().meta(MetaKey::NfProto).eq(2).with(Reject::Icmp(3)),
            Rule::new().counter().with_comment("seen by nft list"),
        ],
    );
}

#[test]
fn translation() {
    let address = |rule: Rule| rule.with(Immediate::Data { dreg: Reg::R0, data: [10, 0, 0, 1].into() });
    let port = |rule: Rule| rule.with(Immediate::Data { dreg: slot(4), data: Data::be16(80) });
    let nat = |kind, addresses, ports, flags| Nat { kind, family: Family::Ip, addresses, ports, flags };
    let ipv4 = || Rule::new().meta(MetaKey::NfProto).eq(2);
    let tcp = || ipv4().meta(MetaKey::L4Proto).eq(6);
    round_trip(
        BaseChain::filter(Hook::Postrouting, 100).kind(ChainKind::Nat),
        vec![
            address(ipv4()).with(nat(NatKind::Source, Some(Reg::R0.into()), None, NatFlags::NONE)),
            port(address(tcp())).with(nat(
                NatKind::Source,
                Some(Reg::R0.into()),
                Some(slot(4).into()),
                NatFlags::FULLY_RANDOM,
            )),
            ipv4().with(Masquerade::default()),
            port(tcp()).with(Masquerade { ports: Some(slot(4).into()), flags: NatFlags::FULLY_RANDOM }),
        ],
    );
    round_trip(
        BaseChain::filter(Hook::Prerouting, -100).kind(ChainKind::Nat),
        vec![port(address(tcp())).with(nat(
            NatKind::Destination,
            Some(Reg::R0.into()),
            Some(slot(4).into()),
            NatFlags::NONE,
        ))],
    );
}

#[test]
fn writing_to_packets() {
    let checksum = Checksum { kind: 1, offset: 10, flags: 1 };
    let write = Payload::Write { field: PayloadField::IP_SADDR, sreg: Reg::R0, checksum };
    let value = Immediate::Data { dreg: Reg::R0, data: [10, 0, 0, 1].into() };
    round_trip(filter(), vec![Rule::new().with(value).with(write)]);
}

/// What is not known here is kept, and can be written again.
#[test]
fn unknown_expressions_are_kept() {
    // quota: bytes = 4096, flags = 0, consumed = 0 (the pad attribute comes with 64-bit values).
    let attributes = |consumed: bool| {
        let mut bytes = Vec::new();
        let mut put = |kind: u16, value: &[u8]| {
            bytes.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
            bytes.extend_from_slice(&kind.to_ne_bytes());
            bytes.extend_from_slice(value);
        };
        put(1, &4096u64.to_be_bytes());
        if consumed {
            put(4, &0u64.to_be_bytes());
        }
        put(2, &0u32.to_be_bytes());
        bytes
    };
    with_table(move |connection, table| {
        let quota = |attributes| Expr::Unknown(Unknown { name: "quota".into(), attributes });
        commit(connection, |batch| {
            batch.add_chain(table, &Chain::regular("chain"));
            batch.add_rule(table, "chain", &Rule::new().with(quota(attributes(false))));
        });
        let first = connection.rules(table, Some("chain")).unwrap().remove(0).rule;
        assert_eq!(first.expressions[..], [quota(attributes(true))]);
        commit(connection, |batch| batch.add_rule(table, "chain", &first));
        assert_eq!(connection.rules(table, Some("chain")).unwrap()[1].rule, first);
    });
}
