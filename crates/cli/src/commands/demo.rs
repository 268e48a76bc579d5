//! `margay demo`: a small cluster made real, measured, and explained.

use crate::commands::lab::{caveat, measure, privilege};
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::table::{self, Cell};
use crate::words::counted;
use crate::{Party, World, words};
use margay_api::{Key, Kind, Object, Protocol};
use margay_datastore::{Folder, Source};
use margay_engine::Scope;
use margay_lab::cluster::{Cluster, Options};
use margay_lab::fabric::Privilege;
use margay_policy::{Finding, Flow, RuleId, findings};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// The cluster, as it stands in the sources.
const FILES: [(&str, &str); 2] = [
    ("examples/demo/cluster.yaml", include_str!("../../../../examples/demo/cluster.yaml")),
    ("examples/demo/policies.yaml", include_str!("../../../../examples/demo/policies.yaml")),
];

/// Who sends.
const SOURCES: [&str; 7] = [
    "shop/frontend",
    "shop/orders",
    "shop/database",
    "monitoring/prometheus",
    "kube-system/coredns",
    "node/linux-1",
    "203.0.113.9",
];

/// Who receives, and on which port.
const DESTINATIONS: [(&str, Protocol, u16); 6] = [
    ("shop/frontend", Protocol::TCP, 80),
    ("shop/frontend", Protocol::TCP, 9100),
    ("shop/orders", Protocol::TCP, 8080),
    ("shop/database", Protocol::TCP, 5432),
    ("monitoring/prometheus", Protocol::TCP, 9090),
    ("kube-system/coredns", Protocol::UDP, 53),
];

/// See it work: a small mixed cluster on this machine, its policies enforced on real packets, and what is wrong with them
///
/// Nodes and pods become network namespaces for as long as it takes; nothing else on the machine is touched. It needs no root where ordinary users may
/// make user namespaces. The cluster is in examples/demo of the sources. Exit code 1 where a packet was not treated as predicted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  margay demo")]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let privilege = privilege()?;
    let started = Instant::now();
    let mut folder =
        FILES.iter().fold(Folder::of_text(FILES[0].0, FILES[0].1), |f, (name, text)| f.with_text(name, *text));
    folder.poll();
    let world = World::of(vec![Arc::new(folder)], Scope::Everything);
    let mut cluster =
        Cluster::up(&world.updates(), Options::default()).map_err(|error| Failure::usage(error.to_string()))?;
    caveat(&cluster, streams)?;
    let made = started.elapsed();
    let exit = matrix(&world, &mut cluster, made, privilege, streams)?;
    wrong(&world, streams)?;
    streams.hint(
        "Next: `margay explain -f examples/demo shop/orders kube-system/coredns:53 --protocol udp` says why; \
         `margay lab run` does the same with your own YAML.",
    )?;
    Ok(exit)
}

