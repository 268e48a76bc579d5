//! What HNS takes and nobody should send.

use crate::acl::{Acl, RuleType, USABLE};
use crate::object::Endpoint;
use margay_hcn::Guid;
use serde::{Deserialize, Serialize};

/// Something that was taken, and whose effect is not established or known to be bad. Tests hold that there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misuse {
    /// Of which endpoint.
    pub endpoint: Guid,
    /// What it is.
    pub kind: MisuseKind,
    /// The ACL's `Id`, or a number.
    pub detail: String,
}

/// Kinds of misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MisuseKind {
    /// A Switch rule below priority 100, which cuts off the port \[FIELD\].
    PriorityTooLow,
    /// A Switch rule above priority 65500, which does not work \[SRC\].
    PriorityTooHigh,
    /// Rules of one direction and priority that do different things: which is asked first is \[UNK\].
    TiedActions,
    /// A rule that does not say its type or its protocol \[UNK\].
    NotExplicit,
    /// One family local, the other remote: it matches nothing.
    MixedFamilies,
    /// A list of more than 4000 entries \[SRC: as long as Calico makes them\].
    LongList,
    /// More than 30 policies in one call of V2 \[SRC: as many as NPM sends\].
    LargeCall,
    /// A direction without a rule, which only the default deny closes, perhaps \[UNK\].
    OneDirection,
}

/// The most that are kept.
const MOST: usize = 10_000;
const LONGEST_LIST: usize = 4000;
const LARGEST_CALL: usize = 30;

fn note(misuses: &mut Vec<Misuse>, endpoint: Guid, kind: MisuseKind, detail: impl Into<String>) {
    if misuses.len() < MOST {
        misuses.push(Misuse { endpoint, kind, detail: detail.into() });
    }
}

/// Looks at the size of a call.
pub(crate) fn look_at_call(misuses: &mut Vec<Misuse>, endpoint: Guid, policies: usize) {
    if policies > LARGEST_CALL {
        note(misuses, endpoint, MisuseKind::LargeCall, policies.to_string());
    }
}

/// Looks at the ACLs that an endpoint has.
pub(crate) fn look(misuses: &mut Vec<Misuse>, endpoint: &Endpoint) {
    let mut acls: Vec<&Acl> = endpoint.acls().into_iter().filter(|acl| acl.rule_type == RuleType::Switch).collect();
    for acl in &acls {
        for kind in kinds(acl) {
            note(misuses, endpoint.id, kind, &acl.id);
        }
    }
    acls.sort_by_key(|acl| (acl.direction, acl.priority));
    for pair in acls.windows(2) {
        let ranks = |acl: &Acl| (acl.direction, acl.priority);
        if ranks(pair[0]) == ranks(pair[1]) && pair[0].action != pair[1].action {
            note(misuses, endpoint.id, MisuseKind::TiedActions, pair[0].priority.to_string());
        }
    }
    if let (Some(first), Some(last)) = (acls.first(), acls.last())
        && first.direction == last.direction
    {
        note(misuses, endpoint.id, MisuseKind::OneDirection, first.direction.to_string());
    }
}

fn kinds(acl: &Acl) -> impl Iterator<Item = MisuseKind> {
    let condition = &acl.condition;
    let (local, remote) = (condition.local.family(), condition.remote.family());
    let lengths =
        [condition.local.len(), condition.remote.len(), condition.local_ports.len(), condition.remote_ports.len()];
    let found = [
        (acl.priority < *USABLE.start(), MisuseKind::PriorityTooLow),
        (acl.priority > *USABLE.end(), MisuseKind::PriorityTooHigh),
        (!acl.explicit, MisuseKind::NotExplicit),
        (local.zip(remote).is_some_and(|(local, remote)| local != remote), MisuseKind::MixedFamilies),
        (lengths.iter().any(|length| *length > LONGEST_LIST), MisuseKind::LongList),
    ];
    found.into_iter().filter(|(there, _)| *there).map(|(_, kind)| kind)
}
