//! The states that the table goes through, one after another for ever: each is a function of its number alone.
//!
//! Made to be dangerous in between: the attacker never has the role that the guard lets in, but takes each role in turn, and so does the guard. Anything
//! older or newer than it should be opens the guard to the attacker. Addresses pass from pod to pod, policies, tiers and a family come and go.
//!
//! One thing no nftables ruleset can promise, and these states don't ask for: rules are of the generation in which a packet enters a base chain, set
//! elements of that in which they are looked up. So where one commit changes both rules and members, a packet that it overtakes within a base chain
//! meets old rules and new members. Hence the roles of the guard and of the attacker change in different states.

use margay_api::{Key, Kind, Object, Update};
use margay_engine::{Engine, Scope};
use margay_policy::Plan;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

pub(crate) const NODE: &str = "node-a";
pub(crate) const VICTIM: [u8; 4] = [10, 0, 0, 1];
pub(crate) const ATTACKER: [u8; 4] = [10, 0, 0, 2];
/// A port of the victim that the attacker never gets at.
pub(crate) const CLOSED: u16 = 9000;
/// A port of the victim that is open to the attacker always.
pub(crate) const OPEN: u16 = 9001;

/// After so many states the first follows again.
pub(crate) const STATES: u32 = 60;

/// The resources of a state: as text, by key.
fn resources(state: u32) -> BTreeMap<Key, String> {
    let state = state % STATES;
    let mut all = BTreeMap::new();
    let mut put = |api: &str, kind: Kind, namespace: &str, name: String, labels: String, rest: String| {
        let word = match kind {
            Kind::CalicoNetworkPolicy => "NetworkPolicy",
            kind => kind.name(),
        };
        let inside = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
        let text = format!(
            "apiVersion: {api}\nkind: {word}\nmetadata: {{name: {name}{inside}, labels: {{{labels}}}}}\n{rest}\n"
        );
        all.insert(Key { kind, namespace: namespace.into(), name: name.into() }, text);
    };
    // What a resource with this period is like: another in every `period` states, not all at once.
    let version = |index: u32, period: u32| (state + index) / period;

    put("v1", Kind::Namespace, "", "shop".into(), format!("epoch: e{}", version(0, 7) % 2), String::new());
    let addresses = "status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}";
    put("v1", Kind::Node, "", NODE.into(), String::new(), addresses.into());
    let mut pod = |name: String, labels: String, node: &str, address: String| {
        let rest = format!("spec: {{nodeName: {node}}}\nstatus: {{podIPs: [{{ip: '{address}'}}]}}");
        put("v1", Kind::Pod, "shop", name, labels, rest);
    };
    // Whom the guard lets in, and what the attacker is.
    let (lets_in, is) = [("a", "b"), ("c", "b"), ("c", "a"), ("b", "a"), ("b", "c"), ("a", "c")][state as usize % 6];
    pod("victim".into(), "app: victim".into(), NODE, "10.0.0.1".into());
    pod("attacker".into(), format!("role: {is}"), NODE, "10.0.0.2".into());
    for index in 0..24 {
        let (version, place) = (version(index, 5), index ^ (version(0, 3) & 1));
        if version % 4 != 3 {
            let labels = format!("app: app-{}, role: r{}", index % 4, version % 3);
            pod(format!("local-{index}"), labels, NODE, format!("10.0.1.{place}"));
        }
    }
    for index in 0..40 {
        let labels = format!("role: r{}, epoch: e{}", version(index, 4) % 3, index % 2);
        pod(format!("remote-{index}"), labels, "elsewhere", format!("10.0.2.{index}"));
    }
    if version(0, 12) % 2 == 1 {
        pod("six".into(), "app: app-1".into(), NODE, "fd00::6".into());
    }

    let from_role = |role: &str| format!("from: [{{podSelector: {{matchLabels: {{role: {role}}}}}}}]");
    let mut policy = |name: String, app: &str, ingress: String| {
        let rest = format!("spec:\n  podSelector: {{matchLabels: {{app: {app}}}}}\n  ingress: [{ingress}]");
        put("networking.k8s.io/v1", Kind::NetworkPolicy, "shop", name, String::new(), rest);
    };
    let either = "from: [{podSelector: {matchExpressions: [{key: role, operator: In, values: [a, b, c]}]}}]";
    let open = format!("{{{either}, ports: [{{protocol: UDP, port: {OPEN}}}]}}");
    policy("guard".into(), "victim", format!("{{{}}}, {open}", from_role(lets_in)));
    // The sets of all three roles are there in every state.
    policy("keeper".into(), "app-0", ["a", "b", "c"].map(|role| format!("{{{}}}", from_role(role))).join(", "));
    for index in 0..24 {
        let version = version(index, 3);
        let mut rules = String::new();
        for rule in 0..version % 5 {
            let _ =
                write!(rules, "{{{}, ports: [{{port: {}}}]}}, ", from_role(&format!("r{}", rule % 3)), 80 + version);
        }
        if version % 5 != 4 {
            policy(format!("policy-{index}"), &format!("app-{}", index % 4), rules);
        }
    }

    const CALICO: &str = "projectcalico.org/v3";
    for index in 0..3 {
        let version = version(index, 4);
        let wide = version.is_multiple_of(2).then(|| "192.0.0.0/20".to_owned());
        let narrow = (0..=version % 6).map(|n| format!("192.0.{}.0/{}", 4 * n, 22 + (version + n) % 3));
        let nets: Vec<String> = wide.into_iter().chain(narrow).collect();
        let rest = format!("spec: {{nets: [{}]}}", nets.join(", "));
        put(CALICO, Kind::GlobalNetworkSet, "", format!("net-{index}"), "zone: outside".into(), rest);
    }
    put(CALICO, Kind::Tier, "", "early".into(), String::new(), "spec: {order: 10}".into());
    if version(0, 2) % 3 != 0 {
        let rest = format!(
            "spec:\n  tier: early\n  order: {}\n  selector: has(app)\n  types: [Ingress]\n  ingress: [{{action: Deny, source: {{selector: zone == 'outside'}}}}, {{action: Pass}}]",
            state % 5
        );
        put(CALICO, Kind::GlobalNetworkPolicy, "", "early.outside".into(), String::new(), rest);
    }
    all
}

