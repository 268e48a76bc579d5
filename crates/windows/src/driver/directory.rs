//! Which HNS endpoint has an address.

use margay_hcn::{Endpoint, Guid, Hns, Network, NetworkMode};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

use super::lock;

/// The endpoints of this node by address, as HNS last listed them. They are listed again when one is asked for that is not there, or may have moved.
#[derive(Default)]
pub(super) struct Directory {
    state: Mutex<State>,
    /// A list that was asked for before then is no good. Beside the list, so that nobody waits for HNS to say so.
    forgotten: Mutex<Option<Instant>>,
}

/// How old a list of endpoints may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Age {
    /// It was asked for since then.
    pub(super) since: Instant,
    /// Or it has one of the addresses, which did not move.
    pub(super) or_known: bool,
}

impl Age {
    /// As of now.
    pub(super) fn now() -> Self {
        Self { since: Instant::now(), or_known: false }
    }

    /// One that is good enough for both.
    pub(super) fn of_both(self, other: Self) -> Self {
        Self { since: self.since.max(other.since), or_known: self.or_known && other.or_known }
    }
}

#[derive(Default)]
struct State {
    /// When the list was asked for that this is made of.
    asked: Option<Instant>,
    by_address: HashMap<IpAddr, Vec<Place>>,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The endpoint.
    pub(super) id: Guid,
    /// The address that it was found by.
    pub(super) address: IpAddr,
    /// The mode of its network, where HNS is not known to enforce on it.
    pub(super) doubted: Option<NetworkMode>,
}

/// Why an address has no endpoint that can be programmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    /// No endpoint of this node has it.
    #[error(
        "no HNS endpoint that is attached on this node has the address {0}: its container may not have started yet"
    )]
    Endpoint(IpAddr),
    /// It is on a network of a kind where VFP enforces nothing \[MS, FIELD\].
    #[error(
        "the HNS endpoint of {address} is on a network of type {mode}, where HNS takes ACLs and enforces none: use L2Bridge, L2Tunnel or Overlay"
    )]
    Network {
        /// The address.
        address: IpAddr,
        /// The network's mode.
        mode: NetworkMode,
    },
    /// The list could not be had.
    #[error("listing HNS endpoints: {0}")]
    Hns(#[from] margay_hcn::Error),
}

impl Directory {
    /// The endpoints that have any of these addresses, by a list of this age.
    ///
    /// The list is V1's, one call for all of it, whatever the version \[SRC\]: asking V2 for each would take as many calls as there are endpoints.
    pub(super) fn find(&self, v1: &Hns, addresses: &[IpAddr], age: Age) -> Result<Vec<Place>, Missing> {
        let mut state = lock(&self.state);
        let known = age.or_known && addresses.iter().any(|address| state.by_address.contains_key(address));
        let young = known || state.asked.is_some_and(|asked| asked >= age.since);
        if !young || state.asked <= *lock(&self.forgotten) {
            *state = State::read(v1)?;
        }
        let mut places: Vec<Place> = Vec::new();
        for address in addresses {
            // One that no endpoint has is of a family that this HNS lacks: it sends and receives nothing.
            for place in state.by_address.get(address).into_iter().flatten() {
                if places.iter().all(|known| known.id != place.id) {
                    places.push(place.clone());
                }
            }
        }
        match addresses.first().filter(|_| places.is_empty()) {
            Some(address) => Err(Missing::Endpoint(*address)),
            None => Ok(places),
        }
    }

    /// What is known holds no more: HNS told of a change, or an endpoint was not there.
    pub(super) fn forget(&self) {
        *lock(&self.forgotten) = Some(Instant::now());
    }
}

impl State {
    fn read(v1: &Hns) -> Result<Self, Missing> {
        let asked = Some(Instant::now());
        let networks = v1.networks()?.objects.into_iter();
        let doubted: HashMap<Guid, NetworkMode> = networks
            .filter(|network| !network.mode.enforces_switch_acls())
            .map(|network: Network| (network.id, network.mode))
            .collect();
        let mut by_address: HashMap<IpAddr, Vec<Place>> = HashMap::new();
        for endpoint in v1.endpoints()?.objects.into_iter().filter(is_here) {
            let doubted = endpoint.network.and_then(|network| doubted.get(&network).cloned());
            for address in endpoint.addresses {
                let place = Place { id: endpoint.id, address, doubted: doubted.clone() };
                by_address.entry(address).or_default().push(place);
            }
        }
        Ok(Self { asked, by_address })
    }
}

/// Whether an endpoint is a container's of this node: not one that stands for a pod elsewhere, nor one that a container left behind, whose address another may
/// have by now \[FIELD\].
fn is_here(endpoint: &Endpoint) -> bool {
    !endpoint.remote && endpoint.state.is_none_or(|state| state.is_attached())
}
