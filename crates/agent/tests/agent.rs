//! The agent with a driver that only remembers, and a clock of the test's own.

use margay_agent::{Agent, Followed, Options, Signals, Status, Waker};
use margay_dataplane::{Driver, Event, Object, Recorder, State};
use margay_datastore::{Folder, Source};
use margay_engine::{Engine, Scope};
use margay_policy::{Changes, Direction, Key, Kind, Plan, RuleId};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

const PODS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-1}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1}
status: {podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: shop}
spec: {nodeName: node-2}
status: {podIP: 10.0.0.3}
";
const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}
";

/// What a source gives each time that it is asked.
struct Script(VecDeque<Vec<margay_datastore::Event>>);

impl Source for Script {
    fn poll(&mut self) -> Vec<margay_datastore::Event> {
        self.0.pop_front().unwrap_or_default()
    }

    fn places(&self) -> &HashMap<Key, margay_api::Place> {
        unreachable!("no rule is unsupported")
    }
}

/// A folder that is gone when the test ends.
struct Files(tempfile::TempDir);

impl Default for Files {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

impl Files {
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn followed(&self) -> Followed {
        Followed::new(Folder::new([self.0.path()]))
    }
}

fn options() -> Options {
    Options { node: "node-1".into(), poll: Duration::from_secs(1) }
}

fn text(parts: &[&str]) -> Folder {
    Folder::of_text("cluster.yaml", parts.join("---"))
}

/// What should be in force on node-1.
fn wanted(parts: &[&str]) -> State {
    let mut folder = text(parts);
    folder.poll();
    let mut engine = Engine::new(Scope::Node("node-1".into()));
    folder.objects().for_each(|object| engine.update(object.key(), Some(object)));
    engine.in_sync();
    engine.flush();
    State::of(engine.plan())
}

fn agent<D: Driver>(driver: D, start: Instant) -> Agent<Folder, D> {
    Agent::new(options(), text(&[PODS, POLICY]), driver, start)
}

fn pod(name: &str) -> Key {
    Key { kind: Kind::Pod, namespace: "shop".into(), name: name.into() }
}

fn milliseconds(start: Instant, at: Instant) -> u128 {
    (at - start).as_millis()
}

const NOTHING: Signals = Signals { source: false, driver: false, stop: false };

#[test]
fn nothing_is_touched_before_the_source_is_in_sync() {
    let mut events = text(&[PODS, POLICY]).poll();
    let in_sync = events.split_off(events.len() - 1);
    assert_eq!(in_sync, [margay_datastore::Event::InSync]);
    let before = wanted(&[PODS]);
    let start = Instant::now();
    let script = Script(VecDeque::from([events, Vec::new(), in_sync]));
    let mut agent = Agent::new(options(), script, Recorder::over(before.clone()), start);
    for second in 0..2 {
        let now = start + Duration::from_secs(second);
        agent.step(NOTHING, now);
        assert_eq!(agent.driver().state(), &before, "what was in force before stays in force");
        assert!(!agent.status().is_settled());
        assert_eq!(agent.next_wake(), now + Duration::from_secs(1));
    }
    agent.step(NOTHING, start + Duration::from_secs(2));
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]));
    assert!(agent.status().is_settled());
}

/// A source that says when it heard of what it gives.
struct Late(Script, Instant);

impl Source for Late {
    fn poll(&mut self) -> Vec<margay_datastore::Event> {
        self.0.poll()
    }

    fn heard(&self) -> Option<Instant> {
        Some(self.1)
    }

    fn places(&self) -> &HashMap<Key, margay_api::Place> {
        self.0.places()
    }
}

#[test]
fn what_changes_take_is_counted_from_when_they_were_heard_of() {
    let start = text(&[PODS]).poll();
    let change = text(&[POLICY]).poll().into_iter().filter(|event| matches!(event, margay_datastore::Event::Update(_)));
    let heard = Instant::now() - Duration::from_secs(2);
    // The start is no change, and neither is what changes nothing.
    let script = Script(VecDeque::from([start, change.collect(), Vec::new()]));
    let options = Options { poll: Duration::from_millis(1), ..options() };
    let mut agent = Agent::new(options, Late(script, heard), Recorder::default(), Instant::now());
    let mut commits = margay_agent::Latency::default();
    agent.run(&Waker::default(), Some(Instant::now() + Duration::from_secs(10)), |status| {
        commits = status.commits;
        if commits.count() == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(commits.count(), 1);
    assert!((2..10).contains(&commits.sum().as_secs()), "{commits:?}");
}

#[test]
fn a_start_over_what_is_in_force_writes_nothing() {
    let start = Instant::now();
    let mut agent = agent(Recorder::over(wanted(&[PODS, POLICY])), start);
    agent.step(NOTHING, start);
    assert_eq!(agent.driver().writes(), 0);
    let Status { in_sync, endpoints, policies, waiting, failing, unsupported, drift, .. } = agent.status();
    assert_eq!((in_sync, endpoints, policies, waiting), (true, 2, 1, 0));
    assert!(failing.is_empty() && unsupported.is_empty() && drift.is_none());
}

#[test]
fn edits_of_files_are_followed() {
    let files = Files::default();
    files.write("pods.yaml", PODS);
    let start = Instant::now();
    let source = files.followed();
    let mut agent = Agent::new(options(), source, Recorder::default(), start);
    agent.step(NOTHING, start);
    assert_eq!(agent.driver().state(), &wanted(&[PODS]), "at the start");

    files.write("policy.yaml", POLICY);
    agent.step(NOTHING, start + Duration::from_millis(999));
    assert_eq!(agent.driver().state(), &wanted(&[PODS]), "it is not time to ask");
    agent.step(NOTHING, start + Duration::from_secs(1));
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]), "a file more");

    files.write("policy.yaml", "kind: [nonsense");
    let step = |agent: &mut Agent<_, Recorder>| agent.step(Signals { source: true, ..NOTHING }, start);
    step(&mut agent);
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]), "a file that can't be read takes nothing away");

    std::fs::remove_file(files.0.path().join("policy.yaml")).expect("a file");
    step(&mut agent);
    assert_eq!(agent.driver().state(), &wanted(&[PODS]), "a file that went");
    let writes = agent.driver().writes();
    step(&mut agent);
    assert_eq!(agent.driver().writes(), writes, "nothing new");
}

