//! From what is there to what should be, call by call: after each, the endpoint lets nothing through that neither the old nor the new list does.

use margay_hcn::{Acl, Action, RuleType};

/// ACLs in one call at most: more were never tried by anyone \[SRC\]; what HNS takes is \[UNK\].
pub const BATCH: usize = 30;

/// One call that changes ACLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The whole list, in the place of what is there.
    Replace(Vec<Acl>),
    /// These too.
    Add(Vec<Acl>),
    /// All but these, which are there exactly so.
    Remove(Vec<Acl>),
}

/// The calls that lead from one list to the other, in order; none where they are equal. A list that one call may hold, with so many policies `beside` that it
/// takes along, is replaced at once, and any list where `whole` says that there is no other way (V1). An empty list is not: an Update that brings no ACL may
/// leave those that are there \[UNK\].
///
/// Else what is new is added, blocks before allows: so long as an allow of the new list is missing, or an old rule is still there, the first rule that
/// matches a packet is either one before which the new list has nothing, or one before which the old list has nothing. Then what is old is removed, allows
/// before blocks, by the same reasoning. Among allows, and among blocks, those of whatever address come first and go last, in as few calls as can be: a direction that
/// has no rule while the other has one may be closed \[INF\].
pub fn writes(present: &[Acl], desired: &[Acl], beside: usize, whole: bool) -> Vec<Write> {
    let come: Vec<&Acl> = desired.iter().filter(|acl| !present.contains(acl)).collect();
    let go: Vec<&Acl> = present.iter().filter(|acl| !desired.contains(acl)).collect();
    if come.is_empty() && go.is_empty() {
        return Vec::new();
    }
    if whole || (!desired.is_empty() && desired.len() + beside <= BATCH) {
        return vec![Write::Replace(desired.to_vec())];
    }
    let last = |acl: &Acl| acl.rule.local_addresses.is_empty() && acl.rule.remote_addresses.is_empty();
    let rank = |acl: &&Acl| match (acl.rule.rule_type, acl.rule.action) {
        (RuleType::Host, _) => 0,
        (RuleType::Switch, Action::Block) if last(acl) => 1,
        (RuleType::Switch, Action::Block) => 2,
        (RuleType::Switch, Action::Allow) if last(acl) => 3,
        (RuleType::Switch, Action::Allow) => 4,
    };
    let (mut come, mut go) = (come, go);
    come.sort_by_key(rank);
    go.sort_by_key(|acl| std::cmp::Reverse(rank(acl)));
    let batch = |list: &[&Acl]| -> Vec<Acl> { list.iter().copied().cloned().collect() };
    let adds = come.chunks(BATCH).map(|list| Write::Add(batch(list)));
    adds.chain(go.rchunks(BATCH).rev().map(|list| Write::Remove(batch(list)))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::number;
    use super::super::sample::rules;
    use super::*;
    use margay_hcn::{Direction, Version};
    use margay_net::{Prefix, Protocol};
    use proptest::prelude::*;

    /// Whether the list lets a packet in; none that matches: not, as HNS does where there is any rule \[MS\].
    fn allows(list: &[Acl], direction: Direction, from: Prefix, port: u16) -> bool {
        let matches = |acl: &&Acl| {
            let rule = &acl.rule;
            rule.rule_type == RuleType::Switch
                && rule.direction == direction
                && rule.protocol.is_none_or(|protocol| protocol == Protocol::TCP)
                && (rule.remote_addresses.is_empty() || rule.remote_addresses.iter().any(|net| net.covers(&from)))
                && rule.local_ports.as_ref().is_none_or(|ports| ports.contains(port))
        };
        let any = list.iter().any(|acl| acl.rule.rule_type == RuleType::Switch);
        let first = list.iter().filter(matches).min_by_key(|acl| acl.priority);
        first.map_or(!any, |acl| acl.rule.action == Action::Allow)
    }

    fn act(list: &mut Vec<Acl>, write: &Write) {
        match write {
            Write::Replace(all) => list.clone_from(all),
            Write::Add(more) => list.extend(more.iter().cloned()),
            Write::Remove(gone) => list.retain(|acl| !gone.contains(acl)),
        }
    }

    proptest! {
        #[test]
        fn no_call_opens_what_neither_list_does((old, new) in (rules(60), rules(60)), whole in any::<bool>()) {
            let version = Version::new(9, 5);
            let old = number(&old, &[], version);
            let new = number(&new, &old, version);
            let calls = writes(&old, &new, 3, whole);
            let sized = calls.iter().all(|call| match call {
                Write::Replace(list) => whole || list.len() + 3 <= BATCH,
                Write::Add(list) | Write::Remove(list) => !whole && (1..=BATCH).contains(&list.len()),
            });
            prop_assert!(sized);
            let mut list = old.clone();
            for call in &calls {
                act(&mut list, call);
                for direction in Direction::ALL {
                    for (host, port) in (0..6u8).flat_map(|host| (79..83).map(move |port| (host, port))) {
                        let from = Prefix::host([10, 0, 0, host].into());
                        let open = allows(&list, direction, from, port);
                        let may = allows(&old, direction, from, port) || allows(&new, direction, from, port);
                        prop_assert!(may || !open, "{direction} {from} {port} after {call:?}");
                    }
                }
            }
            list.sort_by_key(|acl| acl.priority);
            prop_assert_eq!(list, new);
        }
    }
}
