//! Agents' reports, controllers and the webhook on a real API server, where `KUBEBUILDER_ASSETS` has one.

#![allow(clippy::print_stderr, reason = "a test says what it leaves out")]

use margay_agent::{Applied, Progress, Status};
use margay_api::{Key, Kind, crd};
use margay_controller::{Certificate, Controller, Options, Webhook};
use margay_envtest::{Assets, ControlPlane, Error, Write, Writer, objects};
use margay_kubernetes::Connection;
use margay_report::{Identity, Os, Reporter};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(100);

/// An API server that has Margay's own kinds, and a namespace.
struct Cluster {
    server: ControlPlane,
    writer: Writer,
}

impl Cluster {
    fn start() -> Option<Self> {
        let assets = Assets::find()?;
        let server = ControlPlane::start(&assets, Ipv4Addr::LOCALHOST.into()).expect("it starts");
        let writer = Writer::new(server.kubeconfig()).expect("a client");
        let cluster = Self { server, writer };
        cluster.create(objects::namespace("shop", &[]));
        Some(cluster)
    }

    /// The same, of a server that can be given objects of our own kinds.
    fn with_kinds() -> Option<Self> {
        let cluster = Self::start()?;
        cluster.define(crd::Group::Margay);
        Some(cluster)
    }

    fn create(&self, object: Value) -> Value {
        self.write(Write::Create(object)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Writes something, over connections that the server has closed while they were not used.
    fn write(&self, write: Write) -> Result<Value, String> {
        self.until("there is an answer", || match self.writer.write(&write) {
            Err(Error::Unreachable { .. }) => None,
            outcome => Some(outcome.map_err(|error| error.to_string())),
        })
    }

    /// Makes kinds, and waits until they are served.
    fn define(&self, group: crd::Group) {
        for mut definition in crd::definitions(group) {
            let spec = definition["spec"].clone();
            // What an API server of today knows and this one does not is nothing that these tests are about.
            drop_rules(&mut definition);
            self.create(definition);
            let path = format!(
                "/apis/{}/{}/{}",
                spec["group"].as_str().unwrap(),
                spec["versions"][0]["name"].as_str().unwrap(),
                spec["names"]["plural"].as_str().unwrap()
            );
            self.until("the kind is served", || self.writer.get(&path).ok());
        }
    }

    fn connection(&self) -> Connection {
        Connection { kubeconfig: Some(self.server.kubeconfig()), context: None }
    }

    fn get(&self, path: &str) -> Option<Value> {
        self.writer.get(path).ok()
    }

    /// Looks until there is something.
    fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < until, "it never happens that {what}");
            std::thread::park_timeout(LOOK);
        }
    }

    fn events(&self, reason: &str) -> Vec<Value> {
        let all = self.get("/apis/events.k8s.io/v1/events").expect("events");
        let all = all["items"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|event| event["reason"] == reason).collect()
    }

    fn reporter(&self, node: &str, os: Os) -> Reporter {
        let identity = Identity { node: node.into(), os, version: "0.1.0", started: Instant::now() };
        Reporter::start(&self.connection(), identity).expect("a client")
    }

    fn controller(&self, identity: &str) -> Controller {
        let options = Options {
            connection: self.connection(),
            namespace: "shop".into(),
            lease: "margay-controller".into(),
            identity: identity.into(),
        };
        Controller::start(&options).expect("a client")
    }
}

/// Removes the rules in CEL.
fn drop_rules(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("x-kubernetes-validations");
            map.values_mut().for_each(drop_rules);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_rules),
        _ => {}
    }
}

/// The status of an agent in whose data plane these policies are.
fn status(node: &str, applied: &[(&str, i64, Progress)]) -> Status {
    let key = |name: &str| Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: name.into() };
    let applied = applied.iter().map(|(name, generation, progress)| Applied {
        policy: key(name),
        generation: *generation,
        progress: progress.clone(),
    });
    let failing =
        margay_agent::Failing { object: margay_dataplane::Object::All, error: String::new(), since: Instant::now() };
    Status {
        in_sync: true,
        endpoints: 2,
        failing: Vec::new(),
        applied: applied.collect(),
        ..Status::unready(node.into(), failing)
    }
}

