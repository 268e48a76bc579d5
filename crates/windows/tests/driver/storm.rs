//! Pods, policies, endpoints and HNS itself come, go and fail in any order: once that is over, VFP decides as the Plan says, and nothing is written any more.

use crate::support::{LONG, Node, Source};
use margay_api::{Key, Kind};
use margay_dataplane::Reconciler;
use margay_hcn::{ErrorCode, Guid};
use margay_policy::{Direction, Flow, decision_at};
use margay_vfp::{Config, Direction as Way, Effect, Fault, Loss, NetworkKind, Operation, Packet};
use margay_windows::driver::{HnsDriver, Options};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// A pod has an address and an app, or is no more.
    Pod(u8, Option<(u8, u8)>),
    /// An app may be reached from a net, and from so many more.
    Policy(u8, u8, u8),
    /// An endpoint of an address is made on one of two networks, in the place of the one there.
    Endpoint(u8, bool),
    /// A container leaves an endpoint.
    Left(u8, bool),
    /// Calls go wrong.
    Fault(Operation, Effect),
    /// HNS is there again.
    Restart,
    /// The driver may do what it has to, or not all of it.
    Work(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let lost =
        prop_oneof![Just(Loss::Nothing), Just(Loss::Policies), Just(Loss::HalfOfPolicies), Just(Loss::Endpoints)];
    let effect = prop_oneof![
        2 => Just(Effect::Fail(ErrorCode::INVALID_POLICY)),
        2 => Just(Effect::Fail(ErrorCode::UNSPECIFIED)),
        1 => Just(Effect::Fail(ErrorCode::ELEMENT_NOT_FOUND)),
        2 => Just(Effect::FailAfter(ErrorCode::UNSPECIFIED)),
        2 => Just(Effect::Pretend),
        3 => Just(Effect::Hang),
        2 => lost.prop_map(Effect::Crash),
    ];
    let operation =
        prop_oneof![4 => Just(Operation::Modify), 2 => Just(Operation::Query), 1 => Just(Operation::Enumerate)];
    prop_oneof![
        6 => (0..4u8, proptest::option::weighted(0.7, (1..4u8, 0..3u8))).prop_map(|(pod, has)| Step::Pod(pod, has)),
        4 => (0..3u8, 0..4u8, prop_oneof![Just(0), Just(0), Just(40)]).prop_map(|(app, net, more)| Step::Policy(app, net, more)),
        4 => (1..4u8, proptest::bool::weighted(0.2)).prop_map(|(address, other)| Step::Endpoint(address, other)),
        1 => (1..4u8, any::<bool>()).prop_map(|(address, other)| Step::Left(address, other)),
        5 => (operation, effect).prop_map(|(operation, effect)| Step::Fault(operation, effect)),
        1 => Just(Step::Restart),
        4 => any::<bool>().prop_map(Step::Work),
    ]
}

fn address(number: u8) -> IpAddr {
    [10, 0, 0, number].into()
}

/// A node in the storm.
struct Storm {
    node: Node,
    other: Guid,
    endpoints: BTreeMap<(u8, bool), Guid>,
    source: Source,
    reconciler: Reconciler<HnsDriver>,
    now: Instant,
}

