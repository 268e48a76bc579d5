//! margay.exe on an emulated HNS: what it programs, and what it does when HNS is not as it should be.

use crate::ran;
use margay_hcn::{Feature, Guid, Kind, Service, Version};
use margay_vfp::process::{Server, serve};
use margay_vfp::{Clock, Config, Emulator, Loss, NetworkKind};
use serde_json::Value;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::windows::Wine;

pub(crate) const DEMO: [(&str, &str); 2] = [
    ("cluster.yaml", include_str!("../../../../examples/demo/cluster.yaml")),
    ("policies.yaml", include_str!("../../../../examples/demo/policies.yaml")),
];
pub(crate) const NODE: &str = "windows-1";
/// The demo's pod on that node, and an address there that is no pod's.
const POD: &str = "10.244.3.10";
const NO_POD: &str = "10.244.3.99";
/// What the demo lacks: with it, orders may ask DNS.
pub(crate) const EDIT: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {matchLabels: {app: orders}}
  policyTypes: [Egress]
  egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
      ports: [{port: 53, protocol: UDP}]
";
const PATIENCE: Duration = Duration::from_secs(60);

/// The agents of these tests run one after the other: a machine has but one, and Wine's prefix is one machine.
static MACHINE: Mutex<()> = Mutex::new(());

/// Keeps the machine for the caller.
pub(crate) fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The demo's Windows node: a folder, and HNS.
pub(crate) struct Node {
    wine: Wine,
    home: TempDir,
    emulator: Arc<Emulator>,
    address: SocketAddr,
    server: Option<Server>,
    _machine: MutexGuard<'static, ()>,
}

impl Node {
    /// With HNS of a version, and the demo's pod on a network of a kind; `None` where there is no Wine.
    fn new(version: Version, kind: NetworkKind) -> Option<Self> {
        Self::read_so(version, kind, "nat-acls=inert")
    }

    /// The same, by a reading of what is not established.
    fn read_so(version: Version, kind: NetworkKind, knob: &str) -> Option<Self> {
        let wine = Wine::ready()?;
        let mut config = Config { clock: Clock::real(), ..Config::new(version) };
        config.knobs.set(knob).expect("a knob");
        let emulator = Emulator::new(config);
        let network = emulator.add_network(kind, "pods", &["10.244.3.0/24".parse().expect("a prefix")]);
        let network = network.expect("a network");
        for text in [POD, NO_POD] {
            let address: IpAddr = text.parse().expect("an address");
            emulator.add_endpoint(network, text, &[address]).expect("an endpoint");
        }
        Some(Self::on(wine, emulator))
    }

