//! `margay lab up`, `probe` and `down`: a lab that stays.

use super::{Wiring, caveat, measure, privilege};
use crate::flows::Question;
use crate::input::Input;
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::table::{self, Cell};
use crate::words::counted;
use crate::{Party, World};
use margay_api::Protocol;
use margay_lab::cluster::{Cluster, Measured, Options};
use margay_lab::fabric::{Fabric, Privilege};
use std::borrow::Cow;

/// The name of a lab where none is given.
const NAME: &str = "margay";

/// Make a lab that stays: the cluster as named network namespaces, with its policies in force
///
/// Needs root. Enter a pod with `ip netns exec`; `margay lab down` removes all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo margay lab up -f cluster/
  sudo ip netns exec margay-pod-shop_web ping -c1 10.0.0.7
  sudo ip netns exec margay-node-worker-1 nft list ruleset")]
pub(super) struct UpArgs {
    #[command(flatten)]
    input: Input,
    /// What the names of the namespaces begin with
    #[arg(long, default_value = NAME)]
    name: String,
    /// How pods are joined to their nodes
    #[arg(long, value_enum, default_value_t)]
    wiring: Wiring,
}

/// Send one packet in a lab that stands, and compare with the prediction
///
/// Give the resources and the wiring that the lab was made with. Exit code 1 where the measurement is not as predicted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo margay lab probe -f cluster/ shop/web shop/db:5432
  sudo margay lab probe -f cluster/ --protocol udp shop/web kube-system/dns:53")]
pub(super) struct ProbeArgs {
    #[command(flatten)]
    input: Input,
    /// Who sends: namespace/pod, node/NAME or an address
    from: String,
    /// Who is to receive, with the port: namespace/pod:PORT, node/NAME:PORT, 10.0.0.1:PORT or [fd00::1]:PORT
    to: String,
    /// TCP, UDP, SCTP, ICMP, ICMPv6 or a number
    #[arg(long, default_value = "TCP", value_parser = protocol)]
    protocol: Protocol,
    /// What the names of the namespaces begin with
    #[arg(long, default_value = NAME)]
    name: String,
    /// How pods are joined to their nodes
    #[arg(long, value_enum, default_value_t)]
    wiring: Wiring,
}

/// Remove a lab that `margay lab up` made
#[derive(Debug, clap::Args)]
pub(super) struct DownArgs {
    /// What the names of the namespaces begin with
    #[arg(long, default_value = NAME)]
    name: String,
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(text).map_err(|error| error.to_string())
}

fn options(wiring: Wiring, name: &str) -> Options {
    Options { wiring: wiring.into(), drop_invalid: true, name: Some(name.to_owned()), ..Options::default() }
}

fn failed(error: impl ToString) -> Failure {
    Failure::usage(error.to_string())
}

pub(super) fn up(args: &UpArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    if privilege()? != Privilege::Root {
        return Err(Failure::usage(
            "a lab that stays needs root, since its namespaces are named under /run/netns; `margay lab run` and `margay demo` do without",
        ));
    }
    let world = args.input.world(streams)?;
    let options = options(args.wiring, &args.name);
    let cluster = Cluster::up(&world.updates(), options).map_err(failed)?;
    caveat(&cluster, streams)?;
    let topology = cluster.fabric().topology();
    let name = |label: &str| Cell::from(format!("{}-{label}", args.name));
    let addresses =
        |list: &[std::net::IpAddr]| Cell::from(list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let nodes = topology.nodes.iter().map(|node| {
        vec![
            Cell::from("node"),
            Cell::from(&node.name),
            addresses(&node.addresses),
            name(&format!("node-{}", node.name)),
        ]
    });
    let pods = topology.pods.iter().map(|pod| {
        let namespace = format!("pod-{}", pod.id.replace('/', "_"));
        vec![Cell::from("pod"), Cell::from(&pod.id), addresses(&pod.addresses), name(&namespace)]
    });
    let rows: Vec<_> = nodes.chain(pods).collect();
    table::print(&["", "name", "addresses", "network namespace"], &rows, streams.paint(), streams.stdout)?;
    streams.hint(&format!(
        "Next: `ip netns exec {}-pod-… sh` enters a pod; `margay lab down` removes the lab.",
        args.name
    ))?;
    Ok(Exit::Fine)
}

pub(super) fn probe(args: &ProbeArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    privilege()?;
    let world = args.input.world(streams)?;
    let (to, port) = split_port(&args.to, args.protocol)?;
    let question = Question {
        from: Cow::Borrowed(&args.from),
        to: Cow::Borrowed(to),
        protocol: Some(args.protocol),
        port,
        source_port: None,
        icmp_type: None,
        icmp_code: None,
        family: None,
    };
    let find = |world: &World, text: &str| Party::find(world, text, None).map_err(Failure::Usage);
    let asked = question.resolve(&world, &find(&world, &args.from)?, &find(&world, to)?).map_err(Failure::Usage)?;
    let flows = asked.backends.unwrap_or_else(|| vec![asked.flow]);
    let options = options(args.wiring, &args.name);
    let mut cluster = Cluster::attach(&world.updates(), options).map_err(failed)?;
    let mut exit = Exit::Fine;
    let paint = streams.paint();
    for (flow, measured) in flows.iter().zip(measure(&mut cluster, &flows)?) {
        let word = |allowed: bool| {
            if allowed { paint.apply(Tone::Good, "allow") } else { paint.apply(Tone::Bad, "deny") }
        };
        let (predicted, what) = (
            cluster.predict(flow),
            match measured {
                Measured::Not(why) => format!("not measured: {why}"),
                Measured::Sent { arrived: true, replied: Some(false) } => "arrived, but no answer came back".to_owned(),
                Measured::Sent { arrived, .. } => format!("measured {}", word(arrived)),
            },
        );
        if measured.allowed().is_some_and(|allowed| allowed != predicted) {
            exit = Exit::Findings;
        }
        writeln!(
            streams.stdout,
            "{} -> {} {}: predicted {}, {what}",
            flow.src,
            flow.dst,
            flow.protocol,
            word(predicted)
        )?;
    }
    streams.hint(&format!("Next: `margay explain -f … {} {}` says why.", args.from, args.to))?;
    Ok(exit)
}

/// An end and its port: the number behind the last colon, where that is no part of an address.
fn split_port(text: &str, protocol: Protocol) -> Result<(&str, Option<u16>), Failure> {
    if !protocol.has_ports() {
        return Ok((text, None));
    }
    let missing = || Failure::usage(format!("{text:?} has no port, and {protocol} needs one: write {text}:80"));
    let (end, port) = text.rsplit_once(':').ok_or_else(missing)?;
    let end = end.strip_prefix('[').and_then(|end| end.strip_suffix(']')).unwrap_or(end);
    Ok((end, Some(port.parse().map_err(|_| missing())?)))
}

pub(super) fn down(args: &DownArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let removed = Fabric::remove_named(&args.name).map_err(failed)?;
    let text = match removed.len() {
        0 => format!("Nothing to remove: no lab {} is standing.", args.name),
        count => format!("Removed {}.", counted(count, "network namespace")),
    };
    writeln!(streams.stdout, "{text}")?;
    Ok(Exit::Fine)
}
