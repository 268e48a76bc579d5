//! A matcher of ACLs that is plain to see, and what it is compared with.

use margay_engine::{Engine, Scope};
use margay_generator::Cluster;
use margay_hcn::{AclRule, Action, Direction as Way, Feature, RuleType, Version};
use margay_net::{Family, Prefix, Protocol};
use margay_policy::{Direction, EndpointId, Flow, Plan, decision_at};
use margay_windows::lower::Lowered;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Addresses that a packet's own end may have though nobody's: groups, everybody, nobody yet, the link, a virtual one.
const STRANGE: [&str; 8] =
    ["224.0.0.251", "255.255.255.255", "0.0.0.0", "169.254.7.7", "100.64.0.9", "ff02::fb", "fe80::77", "::"];

/// What was compared.
#[derive(Default)]
pub(crate) struct Tally {
    /// By version: verdicts, those that had to be equal, those let through.
    by_version: BTreeMap<Version, [u64; 3]>,
    acls: BTreeMap<Version, [u64; 2]>,
}

impl Tally {
    fn sum(&self, place: usize) -> u64 {
        self.by_version.values().map(|counts| counts[place]).sum()
    }

    pub(crate) fn verdicts(&self) -> u64 {
        self.sum(0)
    }

    pub(crate) fn allowed_percent(&self) -> f64 {
        100.0 * self.sum(2) as f64 / self.verdicts().max(1) as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} verdicts, {:.0}% let through", self.verdicts(), self.allowed_percent())?;
        for (version, [all, exact, _]) in &self.by_version {
            let [pods, acls] = self.acls.get(version).copied().unwrap_or_default();
            let mean = acls as f64 / pods.max(1) as f64;
            writeln!(f, "HNS {version}: {all} verdicts, {exact} of them exact; {mean:.1} ACLs a pod")?;
        }
        Ok(())
    }
}

pub(crate) fn plan_of(cluster: &Cluster) -> Plan {
    let mut engine = Engine::new(Scope::Everything);
    for object in cluster.objects() {
        engine.update(object.key(), Some(&object));
    }
    engine.in_sync();
    engine.flush();
    engine.plan().clone()
}

pub(crate) fn flow(flow: &margay_spec::Flow) -> Flow {
    Flow {
        src: flow.src,
        dst: flow.dst,
        protocol: flow.protocol(),
        source_port: flow.source_port,
        port: flow.port,
        icmp: (flow.icmp_type, flow.icmp_code),
    }
}

/// Whether the first rule that matches lets a packet through; none: not.
pub(crate) fn allows(pod: &Lowered, way: Way, flow: &Flow) -> bool {
    let rules = pod.rules.iter().map(|lowered| &lowered.rule);
    let mut rules = rules.filter(|rule| rule.rule_type == RuleType::Switch && rule.direction == way);
    rules.find(|rule| matches(rule, flow)).is_some_and(|rule| rule.action == Action::Allow)
}

fn matches(rule: &AclRule, flow: &Flow) -> bool {
    let (local, remote) = match rule.direction {
        Way::In => ((flow.dst, flow.port), (flow.src, flow.source_port)),
        Way::Out => ((flow.src, flow.source_port), (flow.dst, flow.port)),
    };
    let has = |list: &[Prefix], address: IpAddr| list.is_empty() || list.iter().any(|net| net.contains(address));
    rule.protocol.is_none_or(|protocol| protocol == flow.protocol)
        && has(&rule.local_addresses, local.0)
        && has(&rule.remote_addresses, remote.0)
        && rule.local_ports.as_ref().is_none_or(|ports| ports.contains(local.1))
        && rule.remote_ports.as_ref().is_none_or(|ports| ports.contains(remote.1))
}

/// The same packet at a pod's port, with each address that its own end may have.
fn at_port<'a>(
    plan: &'a Plan,
    pod: EndpointId,
    direction: Direction,
    flow: &'a Flow,
) -> impl Iterator<Item = Flow> + 'a {
    let family = flow.family();
    let own = plan.endpoints[pod].addresses.iter().copied();
    let strange = STRANGE.iter().map(|text| text.parse().expect("an address"));
    let near = own.chain(strange).filter(move |address| Family::of(*address) == family);
    near.map(move |near| match direction {
        Direction::Ingress => Flow { dst: near, ..*flow },
        Direction::Egress => Flow { src: near, ..*flow },
    })
}