#[test]
fn what_fails_is_said_with_its_beginning_until_it_succeeds() {
    let start = Instant::now();
    let mut agent = agent(Recorder::default(), start);
    agent.driver().fail_next();
    agent.step(NOTHING, start);
    assert_eq!(milliseconds(start, agent.next_wake()), 100, "the reconciler's first wait");
    agent.driver().fail_next();
    agent.step(NOTHING, start + Duration::from_millis(100));
    let status = agent.status();
    let [failing] = status.failing.as_slice() else { panic!("{status:?}") };
    assert_eq!((&failing.object, failing.since), (&Object::All, start));
    assert_eq!(failing.error, "cannot write: a fault was injected");
    assert!(status.is_settled(), "there is nothing to wait for");
    assert_eq!(milliseconds(start, agent.next_wake()), 300);
    agent.step(NOTHING, start + Duration::from_millis(300));
    assert!(agent.status().failing.is_empty());
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]));
}

#[test]
fn an_endpoint_of_which_nothing_is_heard_is_waited_for() {
    let start = Instant::now();
    let mut agent = agent(EndpointByEndpoint::default(), start);
    agent.driver().hanging = Some(pod("web"));
    agent.step(NOTHING, start);
    let status = agent.status();
    assert_eq!((status.endpoints, status.waiting, status.is_settled()), (2, 1, false));
    agent.driver().events.push(Event::Applied { object: Object::Endpoint(pod("web")), revision: status.revision });
    agent.step(Signals { driver: true, ..NOTHING }, start);
    assert!(agent.status().is_settled());
}

#[test]
fn what_someone_else_changed_is_mended_and_said() {
    let start = Instant::now();
    let mut agent = agent(Recorder::default(), start);
    agent.step(NOTHING, start);
    assert!(agent.driver().disturb(), "there is an endpoint to forget");
    let later = start + Duration::from_millis(5);
    agent.step(Signals { driver: true, ..NOTHING }, later);
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]));
    let drift = agent.status().drift.expect("drift");
    assert_eq!((drift.at, drift.found.len(), drift.more), (later, 1, 0));
    let (object, found) = &drift.found[0];
    assert!(*object == Object::All && found.chars().count() == 501 && found.ends_with('…'), "{found}");
}

#[test]
fn what_cannot_be_expressed_is_said_as_long_as_it_holds() {
    let files = Files::default();
    files.write("pods.yaml", PODS);
    files.write("policy.yaml", POLICY);
    let start = Instant::now();
    let source = files.followed();
    let mut agent = Agent::new(options(), source, EndpointByEndpoint::default(), start);
    let unsupported = |status: Status| -> Vec<String> {
        let place = |place: Option<String>| place.map(|place| Path::new(&place).file_name().map(|f| f.to_owned()));
        status.unsupported.into_iter().map(|u| format!("{} {} {:?}", u.rule.policy, u.field, place(u.place))).collect()
    };
    agent.step(NOTHING, start);
    assert_eq!(unsupported(agent.status()), ["NetworkPolicy shop/db from Some(Some(\"policy.yaml:5\"))"]);
    files.write("policy.yaml", &POLICY.replace("from: [{podSelector: {matchLabels: {app: web}}}]", ""));
    agent.step(Signals { source: true, ..NOTHING }, start);
    assert_eq!(unsupported(agent.status()), Vec::<String>::new());
}

