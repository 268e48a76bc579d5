//! One endpoint, from what it has to what it should have.

use super::found::{Found, sort};
use super::{Write, number, writes};
use crate::lower::blocked;
use margay_hcn::{Acl, AclRule, Door, Endpoint, Guid, Hns, Policy, Version};
use std::sync::Arc;

/// What it took, and what is left.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Calls that changed something.
    pub(super) writes: u32,
    /// ACLs of others that are asked before ours, in words.
    pub(super) intruders: Vec<String>,
    /// The endpoint, as it was read last.
    pub(super) endpoint: Endpoint,
}

/// Why an endpoint's ACLs are not what they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// HNS answered so.
    #[error(transparent)]
    Hns(#[from] margay_hcn::Error),
    /// It took what was written and shows something else.
    #[error("HNS took the ACLs of endpoint {id}, but shows {shown} of {wanted} as they were written")]
    NotShown {
        /// The endpoint.
        id: Guid,
        /// How many it shows of those written.
        shown: usize,
        /// How many were written.
        wanted: usize,
        /// What it has instead.
        found: Box<Found>,
    },
}

impl Error {
    /// Whether the same may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Error::Hns(error) => error.may_pass(),
            Error::NotShown { .. } => true,
        }
    }

    /// Whether there is no such endpoint.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Error::Hns(error) if error.is_not_found())
    }
}

/// A list that was written, and does not show as it was. Where HNS took all of it, to write it again would bring nothing, and reset connections each time
/// \[FIELD\].
pub(super) struct Vain {
    pub(super) desired: Arc<[AclRule]>,
    pub(super) found: Found,
}

impl Vain {
    fn is_so(&self, desired: &[AclRule], found: &Found) -> bool {
        *self.desired == *desired && self.found == *found && found.has_ids_of(desired)
    }
}

/// Makes the ACLs of an endpoint these, unless that was in vain already. Every write follows from what was read just before it, and what was written is read again.
///
/// # Errors
/// What went wrong; what is in force then lets nothing through that neither the old list nor the new one does.
pub(super) fn converge(
    hns: &Hns,
    id: Guid,
    desired: &[AclRule],
    version: Version,
    remove_foreign: bool,
    vain: Option<&Vain>,
) -> Result<Outcome, Error> {
    let (mut count, mut whole) = (0, hns.door() == Door::V1);
    let mut endpoint = hns.endpoint(id)?;
    let mut found = Found::of(&endpoint, version);
    let target = target(desired, &found, version);
    let left = |found: &Found| {
        let (missing, more) = found.differs(&target);
        missing + more + if remove_foreign { found.intruders().count() } else { 0 }
    };
    let not_shown = |found: Found| {
        let (missing, _) = found.differs(&target);
        Error::NotShown { id, shown: target.len() - missing, wanted: target.len(), found: Box::new(found) }
    };
    if vain.is_some_and(|vain| vain.is_so(desired, &found)) {
        return Err(not_shown(found));
    }
    loop {
        let removes = remove_foreign && found.intruders().next().is_some();
        let at_once = removes || !found.garbled.is_empty();
        let call = writes(&found.ours, &target, found.beside, whole || at_once).into_iter().next();
        let Some(call) = call.or_else(|| at_once.then(|| Write::Replace(target.clone()))) else { break };
        let is_remove = matches!(call, Write::Remove(_));
        match write(hns, id, &found, call, removes) {
            Ok(()) => count += 1,
            // One that matches nothing may be refused, or not: what a Remove matches by is \[UNK\].
            Err(error) if is_remove && error.code().is_some() && !error.is_disconnected() => {}
            Err(error) => return Err(error.into()),
        }
        endpoint = hns.endpoint(id)?;
        let before = std::mem::replace(&mut found, Found::of(&endpoint, version));
        // What brings nothing nearer is done once, by the whole list, which needs no Remove; not again, or it might go on for ever.
        if left(&found) >= left(&before) {
            if whole {
                return Err(not_shown(found));
            }
            whole = true;
        }
    }
    Ok(Outcome { writes: count, intruders: found.intruders().map(describe).collect(), endpoint })
}

/// Closes an endpoint that has nothing of ours, and would be open while its own list can't be had; whether it did.
///
/// # Errors
/// Where not even that can be had.
pub(super) fn close(hns: &Hns, id: Guid, version: Version) -> Result<bool, Error> {
    let found = Found::of(&hns.endpoint(id)?, version);
    let is_bare = found.ours.is_empty() && found.garbled.is_empty();
    if is_bare {
        converge(hns, id, &blocked(version), version, false, None)?;
    }
    Ok(is_bare)
}

/// What is to be seen on an endpoint that should have these ACLs.
#[derive(Debug)]
pub(super) enum Seen {
    /// They are in force.
    Right,
    /// How its ACLs differ, in words.
    Differs(String),
    /// They are there, and so is one of others that is asked before them: which, in words.
    Intruder(String),
}

/// Looks at an endpoint.
///
/// # Errors
/// Where it can't be read.
pub(super) fn look(hns: &Hns, id: Guid, desired: &[AclRule], version: Version) -> Result<Seen, Error> {
    let found = Found::of(&hns.endpoint(id)?, version);
    let target = target(desired, &found, version);
    let (missing, more) = found.differs(&target);
    if (missing, more) != (0, 0) {
        let of = target.len();
        return Ok(Seen::Differs(format!(
            "HNS endpoint {id}: {missing} of {of} ACLs are missing, {more} are there that should not be"
        )));
    }
    Ok(found.intruders().next().map_or(Seen::Right, |intruder| Seen::Intruder(describe(intruder))))
}

/// The list that should be there, as HNS would show it.
fn target(desired: &[AclRule], found: &Found, version: Version) -> Vec<Acl> {
    let mut target = number(desired, &found.ours, version);
    sort(&mut target);
    target
}

fn write(hns: &Hns, id: Guid, found: &Found, call: Write, removes: bool) -> Result<(), margay_hcn::Error> {
    let policies = |acls: Vec<Acl>| acls.into_iter().map(Policy::Acl).collect::<Vec<_>>();
    match call {
        Write::Add(acls) => hns.add_policies(id, &policies(acls)),
        Write::Remove(acls) => hns.remove_policies(id, &policies(acls)),
        Write::Replace(acls) => {
            let intruders: Vec<&Policy> = if removes { found.intruders().collect() } else { Vec::new() };
            let foreign = found.foreign.iter().filter(|policy| !intruders.contains(policy)).cloned();
            hns.replace_acls(id, &foreign.chain(policies(acls)).collect::<Vec<_>>())
        }
    }
}

/// An ACL of others.
fn describe(policy: &Policy) -> String {
    match policy.acl() {
        Some(acl) => {
            let rule = &acl.rule;
            format!("{} {} {} of priority {}", rule.rule_type, rule.action, rule.direction, acl.priority)
        }
        None => "one that can't be read exactly".into(),
    }
}