/// Whether an endpoint's ACLs must decide a packet exactly as the verdict: where nothing of what HNS lacks comes into it.
fn is_exact(pod: &Lowered, version: Version, flow: &Flow) -> bool {
    let reported = |field: &str| pod.unsupported.iter().any(|unsupported| unsupported.field == field);
    if pod.over_budget.is_some() || reported("protocol") {
        return false;
    }
    if flow.family() == Family::V6 && !version.has(Feature::Ipv6DualStack) {
        return false;
    }
    match flow.protocol {
        // Its own end has an address that is nobody's, and so has the other: nothing that could be written.
        _ if flow.src == flow.dst => false,
        // Where port 0 can't be named, port 1, or every port, may be blocked with it.
        Protocol::TCP | Protocol::UDP => !reported("port 0"),
        Protocol::ICMP => !reported("icmp"),
        Protocol::ICMPV6 => false,
        _ => !reported("ports"),
    }
}

/// Every flow at every pod, both ways: never more open than the verdict, and equal to it where HNS can say it.
pub(crate) fn compare(
    plan: &Plan,
    pods: &[(EndpointId, Lowered)],
    version: Version,
    flows: &[Flow],
    tally: &mut Tally,
) -> Result<(), proptest::test_runner::TestCaseError> {
    for (id, pod) in pods {
        let [all, acls] = tally.acls.entry(version).or_default();
        (*all, *acls) = (*all + 1, *acls + pod.rules.len() as u64);
        for rule in pod.rules.iter().map(|lowered| &lowered.rule) {
            let acl = margay_hcn::Acl { priority: 1000, rule: rule.clone() };
            let door = if version.has(Feature::ApiV2) { margay_hcn::Door::V2 } else { margay_hcn::Door::V1 };
            let written = acl.write(door, version);
            proptest::prop_assert!(written.is_ok(), "{rule:?}: {written:?}");
        }
        for (direction, way) in [(Direction::Ingress, Way::In), (Direction::Egress, Way::Out)] {
            for packet in flows.iter().flat_map(|flow| at_port(plan, *id, direction, flow)) {
                let allowed = allows(pod, way, &packet);
                let decision = decision_at(plan, *id, direction, &packet).expect("a pod");
                let exact = is_exact(pod, version, &packet);
                let [all, same, let_through] = tally.by_version.entry(version).or_default();
                *all += 1;
                *same += u64::from(exact);
                *let_through += u64::from(allowed);
                let agree = if exact { allowed == decision.allow } else { !allowed || decision.allow };
                proptest::prop_assert!(
                    agree,
                    "{}, {way} {packet:?}: ACLs {allowed}, verdict {decision:?}, exact {exact}\n{}",
                    plan.endpoints[*id].key,
                    show(pod)
                );
            }
        }
    }
    Ok(())
}

/// The Switch rules of a pod, one in a line.
pub(crate) fn show(pod: &Lowered) -> String {
    let mut text = String::new();
    for lowered in pod.rules.iter().filter(|lowered| lowered.rule.rule_type == RuleType::Switch) {
        let rule = &lowered.rule;
        let list = |name: &str, list: &[Prefix]| match list {
            [] => String::new(),
            list => format!(" {name} {}", list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        };
        text += &format!("{:3} {:5}", rule.direction.to_string(), rule.action.to_string());
        text += &rule.protocol.map_or(String::new(), |protocol| format!(" {protocol}"));
        text += &list("from", if rule.direction == Way::In { &rule.remote_addresses } else { &rule.local_addresses });
        text += &list("to", if rule.direction == Way::In { &rule.local_addresses } else { &rule.remote_addresses });
        let ports = [("local", &rule.local_ports), ("remote", &rule.remote_ports)];
        for (name, ports) in ports.into_iter().filter_map(|(name, ports)| Some((name, ports.as_ref()?))) {
            text += &format!(" {name} port {ports}");
        }
        let origins: Vec<String> = lowered.origins.iter().map(ToString::to_string).collect();
        text += &format!("  [{}]\n", origins.join("; "));
    }
    text
}