fn decode(text: &str) -> Arc<Object> {
    let decoded = margay_api::read(text, "state.yaml").pop().unwrap_or_else(|| panic!("nothing in {text}"));
    assert!(decoded.problems.is_empty(), "{:?}\n{text}", decoded.problems);
    Arc::new(decoded.object.unwrap_or_else(|| panic!("no object in {text}")))
}

/// What leads from one state to another; from `None`, to it from nothing.
fn updates(before: Option<u32>, after: u32) -> Vec<Update> {
    let (before, after) = (before.map(resources).unwrap_or_default(), resources(after));
    let gone =
        before.keys().filter(|key| !after.contains_key(*key)).map(|key| Update { key: key.clone(), value: None });
    let come = after.iter().filter(|(key, text)| before.get(*key) != Some(*text));
    gone.chain(come.map(|(key, text)| Update { key: key.clone(), value: Some(decode(text)) })).collect()
}

/// An engine in one state after another.
pub(crate) struct Walk {
    pub(crate) state: u32,
    pub(crate) engine: Engine,
}

impl Walk {
    pub(crate) fn from(state: u32) -> Self {
        let mut walk = Self { state, engine: Engine::new(Scope::Node(NODE.into())) };
        walk.take(&updates(None, state));
        walk
    }

    /// On to the next state.
    pub(crate) fn step(&mut self) -> margay_policy::Changes {
        self.state += 1;
        self.take(&updates(Some(self.state - 1), self.state))
    }

    fn take(&mut self, updates: &[Update]) -> margay_policy::Changes {
        for update in updates {
            self.engine.update(&update.key, update.value.as_deref());
        }
        self.engine.in_sync();
        self.engine.flush()
    }
}

/// The Plan of every state, by number.
pub(crate) fn plans() -> Vec<Plan> {
    let mut walk = Walk::from(0);
    let mut plans = vec![walk.engine.plan().clone()];
    for _ in 1..STATES {
        walk.step();
        plans.push(walk.engine.plan().clone());
    }
    plans
}
