//! `margay policies`: what applies to a pod.

use crate::input::Input;
use crate::party::PartyName;
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::table::{self, Cell};
use crate::world::key;
use crate::{Party, World, words};
use margay_api::{Key, Kind};
use margay_policy::{Direction, Endpoint, EndpointStacks, Layer, PolicyId, StackId, TierEnd};
use serde::Serialize;
use smol_str::SmolStr;

/// List the policies that apply to a pod or host endpoint, in the order that they are asked
///
/// A direction that no policy is listed for is open: what the pod's namespace allows, which is everything. Where a tier has policies and
/// none of their rules matches, its default decides: deny, unless it is listed as pass.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay policies shop/web
  margay policies shop/web -f cluster/
  margay policies 10.0.0.7 -f cluster/ --staged
  margay policies hostendpoint/worker-1-eth0 -f cluster/ -o json")]
pub(crate) struct Args {
    /// namespace/pod, an address of a pod, or hostendpoint/NAME
    endpoint: String,
    #[command(flatten)]
    input: Input,
    /// The namespace of a pod that is named without one
    #[arg(short, long)]
    namespace: Option<String>,
    /// List what would apply if the staged policies were in force
    #[arg(long)]
    staged: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// A JSON list
    Json,
}

/// A policy that applies in one direction.
#[derive(Debug, Serialize)]
struct Applies {
    direction: String,
    /// Of a host endpoint: where the packet meets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    /// Null of a profile.
    tier: Option<SmolStr>,
    /// What the tier does when none of its rules matches.
    default: &'static str,
    kind: &'static str,
    group: &'static str,
    namespace: SmolStr,
    name: SmolStr,
    rules: usize,
    place: Option<String>,
    #[serde(skip)]
    words: String,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let world = args.input.world(streams)?;
    let endpoint = find(&world, &args.endpoint, args.namespace.as_deref())?;
    let layer = if args.staged { Layer::Staged } else { Layer::Enforced };
    let list = applies(&world, endpoint, layer);
    match args.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut *streams.stdout, &list).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
        Output::Table => {
            print(&list, endpoint, streams)?;
            let name = &args.endpoint;
            streams.hint(&format!("Next: `margay explain FROM {name}:PORT` says what they do with one flow."))?;
        }
    }
    Ok(Exit::Fine)
}

fn find<'w>(world: &'w World, text: &str, namespace: Option<&str>) -> Result<&'w Endpoint, Failure> {
    if let Some(name) = text.strip_prefix("hostendpoint/") {
        let found = world.endpoint(&key(Kind::HostEndpoint, "", name));
        return found.ok_or_else(|| Failure::usage(format!("there is no host endpoint {name}")));
    }
    let party = Party::find(world, text, namespace).map_err(Failure::Usage)?;
    let endpoint = match &party.name {
        PartyName::Pod(pod) => world.endpoint(pod),
        PartyName::Address(address) => world.plan().pod_at(*address).map(|(_, endpoint)| endpoint),
        PartyName::Node(_) | PartyName::Service(_) => None,
    };
    endpoint.ok_or_else(|| {
        Failure::usage(format!(
            "{text} is no endpoint: policies apply to pods (but for host-network ones) and host endpoints"
        ))
    })
}

fn applies(world: &World, endpoint: &Endpoint, layer: Layer) -> Vec<Applies> {
    let stacks: Vec<(Option<&'static str>, StackId)> = match endpoint.stacks(layer) {
        EndpointStacks::Pod(stack) => vec![(None, stack)],
        EndpointStacks::Host { untracked, pre_dnat, normal, forward } => vec![
            (Some("doNotTrack"), untracked),
            (Some("preDNAT"), pre_dnat),
            (Some("normal"), normal),
            (Some("applyOnForward"), forward),
        ],
    };
    let mut list = Vec::new();
    for direction in [Direction::Egress, Direction::Ingress] {
        for (stage, stack) in &stacks {
            for slice in world.plan().stacks[*stack].tiers(direction) {
                let default = if slice.end == TierEnd::Deny { "deny" } else { "pass" };
                let of = |policy: &PolicyId| {
                    let policy = &world.plan().policies[*policy];
                    let Key { kind, namespace, name } = &policy.key;
                    let mut rules: Vec<u16> = policy.rules(direction).iter().map(|rule| rule.index).collect();
                    rules.dedup();
                    Applies {
                        direction: direction.to_string(),
                        stage: *stage,
                        tier: (!slice.tier.is_empty()).then(|| slice.tier.clone()),
                        default,
                        kind: kind.name(),
                        group: kind.group(),
                        namespace: namespace.clone(),
                        name: name.clone(),
                        rules: rules.len(),
                        place: world.place(&policy.key),
                        words: words::resource(&policy.key),
                    }
                };
                list.extend(slice.policies.iter().map(of));
            }
        }
    }
    list
}

fn print(list: &[Applies], endpoint: &Endpoint, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let host = endpoint.key.kind == Kind::HostEndpoint;
    let row = |policy: &Applies| {
        let denies = if policy.default == "deny" { Tone::Bad } else { Tone::Plain };
        let mut row = vec![Cell::from(&policy.direction)];
        row.extend(policy.stage.map(Cell::from));
        row.push(policy.tier.as_deref().unwrap_or("-").into());
        row.push((&policy.words).into());
        row.push(policy.rules.into());
        row.push(Cell(policy.default.to_owned(), denies));
        row.push(Cell(policy.place.clone().unwrap_or_default(), Tone::Dim));
        row
    };
    let rows: Vec<_> = list.iter().map(row).collect();
    let header: &[&str] = if host {
        &["DIRECTION", "STAGE", "TIER", "POLICY", "RULES", "DEFAULT", "PLACE"]
    } else {
        &["DIRECTION", "TIER", "POLICY", "RULES", "DEFAULT", "PLACE"]
    };
    if !rows.is_empty() {
        table::print(header, &rows, streams.paint(), streams.stdout)?;
    }
    for direction in [Direction::Egress, Direction::Ingress] {
        if !host && !list.iter().any(|policy| policy.direction == direction.to_string()) {
            writeln!(streams.stdout, "No policy limits its {direction}.")?;
        }
    }
    Ok(())
}
