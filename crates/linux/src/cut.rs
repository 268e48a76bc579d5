//! Ending established connections that are denied now.

use margay_net::Protocol;
use margay_nftables::Error;
use margay_nftables::conntrack::{Connection, Conntrack, Endpoints};
use margay_policy::{Flow, Plan, verdict};

/// Forgets each tracked connection of a local pod whose first packet the Plan denies. Its next packet begins a connection anew, and meets policy.
/// Returns how many.
pub(crate) fn cut(plan: &Plan, conntrack: &mut Conntrack) -> Result<usize, Error> {
    let mut denied = Vec::new();
    conntrack.for_each(|connection| {
        if flow(connection).is_some_and(|flow| !verdict(plan, &flow).allow) {
            denied.push(*connection);
        }
    })?;
    let mut ended = 0;
    for connection in denied {
        ended += usize::from(conntrack.delete(&connection)?);
    }
    Ok(ended)
}

/// The first packet as policy saw it: its own source, and the destination that it was translated to, which is the source of the answer.
fn flow(connection: &Connection) -> Option<Flow> {
    let (first, answer) = (connection.original, connection.reply);
    let mut flow = Flow::new(first.source, answer.source, Protocol(first.protocol));
    match (first.endpoints, answer.endpoints) {
        (Endpoints::Ports { source, .. }, Endpoints::Ports { source: translated, .. }) => {
            flow.source_port = source;
            flow.port = translated;
        }
        (Endpoints::Icmp { kind, code, .. }, _) => flow.icmp = (kind, code),
        _ => {}
    }
    (first.source.is_ipv4() == answer.source.is_ipv4()).then_some(flow)
}
