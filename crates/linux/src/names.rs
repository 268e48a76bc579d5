//! What our objects in the kernel are called.
//!
//! A name says what the object is (`pol`, `tier`, `stack`, `set`), which way and which family it is for, and which one by its stable
//! [`Name`]; a comment beside it says it in words. Chains for packets kept out of connection tracking have a `u` more.

use margay_net::Family;
use margay_policy::{Direction, Name};

/// The one table.
pub(crate) const TABLE: &str = "margay";

/// What an Allow in a chain does: the same rules make different chains where packets are kept out of connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tracking {
    /// Accept: on to the next base chain.
    Tracked,
    /// Keep the packet out of connection tracking, and accept.
    Untracked,
}

/// The way, the family and the tracking that a chain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) direction: Direction,
    pub(crate) family: Family,
    pub(crate) tracking: Tracking,
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match self.direction {
            Direction::Ingress => "in",
            Direction::Egress => "out",
        };
        let untracked = if self.tracking == Tracking::Untracked { "u" } else { "" };
        write!(f, "{way}{}{untracked}", digit(self.family))
    }
}

pub(crate) fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
    }
}

pub(crate) fn policy(name: Name, lane: Lane) -> String {
    format!("pol-{lane}-{name}")
}

pub(crate) fn tier(name: Name, lane: Lane) -> String {
    format!("tier-{lane}-{name}")
}

pub(crate) fn stack(name: Name, lane: Lane) -> String {
    format!("stack-{lane}-{name}")
}

pub(crate) fn set(name: Name, family: Family) -> String {
    format!("set{}-{name}", digit(family))
}

/// The verdict map from a pod's address to its stack; to accept, where it has none.
pub(crate) fn dispatch(direction: Direction, family: Family) -> String {
    match direction {
        Direction::Ingress => format!("to-pod{}", digit(family)),
        Direction::Egress => format!("from-pod{}", digit(family)),
    }
}

/// The addresses of local pods.
pub(crate) fn pods(family: Family) -> String {
    format!("pods{}", digit(family))
}

/// Each local pod's address twice: what a pod sends to itself.
pub(crate) fn itself(family: Family) -> String {
    format!("itself{}", digit(family))
}

/// Interfaces whose pods' addresses are known.
pub(crate) const INTERFACES: &str = "interfaces";

/// Interface and address, for each known.
pub(crate) fn bound(family: Family) -> String {
    format!("bound{}", digit(family))
}
