//! How a Plan changed.

use crate::{Endpoint, EndpointId, IpSet, Member, PlanPolicy, PolicyId, Route, SetId, Stack, StackId};
use margay_net::Prefix;
use smol_str::SmolStr;

/// What one flush of the engine changed, in an order that keeps traffic safe when done step by step: what is referred to comes before what refers to
/// it, what is no longer referred to goes last.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The revision of the Plan after the changes.
    pub revision: u64,
    /// In the order of [`Delta`]'s variants.
    pub deltas: Vec<Delta>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }
}

/// One change. What was added or changed is read from the Plan, by its id; what was removed is here, since the Plan has it no longer. An id that was
/// removed is not used again within the same [`Changes`].
///
/// Sets, policies and stacks that only staged policies need are in the Plan too, with `enforced` unset, and their deltas are here; a driver passes
/// over them. When one comes to be enforced, it is told as if it were new ([`Delta::SetAdded`], [`Delta::PolicyPut`], [`Delta::StackAdded`]); when
/// one no longer is but stays for staged policies, by [`Delta::SetStaged`], [`Delta::PolicyStaged`] and [`Delta::StackStaged`], at the place in the
/// order where it would be removed. So a driver takes in what is added and has `enforced` set, and takes out what is removed or staged.
#[derive(Clone, Debug)]
pub enum Delta {
    /// A set is new (or newly enforced), with the members it has in the Plan.
    SetAdded(SetId),
    /// Members came to a set that was there before.
    MembersAdded(SetId, Vec<Member>),
    /// A policy is new (or newly enforced), or its rules changed.
    PolicyPut(PolicyId),
    /// A stack is new (or newly enforced). Stacks never change.
    StackAdded(StackId),
    /// A node is new or changed, its host endpoint ([`Plan::uplinks`](crate::Plan::uplinks)) included; or, when the Plan has it no longer, gone.
    Node(SmolStr),
    /// An endpoint is new or changed.
    EndpointPut(EndpointId),
    /// An endpoint is gone.
    EndpointRemoved(EndpointId, Box<Endpoint>),
    /// A stack is no longer enforced, but an endpoint's staged stacks have it.
    StackStaged(StackId),
    /// A stack is gone.
    StackRemoved(StackId, Box<Stack>),
    /// A policy is no longer enforced, but staged stacks have it.
    PolicyStaged(PolicyId),
    /// A policy is gone.
    PolicyRemoved(PolicyId, Box<PlanPolicy>),
    /// Members left a set that stays.
    MembersRemoved(SetId, Vec<Member>),
    /// A set is no longer needed by what is enforced, but by staged policies. Its members go on being told.
    SetStaged(SetId),
    /// A set is gone.
    SetRemoved(SetId, Box<IpSet>),
    /// A route is gone, or leads another way: then it is told as added, too.
    RouteRemoved(Box<Route>),
    /// There is a route to a destination that had none, or that had another.
    RouteAdded(Prefix),
}

impl Delta {
    /// Its place in the order.
    pub fn rank(&self) -> u8 {
        match self {
            Delta::SetAdded(_) => 0,
            Delta::MembersAdded(..) => 1,
            Delta::PolicyPut(_) => 2,
            Delta::StackAdded(_) => 3,
            Delta::Node(_) => 4,
            Delta::EndpointPut(_) => 5,
            Delta::EndpointRemoved(..) => 6,
            Delta::StackStaged(_) | Delta::StackRemoved(..) => 7,
            Delta::PolicyStaged(_) | Delta::PolicyRemoved(..) => 8,
            Delta::MembersRemoved(..) => 9,
            Delta::SetStaged(_) | Delta::SetRemoved(..) => 10,
            Delta::RouteRemoved(_) => 11,
            Delta::RouteAdded(_) => 12,
        }
    }
}
