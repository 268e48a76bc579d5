//! Where a node's routes are: in HNS, and in the system's own table.

use super::BATCH;
use crate::routes::{Aim, Problem, Steps, check_own, gateway, overlay};
use margay_hcn::{Guid, Hns, IpRoute, Network, NetworkMode, Policy, RouteTable};
use margay_net::Prefix;
use margay_policy::Via;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Both, to be read and written.
pub(super) struct Tables {
    hns: Arc<Hns>,
    system: Mutex<Option<Arc<dyn RouteTable>>>,
    writes: AtomicU64,
}

/// What differs from what should be there.
#[derive(Default)]
pub(super) struct Found {
    pub(super) overlay: Steps<(Guid, Policy)>,
    pub(super) gateway: Steps<IpRoute>,
    /// Why routes can't be had.
    pub(super) failed: BTreeMap<Prefix, Problem>,
}

/// A policy of a network, for a destination.
type Piece = (Prefix, Policy);

#[derive(Clone, Copy, PartialEq)]
enum Act {
    Add,
    Remove,
}

impl<T> Steps<T> {
    /// The destinations for which something is to be done.
    pub(super) fn differing(&self) -> Vec<Prefix> {
        self.remove.iter().chain(&self.add).map(|(to, _)| *to).collect()
    }
}

impl Found {
    fn is_settled(&self) -> bool {
        self.overlay.differing().is_empty() && self.gateway.differing().is_empty()
    }
}

impl Tables {
    /// Those of an HNS, and of the system that this runs on.
    pub(super) fn new(hns: Arc<Hns>) -> Self {
        Self { hns, system: Mutex::new(system()), writes: AtomicU64::new(0) }
    }

    /// Takes another table for the system's.
    pub(super) fn set_system(&self, table: Arc<dyn RouteTable>) {
        *self.system.lock().unwrap_or_else(PoisonError::into_inner) = Some(table);
    }

    /// Calls so far that changed something.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Compares what is there with what should be.
    pub(super) fn read(&self, aim: &Aim) -> Found {
        let Aim { wanted, former, own } = aim;
        let mut found = Found::default();
        let ways = wanted.iter().map(|(to, via)| (*to, *via)).chain(former.iter().copied());
        let ways = ways.chain(own.map(|(to, vtep)| (to, Via::Tunnel(vtep))));
        let (tunnels, direct): (Vec<_>, Vec<_>) = ways.partition(|(_, via)| matches!(via, Via::Tunnel(_)));
        let all = |of: Vec<(Prefix, Via)>, problem: Problem| of.into_iter().map(move |(to, _)| (to, problem.clone()));
        if !tunnels.is_empty() {
            match self.networks() {
                Ok(networks) => {
                    found.overlay = overlay(wanted, former, &networks);
                    let own = own.and_then(|(to, vtep)| Some((to, check_own(&vtep, &networks).err()?)));
                    found.failed.extend(own);
                }
                Err(problem) => found.failed.extend(all(tunnels, problem)),
            }
        }
        if !direct.is_empty() {
            match self.system().and_then(|table| Ok(table.list()?)) {
                Ok(table) => found.gateway = gateway(wanted, former, &table),
                Err(problem) => found.failed.extend(all(direct, problem)),
            }
        }
        found.failed.extend(std::mem::take(&mut found.overlay.problems));
        found.failed.extend(std::mem::take(&mut found.gateway.problems));
        found
    }

    /// Makes what is there what it should be: what goes first, then what comes; every write follows from what was read just before, and is read again. Gives
    /// what failed.
    pub(super) fn converge(&self, aim: &Aim) -> BTreeMap<Prefix, Problem> {
        let found = self.read(aim);
        if found.is_settled() {
            return found.failed;
        }
        let Found { overlay, gateway, mut failed } = found;
        // Where the new route can't be had the old one stays, and where the old one stays the new one does not come.
        self.policies(Act::Remove, sound(overlay.remove, &failed), &mut failed);
        self.routes(Act::Remove, sound(gateway.remove, &failed), &mut failed);
        self.policies(Act::Add, sound(overlay.add, &failed), &mut failed);
        self.routes(Act::Add, sound(gateway.add, &failed), &mut failed);
        let again = self.read(aim);
        // What does not show is taken back where it can be, lest every try leave one more.
        for (_, (network, policy)) in &again.overlay.add {
            let _ = self.hns.remove_network_policies(*network, std::slice::from_ref(policy));
        }
        for (to, problem) in again.failed {
            failed.entry(to).or_insert(problem);
        }
        for to in again.overlay.differing().into_iter().chain(again.gateway.differing()) {
            failed.entry(to).or_insert(Problem::NotShown(to));
        }
        failed
    }

