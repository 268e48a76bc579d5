//! The receiver's policies as Felix has them in nf_tables: a chain for the pod's interface, which jumps to a chain for each policy while none has
//! accepted; a rule that accepts sets a bit of the packet's mark and returns, and the bit is looked at after each jump. Every rule counts. The sender's
//! side and host endpoints, which Felix has chains for too, are left out.

use super::path;
use margay_lab::fabric::host_interface;
use margay_nftables::expr::{CtState, MetaKey, PayloadField};
use margay_nftables::{
    BaseChain, Batch, Chain, Data, Element, Family, FieldType, Hook, Rule, Set, Table, TableId, Verdict,
};
use std::net::Ipv4Addr;

const ACCEPTED: u32 = 0x1_0000;
const PASSED: u32 = 0x2_0000;

/// Goes on where the bit is set, or is not.
fn bit(bit: u32, set: bool) -> Rule {
    Rule::new().meta(MetaKey::Mark).mask(Data::host32(bit)).eq(Data::host32(if set { bit } else { 0 })).counter()
}

/// Puts it in force in the network namespace of the calling thread: a policy for each address, which allows from it.
pub(super) fn install(from: impl Iterator<Item = u32>) {
    let table = TableId::new(Family::Inet, "felix");
    let mut batch = Batch::new();
    batch.add_table(&table, &Table::default());
    batch.add_set(&table, &Set::verdict_map("to-pods", FieldType::IFNAME));
    for chain in [Chain::base("forward", BaseChain::filter(Hook::Forward, 0)), Chain::regular("to-pod")] {
        batch.add_chain(&table, &chain);
    }
    let rule = |batch: &mut Batch, chain: &str, rule: Rule| batch.add_rule(&table, chain, &rule);
    rule(&mut batch, "forward", Rule::new().counter().set_mark(0, ACCEPTED | PASSED));
    rule(&mut batch, "forward", Rule::new().meta(MetaKey::OifName).verdict_map("to-pods"));
    rule(&mut batch, "forward", bit(ACCEPTED, true).verdict(Verdict::Accept));
    let state = |state| Rule::new().ct_state(state).counter();
    rule(&mut batch, "to-pod", state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept));
    rule(&mut batch, "to-pod", state(CtState::INVALID).verdict(Verdict::Drop));
    rule(&mut batch, "to-pod", Rule::new().counter().set_mark(0, ACCEPTED | PASSED));
    for (number, address) in from.enumerate() {
        let (set, chain) = (format!("set-{number}"), format!("policy-{number}"));
        batch.add_set(&table, &Set::new(&set, FieldType::IPV4_ADDR));
        batch.add_elements(&table, &set, [Element::new(Data::from(Ipv4Addr::from(address).octets()))]);
        batch.add_chain(&table, &Chain::regular(&chain));
        let matches = Rule::new().meta(MetaKey::NfProto).eq(2).payload(PayloadField::IP_SADDR).lookup(set);
        let mut rule = |chain: &str, rule: Rule| batch.add_rule(&table, chain, &rule);
        rule(&chain, matches.counter().set_mark(ACCEPTED, ACCEPTED));
        rule(&chain, bit(ACCEPTED, true).verdict(Verdict::Return));
        rule("to-pod", bit(PASSED, false).verdict(Verdict::jump(&chain)));
        rule("to-pod", bit(ACCEPTED, true).verdict(Verdict::Return));
    }
    batch.add_rule(&table, "to-pod", &bit(PASSED, false).verdict(Verdict::Drop));
    let interface = Data::interface(&host_interface(path::RECEIVER_ID));
    batch.add_elements(&table, "to-pods", [Element::new(interface).to(Verdict::jump("to-pod"))]);
    super::commit(&mut batch);
}
