//! `margay lab up`, `apply`, `probe` and `down`: a lab that stays.

use super::{Wiring, caveat, hold, measure, privilege};
use crate::commands::render::version;
use crate::flows::Question;
use crate::input::Files;
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::table::{self, Cell};
use crate::words::counted;
use crate::{Party, World};
use margay_api::Protocol;
use margay_hcn::Version;
use margay_lab::cluster::{Cluster, HNS_VERSION, Measured, Options};
use margay_lab::fabric::Privilege;
use margay_lab::standing::{HNS_PORT, Lab, Request, Resources, Response, Sample};
use margay_policy::{Flow, verdict};
use std::borrow::Cow;

/// The name of a lab where none is given.
const NAME: &str = "margay";

/// Make a lab that stays: the cluster as named network namespaces, with its policies in force
///
/// Needs root. A process in the background holds it. A node labelled kubernetes.io/os: windows is on an emulated HNS, whose VFP that process asks about
/// every frame of the node's pods: where the process ends, these pods are cut off.
///
/// Enter a pod with `ip netns exec`, change its policies with `margay lab apply`; `margay lab down` removes all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo margay lab up -f cluster/
  sudo ip netns exec margay-pod-shop_web ping -c1 10.0.0.7
  sudo ip netns exec margay-node-worker-1 nft list ruleset
  sudo ip netns exec margay-node-windows-1 env MARGAY_VFP=127.0.0.1:4711 vfpctrl /list-vmswitch-port")]
pub(super) struct UpArgs {
    #[command(flatten)]
    input: Files,
    /// What the names of the namespaces begin with
    #[arg(long, default_value = NAME)]
    name: String,
    /// How pods are joined to their nodes
    #[arg(long, value_enum, default_value_t)]
    wiring: Wiring,
    /// The HNS of Windows nodes, which are emulated: 7.0 (Windows Server 1709), 9.5 (2019), 13.3 (2022), 15.4 (2025)
    #[arg(long, value_name = "VERSION", default_value_t = HNS_VERSION, value_parser = version)]
    hns_version: Version,
}

/// Make a lab that stands what these resources say
///
/// Policies, pods and nodes that changed do, and those that are missing go; the rest is left alone. Where that fails, the lab is as it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  sudo margay lab apply -f cluster/")]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    input: Files,
    /// What the names of the namespaces begin with
    #[arg(long, default_value = NAME)]
    name: String,
}

/// Send one packet in a lab that stands, and compare with the prediction
///
/// Give the resources that the lab was made with, or that were applied to it last. Its nodes forget the connections that they know.
/// Exit code 1 where the measurement is not as predicted, unless HNS can't express a rule that would allow it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo margay lab probe -f cluster/ shop/web shop/db:5432
  sudo margay lab probe -f cluster/ --protocol udp shop/web kube-system/dns:53")]
