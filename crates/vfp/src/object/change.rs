//! What an Add, an Update and a Remove do to a list of policies.

use crate::document::{Answer, Refusal};
use crate::knobs::{Duplicates, Knobs, Remove, Update};
use crate::object::{Owner, Policy};
use margay_hcn::ErrorCode;

/// What a change asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Add,
    Update,
    Remove,
}

/// Changes a list of policies; on failure it may be half changed, and is to be thrown away.
pub(crate) fn change(
    policies: &mut Vec<Policy>,
    request: Request,
    brought: Vec<Policy>,
    knobs: &Knobs,
    owner: Owner,
) -> Answer<()> {
    match request {
        Request::Add => brought.into_iter().try_for_each(|policy| add(policies, policy, knobs)),
        Request::Remove => brought.iter().try_for_each(|policy| remove(policies, policy, knobs)),
        // Of a network, an Update of its subnet routes is not to take away its adapter [INF].
        Request::Update if knobs.update == Update::AllTypes && owner == Owner::Endpoint => {
            *policies = brought;
            Ok(())
        }
        Request::Update => {
            policies.retain(|policy| !brought.iter().any(|new| new.kind == policy.kind));
            policies.extend(brought);
            Ok(())
        }
    }
}

fn add(policies: &mut Vec<Policy>, policy: Policy, knobs: &Knobs) -> Answer<()> {
    let there = policies.contains(&policy);
    match knobs.duplicates {
        Duplicates::Refused if there => Err(Refusal::new(
            ErrorCode::POLICY_ALREADY_EXISTS,
            format!("such a policy of type {} is there", policy.kind),
        )),
        Duplicates::Ignored if there => Ok(()),
        _ => {
            policies.push(policy);
            Ok(())
        }
    }
}

/// Removes the first that is exactly like it: whether less is enough is not known \[UNK\].
fn remove(policies: &mut Vec<Policy>, policy: &Policy, knobs: &Knobs) -> Answer<()> {
    match policies.iter().position(|there| there == policy) {
        Some(at) => drop(policies.remove(at)),
        None if knobs.remove == Remove::MissingIgnored => {}
        None => {
            let why = format!("there is no such policy of type {} to remove", policy.kind);
            return Err(Refusal::new(ErrorCode::POLICY_NOT_FOUND, why));
        }
    }
    Ok(())
}

/// What V1 does with the policies of an update: they replace all ACLs, and policies of other types stay \[SRC\].
pub(crate) fn replace_acls(policies: &mut Vec<Policy>, brought: Vec<Policy>) {
    policies.retain(|policy| policy.acl.is_none());
    for policy in brought {
        if policy.acl.is_some() || !policies.contains(&policy) {
            policies.push(policy);
        }
    }
}
