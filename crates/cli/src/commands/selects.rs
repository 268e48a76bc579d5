//! `margay selects`: what a policy applies to.

use crate::input::Input;
use crate::streams::{Exit, Failure, Streams, Tone};
use crate::table::{self, Cell};
use crate::{World, policy_name, words};
use margay_api::{Action, Key, Object};
use margay_policy::{AnyOf, Direction, Endpoint, Layer, PlanPolicy, PlanRule, PolicyId, RuleId, SetId, convert};
use rustc_hash::FxHashMap;
use serde::Serialize;
use smol_str::SmolStr;
use std::net::IpAddr;

/// List the endpoints that a policy applies to, and of each rule whom it speaks of
///
/// The exit code is 1 where the policy applies to nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay selects shop/web
  margay selects shop/web -f cluster/
  margay selects gnp/deny-all -f cluster/
  margay selects networkpolicy.projectcalico.org/shop/web -f cluster/ -o json")]
pub(crate) struct Args {
    /// NAME, NAMESPACE/NAME, KIND/NAME or KIND/NAMESPACE/NAME
    policy: String,
    #[command(flatten)]
    input: Input,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One JSON object
    Json,
}

#[derive(Debug, Serialize)]
struct Selection {
    kind: &'static str,
    group: &'static str,
    namespace: SmolStr,
    name: SmolStr,
    place: Option<String>,
    /// In words.
    subject: String,
    endpoints: Vec<Selected>,
    rules: Vec<Peers>,
}

#[derive(Debug, Serialize)]
struct Selected {
    kind: &'static str,
    endpoint: String,
    node: SmolStr,
    addresses: Vec<IpAddr>,
    /// In which the policy takes part.
    directions: Vec<String>,
}

/// The other end of a rule's packets.
#[derive(Debug, Serialize)]
struct Peers {
    direction: String,
    rule: u16,
    action: &'static str,
    place: Option<String>,
    /// In words.
    peers: String,
    /// Those that are pods.
    pods: Vec<String>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let world = args.input.world(streams)?;
    let object = policy_name::find(&world, &args.policy).map_err(Failure::Usage)?;
    let selection = selection(&world, object);
    match args.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut *streams.stdout, &selection).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
        Output::Table => print(&selection, object.key(), streams)?,
    }
    Ok(if selection.endpoints.is_empty() { Exit::Findings } else { Exit::Fine })
}