pub(super) struct ProbeArgs {
    #[command(flatten)]
    input: Files,
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
    /// How pods are joined to their nodes, as the lab was made
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

pub(super) fn options(wiring: Wiring, name: &str) -> Options {
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
    let lab = Lab::named(&args.name).map_err(failed)?;
    let (world, text) = args.input.world_and_text(streams)?;
    hold::start(&lab, args.wiring, args.hns_version, Resources { files: args.input.absolute()?, text })?;
    let cluster = Cluster::attach(&world.updates(), options(args.wiring, &args.name)).map_err(failed)?;
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
    for node in topology.nodes.iter().filter(|node| node.switched) {
        writeln!(
            streams.stdout,
            "{} is a Windows node: its emulated HNS {} is at 127.0.0.1:{HNS_PORT} of {}-node-{}",
            node.name, args.hns_version, args.name, node.name
        )?;
    }
    if let Some(process) = lab.holder().map_err(failed)? {
        writeln!(streams.stdout, "process {process} holds the lab")?;
    }
    streams.hint(&format!(
        "Next: `ip netns exec {}-pod-… sh` enters a pod; `margay lab apply` changes policies; `margay lab down` removes the lab.",
        args.name
    ))?;
    Ok(Exit::Fine)
}

pub(super) fn apply(args: &ApplyArgs, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let lab = Lab::named(&args.name).map_err(failed)?;
    let (world, text) = args.input.world_and_text(streams)?;
    if !is_held(&lab)? {
        let ended = ended(&lab, &world);
        let again = format!("`margay lab down --name {}` and `margay lab up` make it anew", lab.name());
        return Err(Failure::usage(format!("{ended} {again}")));
    }
    lab.ask(&Request::Apply(Resources { files: args.input.absolute()?, text })).map_err(failed)?;
    writeln!(streams.stdout, "Applied {} to lab {}.", counted(world.objects().count(), "resource"), lab.name())?;
    Ok(Exit::Fine)
}

/// Whether a process holds a lab that stands.
fn is_held(lab: &Lab) -> Result<bool, Failure> {
    if !lab.is_standing().map_err(failed)? {
        return Err(Failure::usage(format!("no lab {} is standing: `margay lab up` makes one", lab.name())));
    }
    Ok(lab.holder().map_err(failed)?.is_some())
}

/// That nobody holds a lab that stands, and what that means.
fn ended(lab: &Lab, world: &World) -> String {
    let windows = world.plan().nodes.values().any(|node| node.windows);
    let cut_off = if windows { ": pods of its Windows nodes are cut off" } else { "" };
    format!("the process that holds lab {} has ended{cut_off}.", lab.name())
}

/// What becomes of flows in the lab: its process sends them, or, where that has ended, this one. Pods of Windows nodes are cut off then.
fn sample(
    lab: &Lab,
    world: &World,
    wiring: Wiring,
    flows: &[Flow],
    streams: &mut Streams<'_>,
) -> Result<Vec<Sample>, Failure> {
    if is_held(lab)? {
        let request = Request::Measure(flows.iter().map(Into::into).collect());
        return match lab.ask(&request).map_err(failed)? {
            Response::Measured(samples) if samples.len() == flows.len() => Ok(samples),
            _ => {
                Err(Failure::usage("the process that holds the lab answered something else: is it of another version?"))
            }
        };
    }
    let mut cluster = Cluster::attach(&world.updates(), options(wiring, lab.name())).map_err(failed)?;
    writeln!(streams.stderr, "note: {}", ended(lab, world))?;
    let measured = measure(&mut cluster, flows)?;
    Ok(measured.into_iter().map(|measured| Sample { measured, unsupported: false }).collect())
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
    let lab = Lab::named(&args.name).map_err(failed)?;
    let samples = sample(&lab, &world, args.wiring, &flows, streams)?;
    let mut exit = Exit::Fine;
    let paint = streams.paint();
    for (flow, Sample { measured, unsupported }) in flows.iter().zip(samples) {
        let word = |allowed: bool| {
            if allowed { paint.apply(Tone::Good, "allow") } else { paint.apply(Tone::Bad, "deny") }
        };
        let unsupported = if unsupported { ", as HNS can't express the rule that allows it" } else { "" };
        let (predicted, what) = (
            verdict(world.plan(), flow).allow,
            match measured {
                Measured::Not(why) => format!("not measured: {why}"),
                Measured::Sent { arrived: true, replied: Some(false) } => "arrived, but no answer came back".to_owned(),
                Measured::Sent { arrived, .. } => format!("measured {}", word(arrived)),
            },
        );
        if measured.allowed().is_some_and(|allowed| allowed != predicted) && unsupported.is_empty() {
            exit = Exit::Findings;
        }
        writeln!(
            streams.stdout,
            "{} -> {} {}: predicted {}, {what}{unsupported}",
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
    let removed = Lab::named(&args.name).and_then(|lab| lab.remove()).map_err(failed)?;
    let text = match removed.len() {
        0 => format!("Nothing to remove: no lab {} is standing.", args.name),
        count => format!("Removed {}.", counted(count, "network namespace")),
    };
    writeln!(streams.stdout, "{text}")?;
    Ok(Exit::Fine)
}
