//! The tiers that apply to an endpoint, in order.

use crate::{Direction, Name, PolicyId};
use smol_str::SmolStr;

/// Tiers of policies, in order, for both directions. Endpoints with the same tiers share one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The stable name: the hash of the names of all in it.
    pub name: Name,
    /// Tiers that take part in ingress.
    pub ingress: Vec<TierSlice>,
    /// Tiers that take part in egress.
    pub egress: Vec<TierSlice>,
    /// What happens to a packet that the last tier passed on, or that no tier spoke of.
    pub end: End,
    /// Whether an endpoint is enforced by it (and not merely staged); drivers leave the others out.
    pub enforced: bool,
}

impl Stack {
    /// The tiers of one direction.
    pub fn tiers(&self, direction: Direction) -> &[TierSlice] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether it says nothing of this direction but its [`End`].
    pub fn is_empty(&self, direction: Direction) -> bool {
        self.tiers(direction).is_empty()
    }
}

/// The policies of one tier that apply to an endpoint in one direction; at least one. A profile of a host endpoint is a slice too, of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TierSlice {
    /// The tier; empty for a profile.
    pub tier: SmolStr,
    /// In order.
    pub policies: Vec<PolicyId>,
    /// What happens to a packet that no rule of them decided.
    pub end: TierEnd,
}

/// A tier's default action. Pass as an action of a rule always goes on to the next slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TierEnd {
    /// Drop it.
    Deny,
    /// On to the next slice.
    Pass,
}

/// What is behind the last tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Let it through: a pod's Namespace allows; forwarded traffic of a host endpoint is allowed.
    Allow,
    /// Drop it: no profile let it through.
    Deny,
    /// On to the host endpoint's next stage.
    Next,
}