fn matrix(
    world: &World,
    cluster: &mut Cluster,
    made: std::time::Duration,
    privilege: Privilege,
    streams: &mut Streams<'_>,
) -> Result<Exit, Failure> {
    let find = |text: &str| Party::find(world, text, None).map_err(Failure::Usage);
    let mut flows = Vec::new();
    for source in SOURCES {
        for (destination, protocol, port) in DESTINATIONS {
            let (from, to) = (find(source)?.addresses[0], find(destination)?.addresses[0]);
            flows.push(Flow::new(from, to, protocol).port(port));
        }
    }
    let sending = Instant::now();
    let measured = measure(cluster, &flows)?;
    let took = sending.elapsed();
    let (mut sent, mut wrong) = (0, 0);
    let cells: Vec<Cell> = flows
        .iter()
        .zip(&measured)
        .map(|(flow, measured)| {
            let predicted = cluster.predict(flow);
            let Some(allowed) = measured.allowed() else { return Cell("·".into(), Tone::Dim) };
            sent += 1;
            if allowed != predicted {
                wrong += 1;
                return Cell(format!("! predicted {}", if predicted { "✓" } else { "✗" }), Tone::Mixed);
            }
            if allowed { Cell("✓".into(), Tone::Good) } else { Cell("✗".into(), Tone::Bad) }
        })
        .collect();
    let topology = cluster.fabric().topology();
    let how = if privilege == Privilege::Root { "as root" } else { "as an ordinary user, in a user namespace" };
    writeln!(
        streams.stdout,
        "{}: {}, {}, up with their policies in force in {} ms, {how}.",
        FILES[0].0.trim_end_matches("/cluster.yaml"),
        counted(topology.nodes.len(), "node"),
        counted(topology.pods.len(), "pod"),
        made.as_millis()
    )?;
    let windows: Vec<String> =
        cluster.plan().nodes.values().filter(|node| node.windows).map(|node| node.name.to_string()).collect();
    if !windows.is_empty() {
        let windows = words::list(windows, "and");
        writeln!(
            streams.stdout,
            "The Windows node {windows} has an emulated HNS {}: its pods' packets pass the ACLs that a real one would have.",
            margay_lab::cluster::HNS_VERSION
        )?;
    }
    writeln!(streams.stdout, "\nWho reaches whom, measured with {sent} packets in {} ms:\n", took.as_millis())?;
    let header = |(to, protocol, port): &(&str, Protocol, u16)| match *protocol {
        Protocol::TCP => format!("{to}:{port}"),
        protocol => format!("{to}:{port}/{}", protocol.to_string().to_lowercase()),
    };
    let headers: Vec<String> =
        std::iter::once("from \\ to".to_owned()).chain(DESTINATIONS.iter().map(header)).collect();
    let rows: Vec<Vec<Cell>> = SOURCES
        .iter()
        .zip(cells.chunks(DESTINATIONS.len()))
        .map(|(source, cells)| std::iter::once(Cell::from(*source)).chain(cells.iter().cloned()).collect())
        .collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    table::print(&headers, &rows, streams.paint(), streams.stdout)?;
    let verdict = match wrong {
        0 => {
            format!("Predicted and measured agree in each of the {sent} cells (✓ let through, ✗ dropped, · not sent).")
        }
        _ => format!("{} measured otherwise than predicted.", counted(wrong, "cell")),
    };
    writeln!(streams.stdout, "\n{verdict}")?;
    Ok(if wrong == 0 { Exit::Fine } else { Exit::Findings })
}

/// What is probably not meant, each with its place and its remedy.
fn wrong(world: &World, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let policies: Vec<&Key> = world
        .objects()
        .filter(|object| {
            matches!(object, Object::NetworkPolicy(_) | Object::ClusterNetworkPolicy(_) | Object::CalicoPolicy(_))
        })
        .map(Object::key)
        .collect();
    let is_dns = |object: &&Object| {
        object.key().kind == Kind::Pod && object.meta().labels.iter().any(|(k, v)| k == "k8s-app" && v == "kube-dns")
    };
    let dns: BTreeSet<Key> = world.objects().filter(is_dns).map(|object| object.key().clone()).collect();
    let found = findings(world.plan(), policies, &dns);
    writeln!(streams.stdout, "\nWhat is probably not meant: {}\n", counted(found.len(), "finding"))?;
    let paint = streams.paint();
    for finding in found {
        let (title, place, remedy) = words_of(world, &finding);
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        writeln!(streams.stdout, "  {}{place}\n    {remedy}", paint.apply(Tone::Bold, &title))?;
    }
    Ok(())
}

fn words_of(world: &World, finding: &Finding) -> (String, Option<String>, String) {
    match finding {
        Finding::SelectsNothing { policy } => (
            format!("{policy} selects nothing"),
            world.place(policy),
            "No pod has the labels it asks for, so it isolates nobody: compare them with the pods'.".into(),
        ),
        Finding::DeadPeer { policy, direction, index } => {
            let rule = RuleId { policy: policy.clone(), direction: *direction, index: *index };
            (
                format!("{policy} {direction} rule {index} matches nobody"),
                world.rule_place(&rule).map(|place| place.to_string()),
                "Nothing that is there now is such a peer, so the rule lets nothing through: compare its labels with the pods'.".into(),
            )
        }
        Finding::WindowsHost { host } => (
            format!("{host} is on a Windows node"),
            world.place(host),
            "Windows has no rules for a node's own interfaces, so its policies are not enforced there: use the Windows firewall."
                .into(),
        ),
        Finding::OverlappingPodCidrs { cidr, node, inner, other } => (
            format!("pod CIDR {inner} of node {other} overlaps {cidr} of node {node}"),
            None,
            "Pods of both may have one address, and packets get to one of them: give each node a CIDR of its own.".into(),
        ),
        Finding::DnsCutOff { pod, by } => {
            let by_names = words::list(by.iter().map(ToString::to_string), "and");
            (
                format!("{pod} can't ask DNS"),
                by.last().and_then(|policy| world.place(policy)),
                format!("{by_names} isolate it, and no egress rule allows UDP or TCP 53 to the DNS pods: add one."),
            )
        }
    }
}