#[test]
fn each_policy_of_the_nodes_endpoints_is_told_with_its_generation() {
    let start = Instant::now();
    let files = Files::default();
    files.write("pods.yaml", PODS);
    files.write("policy.yaml", &POLICY.replace("metadata: {", "metadata: {generation: 3, "));
    let mut agent = Agent::new(options(), files.followed(), EndpointByEndpoint::default(), start);
    agent.driver().hanging = Some(pod("db"));
    let told = |agent: &mut Agent<_, EndpointByEndpoint>, events: &[Event]| {
        agent.driver().events.extend_from_slice(events);
        agent.step(Signals { source: true, driver: true, stop: false }, start);
        let applied = agent.status().applied;
        applied.iter().map(|one| format!("{} {}: {:?}", one.policy, one.generation, one.progress)).collect::<Vec<_>>()
    };
    let db = |revision| Event::Applied { object: Object::Endpoint(pod("db")), revision };
    let failed = |error: &str| Event::Failed {
        object: Object::Endpoint(pod("db")),
        error: error.into(),
        retry: margay_dataplane::Retry::Never,
    };
    assert_eq!(told(&mut agent, &[]), ["NetworkPolicy shop/db 3: Pending"]);
    let first = agent.status().revision;
    assert_eq!(told(&mut agent, &[db(first)]), ["NetworkPolicy shop/db 3: Realized"]);
    // Rules that changed are in force when the endpoint is, not by what was in force before.
    files.write(
        "policy.yaml",
        &POLICY.replace("metadata: {", "metadata: {generation: 4, ").replace("app: web", "app: x"),
    );
    assert_eq!(told(&mut agent, &[]), ["NetworkPolicy shop/db 4: Pending"]);
    assert_eq!(told(&mut agent, &[db(first)]), ["NetworkPolicy shop/db 4: Pending"]);
    assert_eq!(
        told(&mut agent, &[failed("HNS won't")]),
        ["NetworkPolicy shop/db 4: Failed(\"Pod shop/db: HNS won't\")"]
    );
    let second = agent.status().revision;
    assert_eq!(told(&mut agent, &[db(second)]), ["NetworkPolicy shop/db 4: Realized"]);
    // A generation that changes nothing here is in force at once.
    files.write(
        "policy.yaml",
        &POLICY.replace("metadata: {", "metadata: {generation: 5, ").replace("app: web", "app: x"),
    );
    assert_eq!(told(&mut agent, &[]), ["NetworkPolicy shop/db 5: Realized"]);
    files.write("policy.yaml", "");
    assert_eq!(told(&mut agent, &[]), Vec::<String>::new());
}

#[test]
fn other_threads_wake_it_and_stop_it() {
    let files = Files::default();
    files.write("pods.yaml", PODS);
    let options = Options { poll: Duration::from_secs(3600), ..options() };
    let source = files.followed();
    let mut agent = Agent::new(options, source, Recorder::default(), Instant::now());
    let waker = Waker::default();
    let (told, tell) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let waker = &waker;
        let other = scope.spawn(move || {
            let policies = || tell.recv().expect("the agent reports");
            let before = policies();
            files.write("policy.yaml", POLICY);
            waker.source();
            let after = policies();
            waker.stop();
            (before, after)
        });
        agent.run(waker, None, |status| {
            told.send(status.policies).expect("the test listens");
            ControlFlow::Continue(())
        });
        assert_eq!(other.join().expect("the other thread"), (0, 1));
    });
    assert_eq!(agent.driver().state(), &wanted(&[PODS, POLICY]), "stopping changes nothing");
    agent.run(&waker, None, |_| panic!("a stopped agent does nothing more"));
}

#[test]
fn it_ends_when_it_is_settled_or_its_time_is_over() {
    let settled = |status: &Status| match status.is_settled() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let start = Instant::now();
    let mut quick = agent(Recorder::default(), start);
    quick.run(&Waker::default(), None, settled);
    assert_eq!(quick.driver().state(), &wanted(&[PODS, POLICY]));
    let mut slow = agent(EndpointByEndpoint::default(), start);
    slow.driver().hanging = Some(pod("web"));
    slow.run(&Waker::default(), Some(Instant::now() + Duration::from_millis(20)), settled);
    assert_eq!(slow.status().waiting, 1);
}

/// A driver that reports each endpoint by itself, as HNS does, and that can't express whom a rule allows.
#[derive(Default)]
struct EndpointByEndpoint {
    /// The endpoint of which nothing is heard.
    hanging: Option<Key>,
    events: Vec<Event>,
}

impl Driver for EndpointByEndpoint {
    fn submit(&mut self, plan: &Plan, _changes: &Changes) {
        self.resync(plan, None);
    }

    fn resync(&mut self, plan: &Plan, _object: Option<&Object>) {
        let keys = plan.endpoints.iter().map(|(_, endpoint)| endpoint.key.clone());
        let heard = keys.filter(|key| self.hanging.as_ref() != Some(key)).map(Object::Endpoint);
        self.events.extend(heard.map(|object| Event::Applied { object, revision: plan.revision }));
        for (_, policy) in plan.policies.iter() {
            let rules = policy.ingress.iter().filter(|rule| rule.rule.sets().next().is_some());
            self.events.extend(rules.map(|rule| Event::Unsupported {
                rule: RuleId { policy: policy.key.clone(), direction: Direction::Ingress, index: rule.index },
                field: "from",
                done: "nobody is allowed",
            }));
        }
    }

    fn observe(&mut self, _plan: &Plan) {}

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn cleanup(&mut self) -> Result<(), String> {
        Ok(())
    }
}