    fn networks(&self) -> Result<Vec<Network>, Problem> {
        let mut listing = self.hns.networks()?;
        match listing.failures.pop() {
            // The one that can't be read may be the one.
            Some(error) if !listing.objects.iter().any(|n| n.mode == NetworkMode::Overlay) => Err(error.into()),
            _ => Ok(listing.objects),
        }
    }

    fn system(&self) -> Result<Arc<dyn RouteTable>, Problem> {
        let system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.clone().ok_or(Problem::NoTable)
    }

    fn routes(&self, act: Act, routes: Vec<(Prefix, IpRoute)>, failed: &mut BTreeMap<Prefix, Problem>) {
        for (to, route) in routes {
            let done = self.system().and_then(|table| {
                let done = if act == Act::Add { table.add(&route) } else { table.remove(&route) };
                Ok(done?)
            });
            match done {
                Ok(()) => drop(self.writes.fetch_add(1, Ordering::Relaxed)),
                Err(problem) => drop(failed.insert(to, problem)),
            }
        }
    }

    fn policies(&self, act: Act, policies: Vec<(Prefix, (Guid, Policy))>, failed: &mut BTreeMap<Prefix, Problem>) {
        let mut by_network: BTreeMap<Guid, Vec<Piece>> = BTreeMap::new();
        for (to, (network, policy)) in policies {
            by_network.entry(network).or_default().push((to, policy));
        }
        for (network, pieces) in by_network {
            for batch in pieces.chunks(BATCH) {
                self.batch(act, network, batch, failed);
            }
        }
    }

    /// One call; where HNS refuses it, one for each policy, so that a bad one keeps out no other.
    fn batch(&self, act: Act, network: Guid, batch: &[Piece], failed: &mut BTreeMap<Prefix, Problem>) {
        match self.call(act, network, batch) {
            Ok(()) => {}
            Err(error) if error.code().is_some() && batch.len() > 1 => {
                // It may have been done in part.
                let there = self.hns.network(network).map(|network| network.policies).unwrap_or_default();
                let left = |policy: &Policy| there.contains(policy) != (act == Act::Add);
                for piece in batch.iter().filter(|(_, policy)| left(policy)) {
                    if let Err(error) = self.call(act, network, std::slice::from_ref(piece)) {
                        failed.insert(piece.0, error.into());
                    }
                }
            }
            Err(error) => failed.extend(batch.iter().map(|(to, _)| (*to, Problem::from(error.clone())))),
        }
    }

    fn call(&self, act: Act, network: Guid, pieces: &[Piece]) -> Result<(), margay_hcn::Error> {
        let policies: Vec<Policy> = pieces.iter().map(|(_, policy)| policy.clone()).collect();
        match act {
            Act::Add => self.hns.add_network_policies(network, &policies),
            Act::Remove => self.hns.remove_network_policies(network, &policies),
        }?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What is for destinations that nothing is wrong with.
fn sound<T>(steps: Vec<(Prefix, T)>, failed: &BTreeMap<Prefix, Problem>) -> Vec<(Prefix, T)> {
    steps.into_iter().filter(|(to, _)| !failed.contains_key(to)).collect()
}

#[cfg(windows)]
fn system() -> Option<Arc<dyn RouteTable>> {
    let routes = margay_hcn::SystemRoutes::load().ok()?;
    Some(Arc::new(routes))
}

#[cfg(not(windows))]
fn system() -> Option<Arc<dyn RouteTable>> {
    None
}
