//! The specification's verdict, the Plan's, and what VFP does with the ACLs that the driver wrote.

use crate::support::{LONG, Node, failures};
use margay_dataplane::Driver;
use margay_engine::{Engine, Scope};
use margay_generator::{Coverage, Shape, strategy};
use margay_hcn::{Feature, Version};
use margay_net::{Family, Protocol};
use margay_policy::{Direction, Flow, Plan, decision_at};
use margay_spec::{Settings, World};
use margay_vfp::{Config, Direction as Way, Icmp, Packet};
use margay_windows::lower::{Lowering, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use std::io::Write;
use std::sync::Mutex;

const VERDICTS: [u64; 2] = [50_000, 1_000_000];
const TIES: [&str; 4] = ["allow-first", "block-first", "insertion", "reverse"];
const DENIES: [&str; 2] = ["both", "own-direction"];
const STATES: [&str; 2] = ["stateful", "reply-group-needs-rule"];

#[derive(Default)]
struct Tally {
    verdicts: u64,
    exact: u64,
    allowed: u64,
    coverage: Coverage,
}

/// Whether what failed is a thing that nothing can be enforced on.
fn is_away(error: &str) -> bool {
    ["no HNS endpoint that is attached", "a host endpoint of a Windows node"]
        .iter()
        .any(|start| error.starts_with(start))
}

fn packet(flow: &Flow) -> Packet {
    let packet = Packet::new(flow.protocol, flow.src, flow.dst);
    match flow.protocol {
        Protocol::ICMP | Protocol::ICMPV6 => {
            Packet { icmp: Icmp { kind: flow.icmp.0, code: flow.icmp.1, id: 0 }, ..packet }
        }
        protocol if protocol.has_ports() => packet.ports(flow.source_port, flow.port),
        _ => packet,
    }
}

/// Whether HNS can say exactly what the Plan means for this packet.
fn is_exact(unsupported: &[&str], version: Version, flow: &Flow) -> bool {
    let family = flow.family() == Family::V4 || version.has(Feature::Ipv6DualStack);
    let field = match flow.protocol {
        Protocol::TCP | Protocol::UDP => "port 0",
        Protocol::ICMP => "icmp",
        Protocol::ICMPV6 => return false,
        _ => "ports",
    };
    family && !unsupported.iter().any(|said| [field, "protocol", "budget"].contains(said))
}

fn compare(node: &Node, plan: &Plan, flows: &[Flow], version: Version, tally: &mut Tally) -> Result<(), TestCaseError> {
    let target = Target::new(version);
    for (id, lowered) in Lowering::new(plan, &target).pods() {
        let unsupported: Vec<&str> = lowered.unsupported.iter().map(|unsupported| unsupported.field).collect();
        let own = plan.endpoints[id].addresses.iter().filter(|address| node.endpoints.contains_key(address));
        for (address, flow) in own.flat_map(|address| flows.iter().map(move |flow| (address, flow))) {
            if Family::of(*address) != flow.family() {
                continue;
            }
            for (direction, way) in [(Direction::Ingress, Way::In), (Direction::Egress, Way::Out)] {
                let flow = match direction {
                    Direction::Ingress => Flow { dst: *address, ..*flow },
                    Direction::Egress => Flow { src: *address, ..*flow },
                };
                let allowed = node.emulator.match_tuple(node.endpoints[address], way, &packet(&flow)).allowed();
                let decision = decision_at(plan, id, direction, &flow).expect("a pod");
                let exact = is_exact(&unsupported, version, &flow);
                tally.verdicts += 1;
                tally.exact += u64::from(exact);
                tally.allowed += u64::from(allowed);
                let agree = if exact { allowed == decision.allow } else { !allowed || decision.allow };
                prop_assert!(
                    agree,
                    "{direction} {flow:?}: VFP {allowed}, verdict {decision:?}\n{}",
                    node.emulator.dump()
                );
            }
        }
    }
    Ok(())
}

#[test]
fn vfp_agrees_with_the_specification() {
    let long = std::env::var_os("MARGAY_LONG").is_some();
    let tally = Mutex::new(Tally::default());
    let readings = (0..7usize, 0..4usize, 0..2usize, 0..2usize);
    let cases = Cases { cases: if long { 8000 } else { 400 }, failure_persistence: None, ..Cases::default() };
    let run =
        TestRunner::new(cases).run(&(strategy(Shape::default()), readings), |(case, (version, tie, deny, state))| {
            let version = Version::KNOWN[version];
            let mut config = Config::new(version);
            for knob in [
                format!("tie-break={}", TIES[tie]),
                format!("default-deny={}", DENIES[deny]),
                format!("state={}", STATES[state]),
            ] {
                config.knobs.set(&knob).expect("a knob");
            }
            let mut engine = Engine::new(Scope::Everything);
            for object in case.cluster.objects() {
                engine.update(object.key(), Some(&object));
            }
            engine.in_sync();
            engine.flush();
            let plan = engine.plan();
            let mut node = Node::new(config);
            for address in plan.pods.keys().filter(|a| a.is_ipv4() || version.has(Feature::Ipv6DualStack)) {
                node.endpoint(*address);
            }
            let mut driver = node.driver();
            driver.resync(plan, None);
            prop_assert!(driver.settle(LONG));
            // A pod of IPv6 alone has no endpoint where HNS has no IPv6.
            let refused: Vec<_> = failures(&driver.events()).into_iter().filter(|(_, error)| !is_away(error)).collect();
            prop_assert!(refused.is_empty(), "HNS {}: {:?}\n{}", version, refused, case.cluster);
            let flows: Vec<Flow> = case.flows.iter().map(flow).collect();
            let tally = &mut *tally.lock().expect("no case panics with it");
            compare(&node, plan, &flows, version, tally).map_err(|error| {
                TestCaseError::fail(format!(
                    "HNS {version}, {}, {}: {error}\n{}",
                    TIES[tie], DENIES[deny], case.cluster
                ))
            })?;
            let world = World::new(&case.cluster.objects(), Settings::default());
            let verdicts: Vec<_> = case.flows.iter().map(|flow| world.verdict(flow)).collect();
            for (flow, specified) in flows.iter().zip(&verdicts) {
                prop_assert_eq!(margay_policy::verdict(plan, flow).allow, specified.allow, "{:?}", flow);
            }
            tally.coverage.observe(&case.cluster, &case.flows, &verdicts);
            Ok(())
        });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    let tally = tally.into_inner().expect("no case panics with it");
    let percent = 100 * tally.allowed / tally.verdicts.max(1);
    let _ = writeln!(
        std::io::stderr(),
        "{} verdicts of VFP, {} of them exact, {percent}% let through\n{}",
        tally.verdicts,
        tally.exact,
        tally.coverage
    );
    assert!(
        tally.verdicts >= VERDICTS[usize::from(long)] && tally.exact * 2 > tally.verdicts,
        "{} verdicts",
        tally.verdicts
    );
}

fn flow(flow: &margay_spec::Flow) -> Flow {
    Flow {
        src: flow.src,
        dst: flow.dst,
        protocol: flow.protocol(),
        source_port: flow.source_port,
        port: flow.port,
        icmp: (flow.icmp_type, flow.icmp_code),
    }
}