impl Storm {
    fn new(version: &str, knobs: &[&str]) -> Self {
        let mut config = Config::new(version.parse().unwrap());
        knobs.iter().for_each(|knob| config.knobs.set(knob).unwrap());
        let node = Node::new(config);
        let other = node.emulator.add_network(NetworkKind::L2Bridge, "other", &["0.0.0.0/0".parse().unwrap()]).unwrap();
        let mut source = Source::new();
        source.put("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
        let hns = margay_hcn::Options { timeout: Duration::from_millis(250), max_lost: 1000, ..Default::default() };
        let driver = node.driver_with(&Options { gather: Duration::ZERO, hns, ..Options::default() });
        let now = Instant::now();
        let mut storm =
            Self { node, other, endpoints: BTreeMap::new(), source, reconciler: Reconciler::new(driver, now), now };
        (0..3).for_each(|app| storm.policy(app, app, 0));
        storm
    }

    fn submit(&mut self, yaml: &str) {
        let changes = self.source.put(yaml);
        self.reconciler.submit(self.source.plan(), &changes, self.now);
    }

    fn policy(&mut self, app: u8, net: u8, more: u8) {
        let from: String = (0..more).map(|n| format!(", {{ipBlock: {{cidr: 172.16.{}.0/24}}}}", 2 * n)).collect();
        // Ports apart, so that each of the nets has an ACL of its own.
        let apart: String = (0..more)
            .map(|n| {
                format!(
                    ", {{from: [{{ipBlock: {{cidr: 10.99.{n}.0/24}}}}], ports: [{{port: {}}}]}}",
                    1000 + u16::from(n)
                )
            })
            .collect();
        self.submit(&format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: app-{app}, namespace: shop}}, spec: {{podSelector: {{matchLabels: \
             {{app: a{app}}}}}, ingress: [{{from: [{{ipBlock: {{cidr: 10.10{net}.0.0/16}}}}{from}], ports: [{{port: 80}}]}}{apart}]}}}}"
        ));
    }

    /// An endpoint anew, where there is none yet on its network that a container uses.
    fn endpoint(&mut self, number: u8, other: bool) {
        if let Some(old) = self.endpoints.remove(&(number, other)) {
            let _ = self.node.emulator.remove_endpoint(old);
        }
        let network = if other { self.other } else { self.node.network };
        let made = self.node.emulator.add_endpoint(network, &format!("{number} {other}"), &[address(number)]);
        self.endpoints.extend(made.ok().map(|id| ((number, other), id)));
    }

    fn act(&mut self, step: &Step) {
        match step {
            Step::Pod(pod, Some((number, app))) => self.submit(&format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: pod-{pod}, namespace: shop, labels: {{app: a{app}}}}}, spec: {{nodeName: win}}, status: \
                 {{phase: Running, podIP: 10.0.0.{number}}}}}"
            )),
            Step::Pod(pod, None) => {
                self.source.remove(&Key { kind: Kind::Pod, namespace: "shop".into(), name: format!("pod-{pod}").into() });
                self.submit("");
            }
            Step::Policy(app, net, more) => self.policy(*app, *net, *more),
            Step::Endpoint(number, other) => self.endpoint(*number, *other),
            Step::Left(number, other) => {
                if let Some(id) = self.endpoints.get(&(*number, *other)) {
                    // It goes through a door, too.
                    self.node.emulator.clear_faults();
                    let _ = self.node.service().call("POST", &format!("/endpoints/{id:#}/detach"), "");
                }
            }
            Step::Fault(operation, effect) => self.node.emulator.add_fault(Fault::once(*operation, *effect)),
            Step::Restart => self.node.emulator.restart(),
            Step::Work(all) => {
                if *all {
                    self.reconciler.driver().settle(LONG);
                }
                self.now += Duration::from_millis(400);
                self.reconciler.poll(self.source.plan(), self.now);
            }
        }
    }

    /// The storm is over, and some time goes by.
    fn calm(&mut self) {
        self.node.emulator.clear_faults();
        // A call that hangs may be one that will crash HNS: none outlives this.
        self.node.emulator.crash(Loss::Nothing);
        assert!(self.reconciler.driver().settle(LONG));
        self.node.emulator.restart();
        for number in 1..4 {
            let is_there = |other| self.endpoints.get(&(number, other)).is_some_and(|id| self.is_attached(*id));
            if !is_there(false) && !is_there(true) {
                self.endpoint(number, false);
            }
        }
        for _ in 0..6 {
            self.now += Duration::from_secs(100);
            self.reconciler.poll(self.source.plan(), self.now);
            assert!(self.reconciler.driver().settle(LONG));
            self.now += Duration::from_secs(40);
            self.reconciler.poll(self.source.plan(), self.now);
            assert!(self.reconciler.driver().settle(LONG));
        }
        self.reconciler.poll(self.source.plan(), self.now);
    }

    fn is_attached(&self, id: Guid) -> bool {
        let endpoints =
            margay_hcn::Hns::open(self.node.service(), margay_hcn::Options { force_v1: true, ..Default::default() });
        let endpoints = endpoints.unwrap().endpoints().unwrap().objects;
        endpoints.iter().any(|one| one.id == id && one.state.is_some_and(|state| state.is_attached()))
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let failing: Vec<String> =
            self.reconciler.failing().map(|(object, error)| format!("{object}: {error}")).collect();
        prop_assert!(failing.is_empty(), "{failing:#?}");
        let plan = self.source.plan();
        for (id, endpoint) in plan.endpoints.iter() {
            for of in &endpoint.addresses {
                let there =
                    self.endpoints.iter().filter(|((number, _), id)| address(*number) == *of && self.is_attached(**id));
                let there: Vec<_> = there.collect();
                prop_assert!(!there.is_empty());
                for (place, port) in there {
                    for (net, to) in (100..104).flat_map(|net| [80, 1000].map(move |to| (net, to))) {
                        let from: IpAddr = [10, if to == 80 { net } else { 99 }, 0, 1].into();
                        let flow = Flow::new(from, *of, margay_net::Protocol::TCP).port(to);
                        let packet = Packet::new(flow.protocol, from, *of).ports(flow.source_port, to);
                        let allowed = self.node.emulator.match_tuple(*port, Way::In, &packet).allowed();
                        let wanted = decision_at(plan, id, Direction::Ingress, &flow).unwrap().allow;
                        prop_assert_eq!(allowed, wanted, "{} on {:?}: {:?}", endpoint.key, place, flow);
                    }
                }
            }
        }
        let writes = self.reconciler.driver().writes();
        self.now += Duration::from_secs(100);
        self.reconciler.poll(self.source.plan(), self.now);
        prop_assert!(self.reconciler.driver().settle(LONG));
        self.reconciler.poll(self.source.plan(), self.now);
        prop_assert_eq!(self.reconciler.driver().writes(), writes, "a look of what is in force wrote something");
        Ok(())
    }
}

#[test]
fn whatever_the_storm_it_is_as_planned_when_it_is_over() {
    let cases = if std::env::var_os("MARGAY_LONG").is_some() { 1000 } else { 24 };
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let readings = prop_oneof![
        Just(("15.4", &[][..])),
        Just(("13.3", &["notifications=unavailable", "duplicates=ignored", "remove=missing-ignored"][..])),
        Just(("9.5", &["update=same-type", "readback=rewritten", "duplicates=refused"][..])),
        Just(("7.0", &["notifications=unavailable"][..])),
    ];
    proptest!(config, |((version, knobs) in readings, steps in proptest::collection::vec(step(), 1..30))| {
        let mut storm = Storm::new(version, knobs);
        for step in &steps {
            storm.act(step);
        }
        storm.calm();
        storm.check()?;
    });
}
