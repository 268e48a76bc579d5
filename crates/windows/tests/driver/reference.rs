//! The behaviours that other implementations get wrong, each as packets at a pod's port, before and after an edit where there is one.

use crate::support::*;
use margay_dataplane::Driver;
use margay_hcn::ErrorCode;
use margay_net::Protocol;
use margay_vfp::{Direction, Effect, Fault, Operation, Packet};
use margay_windows::driver::HnsDriver;
use std::net::IpAddr;
use std::time::Instant;

/// A node at a version with two pods, `10.0.0.1` and `10.0.0.2`, both labelled `app: web`, and a driver over it.
struct Case {
    version: &'static str,
    source: Source,
    node: Node,
    driver: HnsDriver,
}

/// The versions that write ACLs differently.
fn cases(policies: &str) -> impl Iterator<Item = Case> {
    ["7.0", "9.5", "15.4"].into_iter().map(move |version| {
        let mut source = Source::new();
        source.put(&(pods(2) + &tier("first", 1) + policies));
        let mut node = Node::version(version);
        node.serve(source.plan());
        let mut driver = node.driver();
        resync(&mut driver, source.plan());
        applied(&mut driver);
        Case { version, source, node, driver }
    })
}

impl Case {
    /// Objects are put in the place of those of their names.
    fn edit(&mut self, yaml: &str) {
        let changes = self.source.put(yaml);
        self.driver.submit(self.source.plan(), &changes);
        applied(&mut self.driver);
    }

    /// Which of these, sources and ports of TCP, the first pod is sent.
    fn lets_in<const N: usize>(&self, packets: [(&str, u16); N]) -> [bool; N] {
        let pod = "10.0.0.1".parse().expect("an address");
        packets.map(|(from, port)| {
            let packet = Packet::new(Protocol::TCP, from.parse().expect("an address"), pod).ports(40_000, port);
            self.node.emulator.match_tuple(self.node.endpoints[&pod], Direction::In, &packet).allowed()
        })
    }
}

fn tier(name: &str, order: u32) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {{name: {name}}}, spec: {{order: {order}}}}}\n"
    )
}

/// A GlobalNetworkPolicy of all pods, its tier before the dot.
fn global(name: &str, ingress: &str) -> String {
    let tier = name.split_once('.').map_or("default", |(tier, _)| tier);
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: {name}}}, \
         spec: {{tier: {tier}, selector: all(), types: [Ingress], ingress: [{ingress}]}}}}\n"
    )
}

fn tcp(action: &str, port: u16) -> String {
    format!("{{action: {action}, protocol: TCP, destination: {{ports: [{port}]}}}}")
}

#[test]
fn disjoint_ports_across_tiers_allow_nothing() {
    for case in cases(&(global("first.a", &tcp("Pass", 80)) + &global("b", &tcp("Allow", 443)))) {
        assert_eq!(
            case.lets_in([("10.9.0.1", 80), ("10.9.0.1", 443), ("10.9.0.1", 1)]),
            [false; 3],
            "{}",
            case.version
        );
    }
}

#[test]
fn equal_ports_across_tiers_allow_them() {
    for case in cases(&(global("first.a", &tcp("Pass", 80)) + &global("b", &tcp("Allow", 80)))) {
        assert_eq!(case.lets_in([("10.9.0.1", 80), ("10.9.0.1", 443)]), [true, false], "{}", case.version);
    }
}

#[test]
fn a_deny_with_not_nets_not_ports_or_not_selector_still_denies() {
    for (deny, expected) in [
        ("{action: Deny, source: {notNets: [10.8.0.0/16]}}", [false, false, true]),
        ("{action: Deny, protocol: TCP, destination: {notPorts: [80]}}", [true, false, true]),
        ("{action: Deny, source: {notSelector: app == 'web'}}", [false, false, false]),
    ] {
        for case in cases(&global("a", &format!("{deny}, {{action: Allow}}"))) {
            let found = case.lets_in([("10.9.0.1", 80), ("10.9.0.1", 443), ("10.8.0.1", 80)]);
            assert_eq!(found, expected, "HNS {}: {deny}", case.version);
            // The other pod is in 10.0.0.0/16 and labelled so.
            assert_eq!(case.lets_in([("10.0.0.2", 80)]), [deny.contains("Ports") || deny.contains("Selector")]);
        }
    }
}

