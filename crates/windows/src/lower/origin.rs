//! What an ACL comes from.

use margay_policy::{Direction, Key};
use smol_str::SmolStr;
use std::fmt;

/// What an ACL comes from; one that stands for several things comes from each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A rule of a policy, by its index there.
    Rule(Key, Direction, u16),
    /// The default action of a tier, and the policies that make the tier take part.
    TierEnd(SmolStr, Vec<Key>),
    /// What is behind the last tier: whether a profile lets the packet through.
    Profile,
    /// A pod is let in from its own node.
    OwnNode,
    /// A pod may reach itself.
    Itself,
    /// Neighbour discovery works.
    NeighbourDiscovery,
    /// The setting `endpointToHostAction`.
    EndpointToHost,
    /// The host's own firewall, which lets everything through to VFP.
    HostFirewall,
    /// What there was no room for is closed.
    OverBudget,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Rule(policy, direction, index) => write!(f, "{policy} {direction}[{index}]"),
            Origin::TierEnd(tier, policies) => {
                write!(f, "end of tier {tier}")?;
                let names: Vec<String> = policies.iter().map(ToString::to_string).collect();
                if names.is_empty() { Ok(()) } else { write!(f, " ({})", names.join(", ")) }
            }
            Origin::Profile => f.write_str("profile"),
            Origin::OwnNode => f.write_str("from its own node"),
            Origin::Itself => f.write_str("to itself"),
            Origin::NeighbourDiscovery => f.write_str("neighbour discovery"),
            Origin::EndpointToHost => f.write_str("endpointToHostAction"),
            Origin::HostFirewall => f.write_str("host firewall"),
            Origin::OverBudget => f.write_str("over budget"),
        }
    }
}

/// Origins by small numbers.
#[derive(Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// The number of one; what there is no number left for is as [`Origin::OverBudget`], at 0.
    pub(super) fn place(&mut self, origin: Origin) -> u16 {
        if self.0.is_empty() {
            self.0.push(Origin::OverBudget);
        }
        // Those that come again do so soon.
        if let Some(back) = self.0.iter().rev().position(|known| *known == origin) {
            return (self.0.len() - 1 - back) as u16;
        }
        match u16::try_from(self.0.len()) {
            Ok(place) => {
                self.0.push(origin);
                place
            }
            Err(_) => 0,
        }
    }

    pub(super) fn get(&self, place: u16) -> &Origin {
        self.0.get(usize::from(place)).unwrap_or(&Origin::OverBudget)
    }
}