fn policy() -> Value {
    objects::ingress_policy("shop", "web", &[("app", "web")], vec![], 80)
}

const STATUS: &str = "/apis/margay.io/v1alpha1/namespaces/shop/policystatuses/networkpolicy.web";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/margay-controller";

fn condition(status: &Value, kind: &str) -> String {
    let conditions = status["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == kind);
    found.map(|c| format!("{} {}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap())).unwrap_or_default()
}

#[test]
fn of_two_controllers_one_acts_and_the_other_takes_over_at_once() {
    let Some(cluster) = Cluster::start() else { return };
    let holder = || cluster.get(LEASE).map(|lease| lease["spec"]["holderIdentity"].clone());
    let one = cluster.controller("one");
    cluster.until("one leads", || one.is_leader().then_some(()));
    let two = cluster.controller("two");
    assert_eq!((holder(), two.is_leader()), (Some(json!("one")), false));
    drop(one);
    cluster.until("two leads", || two.is_leader().then_some(()));
    assert_eq!(holder(), Some(json!("two")));
    drop(two);
    cluster.until("it is given up", || (holder() == Some(json!(""))).then_some(()));
}

#[test]
fn what_nodes_report_comes_to_the_status_of_the_policy() {
    let Some(cluster) = Cluster::with_kinds() else { return };
    for name in ["a", "b"] {
        cluster.create(objects::node(name));
    }
    let made = cluster.create(policy());
    assert_eq!(made["metadata"]["generation"], 1);

    // A node's report, which belongs to its Node.
    let report = || cluster.get("/apis/margay.io/v1alpha1/nodereports/a");
    let (a, b) = (cluster.reporter("a", Os::Linux), cluster.reporter("b", Os::Windows));
    a.tell(&status("a", &[("web", 1, Progress::Realized)]));
    let first = cluster.until("a reports", report);
    assert_eq!(
        (&first["report"]["os"], &first["report"]["policies"][0]["state"]),
        (&json!("linux"), &json!("Realized"))
    );
    assert_eq!(first["metadata"]["ownerReferences"][0]["kind"], "Node");
    assert_eq!(first["metadata"]["managedFields"][0]["manager"], "margay-agent");

    // Of two controllers one acts.
    let one = cluster.controller("one");
    cluster.until("one leads", || one.is_leader().then_some(()));
    let two = cluster.controller("two");
    let realized = cluster.until("there is a status", || cluster.get(STATUS));
    assert_eq!(realized["status"]["nodes"], "linux 1/1");
    assert_eq!(condition(&realized, "Realized"), "True InForce");
    assert_eq!(condition(&realized, "SelectsNothing"), "False Applies");
    assert_eq!(
        realized["policy"],
        json!({"group": "networking.k8s.io", "kind": "NetworkPolicy", "name": "web", "generation": 1})
    );
    assert_eq!(realized["metadata"]["ownerReferences"][0]["uid"], made["metadata"]["uid"]);

    // Another node fails.
    b.tell(&status("b", &[("web", 1, Progress::Failed("Pod shop/web: HNS won't".into()))]));
    let failed = cluster.until("the failure is told", || {
        cluster.get(STATUS).filter(|status| condition(status, "Realized") == "False Failed")
    });
    assert_eq!(failed["status"]["nodes"], "linux 1/1, windows 0/1");
    assert!(!two.is_leader());

    // The next controller finds what the first has written, and writes nothing; then it acts.
    drop(one);
    cluster.until("two leads", || two.is_leader().then_some(()));
    assert_eq!(cluster.get(LEASE).expect("the lease")["spec"]["holderIdentity"], "two");
    let version = |status: &Value| status["metadata"]["resourceVersion"].clone();
    b.tell(&status("b", &[("web", 1, Progress::Realized)]));
    let mended =
        cluster.until("b is mended", || cluster.get(STATUS).filter(|status| version(status) != version(&failed)));
    assert_eq!(
        (&mended["status"]["nodes"], condition(&mended, "Realized")),
        (&json!("linux 1/1, windows 1/1"), "True InForce".into())
    );
    // The server has had the same report of a since the start.
    a.tell(&status("a", &[("web", 1, Progress::Realized)]));
    assert_eq!(report().map(|now| version(&now)), Some(version(&first)));

    // A status goes with its policy.
    cluster.write(Write::Delete(policy())).expect("it goes");
    cluster.until("the status is gone", || cluster.get(STATUS).is_none().then_some(()));
    drop(two);
    assert_eq!(cluster.get(LEASE).expect("the lease")["spec"]["holderIdentity"], "", "it is given up");
}

#[test]
fn the_webhook_refuses_and_warns_and_what_was_there_before_is_told() {
    let Some(cluster) = Cluster::with_kinds() else { return };
    // A kind without a schema of its own, so that it is ours that reads it.
    cluster.create(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "globalnetworkpolicies.projectcalico.org"},
        "spec": {
            "group": "projectcalico.org",
            "scope": "Cluster",
            "names": {"kind": "GlobalNetworkPolicy", "plural": "globalnetworkpolicies", "singular": "globalnetworkpolicy"},
            "versions": [{"name": "v3", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    }));
    let all = "/apis/projectcalico.org/v3/globalnetworkpolicies";
    cluster.until("the kind is served", || cluster.get(all));
    let policy = |name: &str, selector: &str| json!({"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": name}, "spec": {"selector": selector}});
    // What can't be read is told of, on its status and by an Event.
    cluster.create(policy("before", "app =="));
    let _controller = cluster.controller("one");
    let status = "/apis/margay.io/v1alpha1/clusterpolicystatuses/globalnetworkpolicy.before";
    let told = cluster.until("it is told", || cluster.get(status));
    assert_eq!(condition(&told, "Valid"), "False Invalid");
    assert_eq!(condition(&told, "Realized"), "Unknown NoReports");
    let event = cluster.until("there is an Event", || cluster.events("PolicyInvalid").pop());
    assert_eq!((&event["regarding"]["name"], &event["type"]), (&json!("before"), &json!("Warning")));

    // From now on it is refused.
    let home = tempfile::tempdir().expect("a temporary folder");
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let paths = Certificate { certificate: home.path().join("tls.crt"), key: home.path().join("tls.key") };
    std::fs::write(&paths.certificate, signed.cert.pem()).expect("a file");
    std::fs::write(&paths.key, signed.signing_key.serialize_pem()).expect("a file");
    let webhook = Webhook::start((Ipv4Addr::LOCALHOST, 0).into(), paths).expect("it starts");
    cluster.create(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "margay"},
        "webhooks": [{
            "name": "policy.margay.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "clientConfig": {"url": format!("https://{}/validate", webhook.address()), "caBundle": base64(signed.cert.pem().as_bytes())},
            "rules": [{"apiGroups": ["projectcalico.org"], "apiVersions": ["*"], "resources": ["globalnetworkpolicies"], "operations": ["CREATE", "UPDATE"]}],
        }],
    }));
    let refused = cluster.until("the webhook is asked", || {
        let made = cluster.write(Write::Create(policy("after", "app ==")));
        if made.is_ok() {
            cluster.write(Write::Delete(policy("after", "app =="))).expect("it goes");
        }
        made.err()
    });
    assert!(refused.contains("GlobalNetworkPolicy after: spec.selector: "), "{refused}");
    cluster.create(policy("after", "app == 'web'"));
    let labelled = json!({"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": "before", "labels": {"a": "b"}}});
    cluster.write(Write::Patch(labelled)).expect("what was wrong before may be labelled");
    cluster.write(Write::Patch(policy("before", "app == 'web'"))).expect("and be mended");
    cluster.until("it is valid", || cluster.get(status).filter(|status| condition(status, "Valid") == "True Read"));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().chain([&0, &0]).take(3).fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        for digit in 0..4 {
            let is_there = digit <= three.len();
            text.push(if is_there { char::from(DIGITS[number >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}
