//! The work of each row.

mod acls;
mod cluster;
mod index;
mod isolated;
mod netset;
mod nft;
mod packet;
mod selector;
mod server;
mod snapshot;
mod steady;
mod table;

use crate::measure::{Measured, Meter};
use margay_engine::{Engine, Scope};
use margay_policy::Plan;

/// A row: its name, and what it measures.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Measured,
}

const fn row(name: &'static str, run: fn() -> Measured) -> Row {
    Row { name, run }
}

/// Every row, in the order of the report.
pub(crate) const ROWS: &[Row] = &[
    row("snapshot-250k-10k", || whole(|engine| snapshot::feed(engine, 250_000), false)),
    row("snapshot-250k-10k-deleted", || whole(|engine| snapshot::feed(engine, 250_000), true)),
    row("netset-10k-1k", || whole(|engine| netset::feed(engine, 1_000), false)),
    row("netset-10k-1k-deleted", || whole(|engine| netset::feed(engine, 1_000), true)),
    row("netset-10k-10k", || whole(|engine| netset::feed(engine, 10_000), false)),
    row("netset-10k-10k-deleted", || whole(|engine| netset::feed(engine, 10_000), true)),
    row("isolated-10k", || whole(|engine| isolated::feed(engine, 10_000), false)),
    row("isolated-10k-deleted", || whole(|engine| isolated::feed(engine, 10_000), true)),
    row("isolated-100k", || whole(|engine| isolated::feed(engine, 100_000), false)),
    row("isolated-100k-deleted", || whole(|engine| isolated::feed(engine, 100_000), true)),
    row("steady-pod-label", steady::pod_label),
    row("steady-pod-comes", steady::pod_comes),
    row("steady-pod-goes", steady::pod_goes),
    row("steady-policy-selector", steady::policy_selector),
    row("steady-namespace-label", steady::namespace_label),
    row("index-endpoint-10", || index::endpoint(10)),
    row("index-endpoint-100", || index::endpoint(100)),
    row("index-endpoint-1000", || index::endpoint(1_000)),
    row("index-endpoint-10000", || index::endpoint(10_000)),
    row("index-selector-100", || index::selector(100)),
    row("index-selector-1000", || index::selector(1_000)),
    row("index-selector-10000", || index::selector(10_000)),
    row("index-selector-100000", || index::selector(100_000)),
    row("index-namespace-100", || index::namespace_update(100)),
    row("index-namespace-1000", || index::namespace_update(1_000)),
    row("index-namespace-10000", || index::namespace_update(10_000)),
    row("index-namespace-100000", || index::namespace_update(100_000)),
    row("selector-parse", selector::parse),
    row("selector-match", selector::matches),
    row("cluster-changes", server::changes),
    row("cluster-idle", server::idle),
    row("nft-resync-100x20", || nft::resync(nft::Scale(100, 20, 10))),
    row("nft-resync-500x50", || nft::resync(nft::Scale(500, 50, 10))),
    row("nft-resync-2000x100", || nft::resync(nft::Scale(2_000, 100, 10))),
    row("nft-idle-100x20", || nft::idle(nft::Scale(100, 20, 10))),
    row("nft-idle-500x50", || nft::idle(nft::Scale(500, 50, 10))),
    row("nft-idle-2000x100", || nft::idle(nft::Scale(2_000, 100, 10))),
    row("nft-member-100x20", || nft::one_member(nft::Scale(100, 20, 10))),
    row("nft-member-500x50", || nft::one_member(nft::Scale(500, 50, 10))),
    row("nft-member-2000x100", || nft::one_member(nft::Scale(2_000, 100, 10))),
    row("nft-policy-100x20", || nft::one_policy(nft::Scale(100, 20, 10))),
    row("nft-policy-500x50", || nft::one_policy(nft::Scale(500, 50, 10))),
    row("nft-policy-2000x100", || nft::one_policy(nft::Scale(2_000, 100, 10))),
    row("packet-elsewhere-10-established", || packet::elsewhere(10, packet::Of::Established)),
    row("packet-elsewhere-1000-established", || packet::elsewhere(1_000, packet::Of::Established)),
    row("packet-elsewhere-10000-established", || packet::elsewhere(10_000, packet::Of::Established)),
    row("packet-elsewhere-10-new", || packet::elsewhere(10, packet::Of::New)),
    row("packet-elsewhere-1000-new", || packet::elsewhere(1_000, packet::Of::New)),
    row("packet-elsewhere-10000-new", || packet::elsewhere(10_000, packet::Of::New)),
    row("packet-here-1", || packet::here(1)),
    row("packet-here-10", || packet::here(10)),
    row("packet-here-100", || packet::here(100)),
    row("acls-cyclonus", acls::cyclonus),
    row("acls-negation", acls::negation),
    row("acls-tiers", acls::tiers),
    row("acls-large", acls::large),
];

/// An engine for the node that local endpoints are on.
fn engine() -> Engine {
    Engine::new(Scope::Node(cluster::LOCAL.into()))
}

/// A fresh engine fed a cluster and flushed, then perhaps rid of its local endpoints, and measured with all that it still holds.
fn whole(feed: impl Fn(&mut Engine) -> Vec<margay_api::Key>, delete: bool) -> Measured {
    let meter = Meter::start();
    let mut engine = engine();
    let local = feed(&mut engine);
    engine.in_sync();
    let mut deltas = engine.flush().deltas.len();
    if delete {
        local.iter().for_each(|key| engine.update(key, None));
        deltas += engine.flush().deltas.len();
    }
    drop(local);
    let measured = meter.stop(deltas);
    Measured { note: told(engine.plan()), ..measured }
}

/// What is in a Plan.
fn told(plan: &Plan) -> String {
    let members: usize = plan.sets.iter().map(|(_, set)| set.members.len()).sum();
    let applied = plan.endpoints.iter().flat_map(|(_, endpoint)| endpoint.stacks.iter());
    let slices = applied.flat_map(|stack| plan.stacks[stack].ingress.iter().chain(&plan.stacks[stack].egress));
    let matches: usize = slices.map(|slice| slice.policies.len()).sum();
    format!(
        "[{} endpoints, {matches} policy matches, {} policies, {} stacks, {} sets of {members}]",
        plan.endpoints.len(),
        plan.policies.len(),
        plan.stacks.len(),
        plan.sets.len()
    )
}
