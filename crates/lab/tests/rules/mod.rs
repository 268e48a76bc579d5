//! Rules for the tests' nodes, each a table of its own that replaces the one before.

use margay_lab::fabric::Namespace;
use margay_lab::probe::Probe;
use margay_nftables::expr::{CtState, Load, MetaKey, PayloadField, Reject};
use margay_nftables::{
    BaseChain, Batch, Chain, ChainPolicy, Connection, Data, Element, Family, FieldType, Hook, Rule, Set, SetKey, Table,
    TableId, Verdict,
};

/// A table with one base chain.
pub(crate) struct Ruleset {
    pub(crate) hook: Hook,
    pub(crate) policy: ChainPolicy,
    pub(crate) rules: Vec<Rule>,
    /// What the set "flows" holds: source, destination (both IPv4), protocol, destination port.
    pub(crate) flows: Vec<Data>,
}

impl Ruleset {
    /// These rules alone, in a chain that accepts the rest.
    pub(crate) fn of(hook: Hook, rules: Vec<Rule>) -> Ruleset {
        Ruleset { hook, policy: ChainPolicy::Accept, rules, flows: vec![] }
    }

    /// Puts it in the place of what was there.
    pub(crate) fn install(&self, namespace: &Namespace) {
        let table = TableId::new(Family::Inet, "test");
        let mut batch = Batch::new();
        batch.add_table(&table, &Table::default());
        batch.delete_table(&table);
        batch.add_table(&table, &Table::default());
        let key = [FieldType::IPV4_ADDR, FieldType::IPV4_ADDR, FieldType::INET_PROTO, FieldType::INET_SERVICE];
        batch.add_set(&table, &Set::new("flows", SetKey::new(&key)));
        let elements: Vec<Element> = self.flows.iter().cloned().map(Element::new).collect();
        batch.add_elements(&table, "flows", &elements);
        batch.add_chain(&table, &Chain::base("base", BaseChain::filter(self.hook, 0).policy(self.policy)));
        self.rules.iter().for_each(|rule| batch.add_rule(&table, "base", rule));
        namespace.enter(|| Connection::open().unwrap().commit(&mut batch).unwrap()).unwrap();
    }
}

/// Lets pass what belongs to a connection.
pub(crate) fn accept_connections() -> Rule {
    Rule::new().ct_state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept)
}

/// Drops what is in the set "flows".
pub(crate) fn drop_flows() -> Rule {
    let fields: [Load; 4] = [
        PayloadField::IP_SADDR.into(),
        PayloadField::IP_DADDR.into(),
        MetaKey::L4Proto.into(),
        PayloadField::DPORT.into(),
    ];
    Rule::new().meta(MetaKey::NfProto).eq(2).load(&fields).lookup("flows").verdict(Verdict::Drop)
}

/// A probe's element of the set "flows".
pub(crate) fn flow(probe: &Probe, port: u16) -> Data {
    let address = |address| match address {
        std::net::IpAddr::V4(a) => Data::new(&a.octets()),
        std::net::IpAddr::V6(_) => panic!("the set holds IPv4"),
    };
    let protocol = probe.transport.protocol(probe.destination);
    Data::concat(&[address(probe.source), address(probe.destination), Data::new(&[protocol]), Data::be16(port)])
}

/// Any TCP segment.
fn tcp() -> Rule {
    Rule::new().meta(MetaKey::L4Proto).eq(6)
}

/// Drops SYNs to port 80.
pub(crate) fn drop_port_80() -> Rule {
    tcp().payload(PayloadField::DPORT).eq(Data::be16(80)).verdict(Verdict::Drop)
}

/// Answers SYNs to port 80 with a reset.
pub(crate) fn reset_port_80() -> Rule {
    tcp().payload(PayloadField::DPORT).eq(Data::be16(80)).with(Reject::TcpReset)
}

/// Drops resets.
pub(crate) fn drop_resets() -> Rule {
    tcp().payload(PayloadField::TCP_FLAGS).mask([4_u8]).ne([0_u8]).verdict(Verdict::Drop)
}

/// Accepts what comes from this IPv4 address.
pub(crate) fn accept_from(source: std::net::IpAddr) -> Rule {
    let std::net::IpAddr::V4(source) = source else { panic!("an IPv4 rule") };
    let rule = Rule::new().meta(MetaKey::NfProto).eq(2).payload(PayloadField::IP_SADDR);
    rule.eq(Data::new(&source.octets())).verdict(Verdict::Accept)
}