    /// On an HNS that has the pod's endpoint.
    pub(crate) fn on(wine: Wine, emulator: Arc<Emulator>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("cluster")).expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = serve(listener, Arc::clone(&emulator)).expect("it serves on loopback");
        let (address, _machine) = (server.address(), machine());
        let node = Self { wine, home, emulator, address, server: Some(server), _machine };
        DEMO.iter().for_each(|(name, text)| node.write(name, text));
        node
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join("cluster").join(name), text).expect("a file");
    }

    fn agent(&self, more: &str) -> Command {
        let mut command = self.margay();
        command.args(["agent", "-f", "cluster", "--node", NODE]).args(more.split_whitespace());
        command
    }

    /// margay.exe on this HNS.
    fn margay(&self) -> Command {
        let mut command = self.wine.margay();
        command.env("MARGAY_VFP", self.address.to_string()).current_dir(self.home.path());
        if !self.has_v2() {
            without(&mut command, "computenetwork");
        }
        command
    }

    fn has_v2(&self) -> bool {
        self.emulator.config().version.has(Feature::ApiV2)
    }

    /// An agent that reads its folder ten times a second.
    pub(crate) fn start(&self) -> Agent {
        self.start_with("")
    }

    /// The same, with more arguments.
    fn start_with(&self, more: &str) -> Agent {
        // What it says of itself is of now.
        let _ = std::fs::remove_file(self.home.path().join("status.json"));
        let log = std::fs::File::options().append(true).create(true).open(self.home.path().join("agent.log"));
        let mut command = self.agent(&format!("--poll 100ms --status-file status.json {more}"));
        Agent(command.stderr(log.expect("a file")).stdin(Stdio::null()).spawn().expect("Wine starts"))
    }

    fn status(&self) -> Value {
        let text = std::fs::read(self.home.path().join("status.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn failing(&self) -> String {
        self.status()["failing"][0]["error"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether the agent says that all is in force.
    pub(crate) fn is_ready(&self) -> bool {
        let status = self.status();
        status["inSync"] == true && status["waiting"] == 0 && status["failing"] == Value::Array(Vec::new())
    }

    /// Waits until something is so, and says how long it took: neither a file of Wine's nor HNS tells when it changes.
    pub(crate) fn until(&self, what: &str, so: impl Fn() -> bool) -> Duration {
        let start = Instant::now();
        while !so() {
            let log = || std::fs::read_to_string(self.home.path().join("agent.log")).unwrap_or_default();
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}\n{}", self.status(), log());
            std::thread::sleep(Duration::from_millis(2));
        }
        start.elapsed()
    }

    /// The endpoint that has an address, and V1's document of it; none while HNS is down.
    fn endpoint(&self, address: &str) -> Option<(Guid, Value)> {
        let endpoints: Value = serde_json::from_str(&self.emulator.call("GET", "/endpoints/", "").ok()?).expect("JSON");
        let endpoint = endpoints["Output"].as_array().into_iter().flatten().find(|one| one["IPAddress"] == address);
        let endpoint = endpoint.unwrap_or_else(|| panic!("no endpoint has {address}: {endpoints}"));
        Some((endpoint["ID"].as_str().expect("an id").parse().expect("a GUID"), endpoint.clone()))
    }

    /// Its ACLs, in the order in which they are asked, as HNS shows them but for their numbers: by V2 where there is that.
    fn acls(&self, address: &str) -> Vec<Value> {
        let Some((id, mut endpoint)) = self.endpoint(address) else { return Vec::new() };
        if let Ok(document) = self.emulator.query(Kind::Endpoint, id, "") {
            endpoint = serde_json::from_str(&document).expect("JSON");
        }
        let acls = endpoint["Policies"].as_array().into_iter().flatten().filter(|policy| policy["Type"] == "ACL");
        without_numbers(acls.map(|policy| policy.get("Settings").unwrap_or(policy).clone()).collect())
    }

    /// What `margay render` says that the pod should have, here on this side.
    pub(crate) fn rendered(&self) -> Vec<Value> {
        let version = self.emulator.config().version.to_string();
        let mut margay = Command::new(env!("CARGO_BIN_EXE_margay"));
        margay.args(["render", "-f", "cluster", "--node", NODE, "--dataplane", "hns", "-o", "json"]);
        let run = ran(margay.args(["--hns-version", &version]).current_dir(self.home.path()));
        let whole: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        let [pod] = &whole["endpoints"].as_array().expect("endpoints")[..] else { panic!("{whole}") };
        assert_eq!(pod["ips"][0], POD);
        without_numbers(pod["acls"].as_array().expect("ACLs").clone())
    }

    pub(crate) fn is_as_rendered(&self, rendered: &[Value]) -> bool {
        self.acls(POD) == rendered
    }
}

/// Takes DLLs away from a Windows program, as on a Windows that has none of these names.
fn without(command: &mut Command, dlls: &str) {
    command.env("WINEDLLOVERRIDES", format!("{dlls}="));
}

/// ACLs by their numbers, and without them. What V1 shows of what is absent (an empty text, 0) is left out, as whose rule each is.
fn without_numbers(mut acls: Vec<Value>) -> Vec<Value> {
    acls.sort_by_key(|acl| acl["Priority"].as_u64().unwrap_or_default());
    for acl in acls.iter_mut().filter_map(Value::as_object_mut) {
        acl.retain(|name, value| {
            !["Type", "Priority", "policies"].contains(&name.as_str()) && *value != "" && *value != 0
        });
    }
    acls
}

/// A running margay.exe.
pub(crate) struct Agent(Child);

impl Agent {
    /// Kills it, as a crash would.
    fn kill(mut self) {
        self.0.kill().expect("our own process");
        self.0.wait().expect("our own process ends");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says something past the test runner, which keeps back what a passing test prints.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The demo's node from its first start to a restart of HNS.
fn programs_the_demo(version: Version, kind: NetworkKind) {
    let Some(node) = Node::new(version, kind) else { return };
    assert_eq!(node.acls(POD), Vec::<Value>::new());
    let agent = node.start();
    let started = node.until("the first start", || node.is_ready());
    let rendered = node.rendered();
    assert!(rendered.len() > 4, "{rendered:?}");
    assert_eq!(node.acls(POD), rendered);

    node.write("dns.yaml", EDIT);
    let with_dns = node.rendered();
    assert_ne!(with_dns, rendered);
    let edited = node.until("an edit", || node.is_as_rendered(&with_dns));
    node.until("saying so", || node.is_ready());

    agent.kill();
    node.emulator.reset_counters();
    let agent = node.start();
    node.until("a second start", || node.is_ready());
    assert!(node.emulator.counters().calls > 0, "it has looked");
    assert_eq!((node.emulator.counters().writes, node.acls(POD)), (0, with_dns.clone()));

    // HNS is restarted at once; again; and is gone until the agent has said so for long. Without V2 it tells of nothing, so that it must be seen to be gone.
    let counted = |counter: &str| node.status()["counters"][counter].as_u64().unwrap_or_default();
    let mut healed = Vec::new();
    for attempts in if node.has_v2() { [0, 0, 4] } else { [1, 1, 4] } {
        let (applied, retries) = (counted("applied"), counted("retries"));
        node.emulator.crash(Loss::Policies);
        if attempts > 0 {
            node.until("trying again", || counted("retries") >= retries + attempts);
            assert!(node.failing().contains("HNS does not run"), "{}", node.status());
        }
        node.emulator.restart();
        healed.push(node.until("healing", || node.is_as_rendered(&with_dns)));
        node.until("saying so", || node.is_ready() && counted("applied") > applied);
    }
    tell(&format!("HNS {version}: started in {started:.0?}, edited in {edited:.0?}, healed in {healed:.0?}"));
    assert!(healed.iter().all(|took| *took < Duration::from_secs(1)), "{healed:?}");

    agent.kill();
    assert_eq!(node.acls(POD), with_dns, "what is in force stays in force");
    assert_eq!(node.acls(NO_POD), Vec::<Value>::new(), "an endpoint that is no pod's is left alone");

    let cleanup = |flags: &[&str]| ran(node.margay().args(["cleanup", "--state", "state"]).args(flags));
    let dry = cleanup(&["--dry-run"]);
    assert_eq!(dry.out, "Would remove the ACLs of 1 endpoint: no policy would be in force on this node.\n", "{dry:?}");
    assert_eq!(node.acls(POD), with_dns);
    for acls in [
        "Removed the ACLs of 1 endpoint: no policy is in force on this node.",
        "Nothing to remove: no endpoint has ACLs of Margay.",
    ] {
        let run = cleanup(&[]);
        assert_eq!(run.out, format!("Nothing to remove: there is no service margay.\n{acls}\n"), "{run:?}");
        assert_eq!(node.acls(POD), Vec::<Value>::new());
    }
    assert_eq!(node.emulator.misuses(), []);
}

#[test]
fn the_demo_on_server_2025() {
    programs_the_demo(Version::new(15, 4), NetworkKind::L2Bridge);
}

#[test]
fn the_demo_on_server_2019() {
    programs_the_demo(Version::new(9, 5), NetworkKind::Overlay);
}

#[test]
fn the_demo_by_v1() {
    programs_the_demo(Version::new(7, 0), NetworkKind::L2Bridge);
}

/// HNS of a kind or version that can't be programmed: nothing is written, and it is said.
#[test]
fn what_can_not_enforce_is_said_and_left_alone() {
    let foreign = r#"{"Policies":[{"Type":"ACL","Action":"Allow","Direction":"In","Protocol":256,"RuleType":"Switch","Priority":500}]}"#;
    for (version, kind, said) in [
        ("15.4", NetworkKind::Nat, "is on a network of type NAT, where HNS takes ACLs and enforces none"),
        ("15.4", NetworkKind::Transparent, "is on a network of type Transparent"),
        ("5.1", NetworkKind::L2Bridge, "the Host Networking Service (HNS) is 5.1, which is too old: 7.0"),
    ] {
        let Some(node) = Node::new(version.parse().expect("a version"), kind) else { return };
        let (pod, _) = node.endpoint(POD).expect("it is there");
        let taken = node.emulator.call("POST", &format!("/endpoints/{pod}"), foreign).expect("V1 answers");
        assert!(taken.contains(r#""Success":true"#), "{taken}");
        let before = node.acls(POD);
        assert_eq!(before.len(), 1);
        node.emulator.reset_counters();
        let agent = node.start();
        node.until(said, || node.failing().contains(said));
        assert!(!node.is_ready());
        agent.kill();
        assert_eq!((node.emulator.counters().writes, node.acls(POD)), (0, before), "HNS {version}, {kind}");

        let once = ran(&mut node.agent("--once"));
        assert!(once.code != 0 && (once.out.contains(said) || once.err.contains(said)), "{once:?}");
    }
}

/// On a NAT network, the agent believes what vfpctrl shows, where it is told to try.
#[test]
fn what_vfpctrl_shows_is_believed() {
    for (knob, said) in [("nat-acls=inert", "HNS took the ACLs, but VFP has not"), ("nat-acls=enforced", "")] {
        let Some(node) = Node::read_so(Version::new(15, 4), NetworkKind::Nat, knob) else { return };
        let agent = node.start_with("--any-network");
        node.until(said, || if said.is_empty() { node.is_ready() } else { node.failing().contains(said) });
        assert_eq!(node.acls(POD), node.rendered());
        agent.kill();
    }
}

/// A Windows without containers: what loads nothing can't even ask.
#[test]
fn without_dlls_there_is_no_hns() {
    let Some(node) = Node::new(Version::new(9, 5), NetworkKind::L2Bridge) else { return };
    let mut agent = node.agent("--once");
    without(&mut agent, "computenetwork,vmcompute");
    let once = ran(&mut agent);
    assert_eq!(once.code, 2, "{once:?}");
    for said in [
        "vmcompute.dll can't be loaded",
        "is the Windows feature Containers enabled?",
        "the agent needs a Windows Server node",
    ] {
        assert!(once.err.contains(said), "{once:?}");
    }
    assert_eq!(node.emulator.counters().calls, 0);
}

/// An agent that starts before HNS waits for it, and says so.
#[test]
fn hns_may_come_later() {
    let Some(mut node) = Node::new(Version::new(9, 5), NetworkKind::L2Bridge) else { return };
    let said = "the Host Networking Service (HNS) can't be reached: asking HNS for its version: HNS answered 0x800706ba: HNS does not run";
    let once = ran(node.agent("--once").env_remove("MARGAY_VFP"));
    assert!(once.code == 2 && once.err.contains(said), "{once:?}");

    drop(node.server.take());
    let agent = node.start();
    node.until(said, || node.failing().contains(said));
    assert_eq!((&node.status()["inSync"], node.emulator.counters().calls), (&Value::Bool(false), 0));
    let listener = TcpListener::bind(node.address).expect("the port is still free");
    node.server = Some(serve(listener, Arc::clone(&node.emulator)).expect("it serves on loopback"));
    let rendered = node.rendered();
    let took = node.until("HNS comes", || node.is_as_rendered(&rendered) && node.is_ready());
    tell(&format!("programmed {took:.0?} after HNS came"));
    agent.kill();
}
