//! Access control rules: how they are read and refused, how they are compiled, and which of them decides.

mod compile;
mod decide;
mod ranges;
mod read;
mod tier;

pub(crate) use compile::{Contents, USABLE, compile};
pub use decide::{Decision, GroupName, LayerName, Rules, Verdict, VfpRule, Why};
pub(crate) use read::{Acl, Judge, Sets, exact_prefix};
pub(crate) use tier::{TIER_MEMBERS, Tier};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Lets the packet through.
    Allow,
    /// Drops it.
    Block,
    /// Leaves the tier for the next; in tiers alone.
    Pass,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Pass => "pass",
        })
    }
}

/// Where a rule is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RuleType {
    /// By VFP.
    Switch,
    /// By WFP, the host's firewall.
    Host,
}