#[test]
fn an_edit_of_a_rules_ports_reaches_pods_already_programmed() {
    for mut case in cases(&global("a", &tcp("Allow", 80))) {
        let packets = [("10.9.0.1", 80), ("10.9.0.1", 81)];
        assert_eq!(case.lets_in(packets), [true, false], "{}", case.version);
        case.edit(&global("a", &tcp("Allow", 81)));
        assert_eq!(case.lets_in(packets), [false, true], "{}", case.version);
    }
}

#[test]
fn a_change_in_the_second_tier_reaches_them_too() {
    let first = global("first.a", "{action: Pass, source: {nets: [10.9.0.0/16]}}");
    for mut case in cases(&(first + &global("b", &tcp("Allow", 80)))) {
        let packets = [("10.9.0.1", 80), ("10.9.0.1", 81), ("10.8.0.1", 81)];
        assert_eq!(case.lets_in(packets), [true, false, false], "{}", case.version);
        case.edit(&global("b", &tcp("Allow", 81)));
        assert_eq!(case.lets_in(packets), [false, true, false], "{}", case.version);
    }
}

#[test]
fn an_endpoint_recreated_under_the_same_name_is_programmed_again() {
    for mut case in cases(&global("a", &tcp("Allow", 80))) {
        let address: IpAddr = "10.0.0.1".parse().expect("an address");
        let before = case.node.endpoints.remove(&address).expect("its endpoint");
        case.node.emulator.remove_endpoint(before).expect("it is there");
        let after = case.node.endpoint(address);
        assert!(before != after && case.node.acls("10.0.0.1") == 0, "{}", case.version);
        // As an agent does that is told of it, or looks.
        resync(&mut case.driver, case.source.plan());
        applied(&mut case.driver);
        assert_eq!(case.lets_in([("10.9.0.1", 80), ("10.9.0.1", 81)]), [true, false], "{}", case.version);
    }
}

#[test]
fn two_source_sets_are_an_intersection() {
    let rule = "{action: Allow, source: {selector: app == 'web', nets: [10.0.0.0/16, 10.9.0.0/16]}}";
    for case in cases(&global("a", rule)) {
        assert_eq!(case.lets_in([("10.0.0.2", 80), ("10.9.0.1", 80)]), [true, false], "{}", case.version);
    }
}

#[test]
fn a_pass_in_the_last_tier_falls_to_the_profiles() {
    for case in cases(&global("a", "{action: Pass, source: {nets: [10.9.0.0/16]}}, {action: Deny}")) {
        assert_eq!(case.lets_in([("10.9.0.1", 80), ("10.8.0.1", 80)]), [true, false], "{}", case.version);
    }
}

#[test]
fn an_unknown_protocol_is_refused() {
    let rules = "{action: Allow, protocol: XTP}, {action: Allow, protocol: UDP}";
    let decoded = margay_api::read(&global("a", rules), "test.yaml").pop().expect("an object");
    let said: Vec<String> = decoded.problems.iter().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].contains("XTP") && said[0].contains("ingress[0]"), "{said:?}");
    // And it is not "any": the rule lets nothing through.
    for case in cases(&global("a", rules)) {
        assert_eq!(case.lets_in([("10.9.0.1", 80)]), [false], "{}", case.version);
    }
}

#[test]
fn one_endpoints_failure_does_not_delay_anothers() {
    for (effect, hangs) in [(Effect::Hang, 1), (Effect::Fail(ErrorCode::INVALID_POLICY), 0)] {
        for mut case in cases(&global("a", &tcp("Allow", 80))) {
            let second: IpAddr = "10.0.0.2".parse().expect("an address");
            let bad = case.node.endpoints[&second];
            case.node.emulator.add_fault(Fault::always(Operation::Modify, effect).of(bad));
            let changes = case.source.put(&global("a", &tcp("Allow", 81)));
            case.driver.submit(case.source.plan(), &changes);
            assert!(case.node.emulator.wait_for_hanging(hangs, LONG));
            let deadline = Instant::now() + LONG;
            while case.lets_in([("10.9.0.1", 81)]) != [true] {
                assert!(Instant::now() < deadline, "HNS {}: {effect:?}", case.version);
                std::thread::yield_now();
            }
            case.node.emulator.clear_faults();
            case.node.emulator.release();
            assert!(case.driver.settle(LONG));
        }
    }
}