fn selection(world: &World, object: &Object) -> Selection {
    let key = object.key();
    let subject = convert::policy(object).map(|policy| {
        let what = match (policy.subject.pods, policy.subject.hosts) {
            (true, false) => "pods",
            (false, true) => "host endpoints",
            _ => "pods and host endpoints",
        };
        words::things(what, &policy.subject.selector)
    });
    let id = world.policy(key);
    let endpoints = id.map_or_else(Vec::new, |id| endpoints(world, id));
    let policy = id.map(|id| &world.plan().policies[id]);
    let rules = policy.into_iter().flat_map(|policy| Direction::ALL.map(|direction| rules(world, policy, direction)));
    Selection {
        kind: key.kind.name(),
        group: key.kind.group(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        place: world.place(key),
        subject: subject.unwrap_or_default(),
        endpoints,
        rules: rules.flatten().collect(),
    }
}

fn endpoints(world: &World, id: PolicyId) -> Vec<Selected> {
    let plan = world.plan();
    let mut parts: FxHashMap<_, [bool; 2]> = FxHashMap::default();
    let mut has = |endpoint: &Endpoint| {
        let stacks = [Layer::Enforced, Layer::Staged].into_iter().flat_map(|layer| endpoint.stacks(layer).iter());
        let each = stacks.map(|stack| {
            *parts.entry(stack).or_insert_with(|| {
                Direction::ALL.map(|d| plan.stacks[stack].tiers(d).iter().any(|slice| slice.policies.contains(&id)))
            })
        });
        each.fold([false; 2], |all, part| [all[0] | part[0], all[1] | part[1]])
    };
    let selected = plan.endpoints.iter().filter_map(|(_, endpoint)| {
        let has = has(endpoint);
        let directions = Direction::ALL.iter().zip(has).filter(|(_, has)| *has).map(|(d, _)| d.to_string());
        let directions: Vec<_> = directions.collect();
        (!directions.is_empty()).then(|| Selected {
            kind: endpoint.key.kind.name(),
            endpoint: name(&endpoint.key),
            node: endpoint.node.clone(),
            addresses: endpoint.addresses.clone(),
            directions,
        })
    });
    let mut selected: Vec<_> = selected.collect();
    selected.sort_by(|a, b| (a.kind, &a.endpoint).cmp(&(b.kind, &b.endpoint)));
    selected
}

fn name(key: &Key) -> String {
    if key.namespace.is_empty() { key.name.to_string() } else { format!("{}/{}", key.namespace, key.name) }
}

/// A rule that became several is one entry for each that has other peers.
fn rules(world: &World, policy: &PlanPolicy, direction: Direction) -> Vec<Peers> {
    let mut list: Vec<Peers> = Vec::new();
    for PlanRule { index, rule } in policy.rules(direction) {
        let side = if direction == Direction::Ingress { &rule.source } else { &rule.destination };
        let plan = world.plan();
        let within = side.within.iter().map(|any| words::addresses(plan, any)).collect::<Vec<_>>().join(", and also ");
        let mut peers = if side.within.is_empty() { "anyone".to_owned() } else { within };
        if !side.without.is_empty() {
            peers.push_str(&format!(", but not {}", words::addresses(plan, &side.without)));
        }
        if list.last().is_some_and(|last| last.rule == *index && last.peers == peers) {
            continue;
        }
        let has = |any: &AnyOf<SetId>, address: &IpAddr| {
            any.nets.contains(*address) || any.sets.iter().any(|set| plan.sets[*set].members.has_address(*address))
        };
        let is_peer =
            |address: &IpAddr| side.within.iter().all(|any| has(any, address)) && !has(&side.without, address);
        let pods = plan.endpoints.iter().map(|(_, endpoint)| endpoint).filter(|endpoint| endpoint.interface.is_none());
        let mut pods: Vec<_> = pods.filter(|pod| pod.addresses.iter().any(is_peer)).map(|pod| name(&pod.key)).collect();
        pods.sort();
        let id = RuleId { policy: policy.key.clone(), direction, index: *index };
        list.push(Peers {
            direction: direction.to_string(),
            rule: *index,
            action: match rule.action {
                Action::Allow => "allow",
                Action::Deny => "deny",
                Action::Pass => "pass",
                Action::Log => "log",
            },
            place: world.rule_place(&id).map(|place| place.to_string()),
            peers,
            pods,
        });
    }
    list
}

fn print(selection: &Selection, key: &Key, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let paint = streams.paint();
    let place =
        selection.place.as_deref().map_or_else(String::new, |place| format!("  {}", paint.apply(Tone::Dim, place)));
    writeln!(streams.stdout, "{}{place}", paint.apply(Tone::Bold, &words::resource(key)))?;
    if selection.endpoints.is_empty() {
        let nothing = paint.apply(Tone::Bad, "applies to nothing");
        writeln!(streams.stdout, "{nothing}: there are none of {}", selection.subject)?;
        return Ok(());
    }
    writeln!(streams.stdout, "applies to {}\n", selection.subject)?;
    let row = |selected: &Selected| {
        let addresses: Vec<_> = selected.addresses.iter().map(ToString::to_string).collect();
        vec![
            Cell::from(&selected.endpoint),
            Cell::from(&selected.node),
            addresses.join(",").into(),
            selected.directions.join(",").into(),
        ]
    };
    let rows: Vec<_> = selection.endpoints.iter().map(row).collect();
    table::print(&["ENDPOINT", "NODE", "ADDRESSES", "DIRECTIONS"], &rows, paint, streams.stdout)?;
    writeln!(streams.stdout)?;
    let row = |rule: &Peers| {
        let pods = if rule.pods.is_empty() { String::new() } else { words::list(rule.pods.clone(), "and") };
        vec![
            Cell::from(&rule.direction),
            rule.rule.into(),
            rule.action.into(),
            Cell::from(&rule.peers),
            pods.into(),
            Cell(rule.place.clone().unwrap_or_default(), Tone::Dim),
        ]
    };
    let rows: Vec<_> = selection.rules.iter().map(row).collect();
    if rows.is_empty() {
        writeln!(streams.stdout, "It has no rules: what it isolates can't be reached.")?;
    } else {
        table::print(&["DIRECTION", "RULE", "ACTION", "PEERS", "PODS NOW", "PLACE"], &rows, paint, streams.stdout)?;
    }
    streams.hint("Next: `margay matrix` shows who may reach whom with all policies together.")?;
    Ok(())
}
