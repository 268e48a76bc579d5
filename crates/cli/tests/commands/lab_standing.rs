//! `margay lab up`, `apply`, `probe` and `down`, as programs, with a Windows node on the emulator. Where namespaces may not be made, each test says that
//! it is skipped.

use super::lab::may_run;
use super::{Run, file};
use margay_api::Protocol;
use margay_cli::World;
use margay_datastore::{Folder, Source};
use margay_engine::Scope;
use margay_lab::fabric::Namespace;
use margay_lab::standing::{HNS_PORT, Lab, Request, Resources, Response, write};
use margay_policy::{Flow, verdict};
use margay_vfp::process::Remote;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// What `examples/demo` lacks: orders may ask DNS, and nobody else may ask it anything.
const DNS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: orders-dns, namespace: shop}
spec:
  podSelector: {matchLabels: {app: orders}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 53, protocol: UDP}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: kube-system}
spec:
  podSelector: {}
  ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: orders}}}]}]
";

/// A second pod on the Windows node.
const BILLING: &str = "
apiVersion: v1
kind: Pod
metadata: {name: billing, namespace: shop, labels: {app: frontend}}
spec: {nodeName: windows-1, containers: [{name: iis, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIPs: [{ip: 10.244.3.11}]}
";

fn demo() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/demo").display().to_string()
}

/// A lab of its own, which is gone when the test ends.
struct Standing(String);

impl Standing {
    fn new(tag: &str) -> Self {
        Self(format!("mgt-{}-{tag}", std::process::id()))
    }

    /// Runs `margay lab VERB`. That it returns shows that nobody holds its streams open.
    fn lab(&self, verb: &str, arguments: &[&str], stdin: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
        command.args(["lab", verb, "--name", &self.0]).args(arguments);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = piped.expect("the program runs");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(stdin.as_bytes())
            .expect("it reads, or what is written fits the pipe");
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it exits");
        Run { out: text(output.stdout), err: text(output.stderr), code }
    }

    fn up(tag: &str, arguments: &[&str]) -> Self {
        let standing = Self::new(tag);
        let run = standing.lab("up", arguments, "");
        assert_eq!(run.code, 0, "{run}");
        standing
    }

    /// The words of `margay lab probe`: predicted and measured.
    fn probe(&self, files: &[&str], from: &str, to: &str, protocol: &str) -> (u8, String) {
        let run = self.lab("probe", &[files, &[from, to, "--protocol", protocol]].concat(), "");
        let words = run.out.trim().split_once(": predicted ").map(|(_, words)| words.to_owned());
        (run.code, words.unwrap_or_else(|| run.to_string()))
    }

    fn handle(&self) -> Lab {
        Lab::named(&self.0).expect("a name")
    }

    fn process(&self) -> Pid {
        self.handle().holder().expect("readable").expect("a process holds it")
    }

    /// Ends the process, and returns when its lock is free.
    fn kill(&self) {
        kill(self.process(), Signal::SIGKILL).expect("it is ours");
        while self.handle().holder().expect("readable").is_some() {
            std::thread::yield_now();
        }
    }

    /// What the VFP of the Windows node says of a port.
    fn vfpctrl(&self, arguments: &[&str]) -> String {
        let node = Namespace::open_named(&format!("{}-node-windows-1", self.0)).expect("the node stands");
        let ask = || {
            let remote = Remote::connect((Ipv4Addr::LOCALHOST, HNS_PORT).into())?;
            remote.vfpctrl(arguments)
        };
        node.enter(ask).expect("entered").expect("HNS answers")
    }

    /// What is there of it: namespaces, and its folder.
    fn left(&self) -> (Vec<String>, bool) {
        let folder = PathBuf::from(format!("/run/margay/lab-{}", self.0));
        (Namespace::named(&self.0).expect("readable"), folder.exists())
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if let Err(error) = self.handle().remove() {
            eprintln!("lab {} is left: {error}", self.0);
        }
    }
}

/// Packets that VFP took in and let out of a port, and that it dropped.
fn counts(counters: &str) -> [u64; 2] {
    let number = |word: &str| -> u64 {
        let after = counters.split(word).skip(1);
        after.filter_map(|rest| rest.split([',', '\n']).next()?.trim().parse::<u64>().ok()).sum()
    };
    [number("packets "), number("dropped ")]
}

#[test]
fn a_windows_node_is_on_the_emulator() {
    if !may_run() {
        return;
    }
    let demo = demo();
    let files = ["-f", demo.as_str()];
    let lab = Standing::new("emulated");
    let run = lab.lab("up", &files, "");
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run}");
    assert!(run.out.ends_with(&format!("process {} holds the lab\n", lab.process())), "{run}");
    let expected = format!("its emulated HNS 15.4 is at 127.0.0.1:4711 of {}-node-windows-1", lab.0);
    assert!(run.out.contains(&expected), "{run}");
    let second = lab.lab("up", &files, "");
    assert!(second.code == 2 && second.err.contains("is standing already"), "{second}");

    for (from, to, protocol, expected, [passed, dropped]) in [
        ("shop/frontend", "shop/orders:8080", "tcp", "allow", [2, 0]),
        // nftables does not let it out.
        ("shop/frontend", "shop/orders:8081", "tcp", "deny", [0, 0]),
        ("monitoring/prometheus", "shop/orders:8081", "tcp", "deny", [0, 1]),
        ("node/linux-1", "shop/orders:8080", "tcp", "deny", [0, 1]),
        ("monitoring/prometheus", "shop/orders:9100", "tcp", "allow", [2, 0]),
        ("shop/orders", "kube-system/coredns:53", "udp", "deny", [0, 1]),
        // Its own VFP lets it out; nftables at the other end does not let it in.
        ("shop/orders", "shop/database:5432", "tcp", "deny", [1, 0]),
        ("shop/frontend", "kube-system/coredns:53", "udp", "allow", [0, 0]),
    ] {
        let before = counts(&lab.vfpctrl(&["/port", "shop/orders", "/get-port-counter"]));
        let (code, words) = lab.probe(&files, from, to, protocol);
        assert_eq!((code, words), (0, format!("{expected}, measured {expected}")), "{from} to {to}");
        let after = counts(&lab.vfpctrl(&["/port", "shop/orders", "/get-port-counter"]));
        assert_eq!(after[0] - before[0], passed, "{from} to {to}: passed by VFP");
        // The kernel reports on its own, once, which multicast it listens to.
        assert!(after[1] - before[1] >= dropped, "{from} to {to}: dropped by VFP");
    }
    let rules = lab.vfpctrl(&["/port", "shop/orders", "/list-rule"]);
    assert!(rules.contains("Destination ports : 8080") && rules.contains("Hits : 1"), "{rules}");
}

/// Whoever measures, the lab is what the specification of it says, also after it has changed.
#[test]
fn every_pair_is_as_predicted_before_and_after_a_change() {
    if !may_run() {
        return;
    }
    let demo = demo();
    let added = file(&format!("{DNS}---{BILLING}"));
    let added = added.path().display().to_string();
    let lab = Standing::up("pairs", &["-f", &demo]);
    let process = lab.process();
    for (files, allowed) in [(vec![&demo], false), (vec![&demo, &added], true), (vec![&demo], false)] {
        let arguments: Vec<&str> = files.iter().flat_map(|file| ["-f", file.as_str()]).collect();
        let run = lab.lab("apply", &arguments, "");
        assert_eq!(run.code, 0, "{run}");
        let mut folder = Folder::new(files);
        folder.poll();
        let world = World::of(vec![Arc::new(folder)], Scope::Everything);
        let flows = flows(&world);
        let asked = Request::Measure(flows.iter().map(Into::into).collect());
        let Ok(Response::Measured(samples)) = lab.handle().ask(&asked) else { panic!("measured") };
        for (flow, sample) in flows.iter().zip(&samples) {
            let predicted = verdict(world.plan(), flow).allow;
            assert_eq!(sample.measured.allowed(), Some(predicted), "{flow:?}");
        }
        println!("{} flows measured", flows.len());
        let word = if allowed { "allow" } else { "deny" };
        let asks = lab.probe(&arguments, "shop/orders", "kube-system/coredns:53", "udp");
        assert_eq!(asks, (0, format!("{word}, measured {word}")));
        // The same change, in VFP and in nftables.
        let tuple = lab.vfpctrl(&["/port", "shop/orders", "/match-tuple", "17 10.244.3.10 40000 10.244.1.53 53 out 0"]);
        assert_eq!(tuple.contains("allow"), allowed, "{tuple}");
        assert_eq!(lab.vfpctrl(&["/list-vmswitch-port"]).contains("shop/billing"), allowed);
        assert_eq!(lab.process(), process, "it is still the same process");
    }
}

/// Every pod to every other, on the ports that somebody's rules name.
fn flows(world: &World) -> Vec<Flow> {
    let pods: Vec<IpAddr> = world.plan().endpoints.iter().flat_map(|(_, pod)| pod.addresses.clone()).collect();
    let pairs = pods.iter().flat_map(|from| pods.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to);
    let ports =
        [(Protocol::TCP, 80), (Protocol::TCP, 8080), (Protocol::TCP, 5432), (Protocol::TCP, 9100), (Protocol::UDP, 53)];
    pairs.flat_map(|(from, to)| ports.map(|(protocol, port)| Flow::new(from, to, protocol).port(port))).collect()
}

#[test]
fn programs_in_pods_talk_through_vfp() {
    if !may_run() {
        return;
    }
    const LENGTH: usize = 4 << 20;
    let demo = demo();
    let lab = Standing::up("talk", &["-f", &demo]);
    let pod = |name: &str| Namespace::open_named(&format!("{}-pod-{name}", lab.0)).expect("the pod stands");
    let listener = pod("shop_orders").enter(|| TcpListener::bind("10.244.3.10:8080")).expect("entered").expect("bound");
    let client = std::thread::spawn({
        let frontend = pod("shop_frontend");
        move || {
            let mut stream =
                frontend.enter(|| TcpStream::connect("10.244.3.10:8080")).expect("entered").expect("let in");
            stream.write_all(&vec![7; LENGTH]).expect("taken");
        }
    });
    let mut received = Vec::new();
    listener.accept().expect("somebody comes").0.read_to_end(&mut received).expect("it arrives");
    client.join().expect("it was sent");
    assert_eq!(received.len(), LENGTH);
    let [passed, _] = counts(&lab.vfpctrl(&["/port", "shop/orders", "/get-port-counter"]));
    // A frame has no more than 1,460 bytes of it.
    assert!(passed as usize > LENGTH / 1460, "{passed} passed");
}

#[test]
fn where_the_process_ends_windows_pods_are_cut_off_and_that_is_said() {
    if !may_run() {
        return;
    }
    let demo = demo();
    let files = ["-f", demo.as_str()];
    let lab = Standing::up("killed", &files);
    assert_eq!(lab.probe(&files, "shop/frontend", "shop/orders:8080", "tcp").0, 0);
    lab.kill();
    let said = format!("the process that holds lab {} has ended: pods of its Windows nodes are cut off", lab.0);
    for (to, protocol, code, expected) in [
        ("shop/orders:8080", "tcp", 1, "predicted allow, measured deny"),
        ("kube-system/coredns:53", "udp", 0, "predicted allow, measured allow"),
        ("kube-system/coredns:9100", "tcp", 0, "predicted deny, measured deny"),
    ] {
        let run = lab.lab("probe", &["-f", &demo, "shop/frontend", to, "--protocol", protocol], "");
        assert!(run.code == code && run.out.contains(expected) && run.err.contains(&said), "{to}: {run}");
    }
    let run = lab.lab("apply", &files, "");
    assert!(run.code == 2 && run.err.contains(&said), "{run}");
    let run = lab.lab("down", &[], "");
    assert_eq!((run.code, run.out.as_str(), lab.left()), (0, "Removed 11 network namespaces.\n", (vec![], false)));
    for (verb, arguments) in [("apply", &[][..]), ("probe", &["shop/frontend", "shop/orders:8080"])] {
        let run = lab.lab(verb, &[&files, arguments].concat(), "");
        assert!(run.code == 2 && run.err.contains("is standing: `margay lab up` makes one"), "{run}");
    }
}

#[test]
fn nothing_is_left_of_a_lab_that_is_down() {
    if !may_run() {
        return;
    }
    let lab = Standing::new("down");
    let demo = demo();
    // Whatever is wrong with the lab, nothing is left of it.
    let wrong = BILLING.replace("10.244.3.11", "127.0.0.1");
    let run = lab.lab("up", &["-f", &demo, "-f", "-"], &wrong);
    assert!(run.code == 2 && run.err.contains("no interface may own it"), "{run}");
    assert_eq!(lab.left(), (vec![], false));

    let run = lab.lab("up", &["-f", &demo, "-f", "-"], BILLING);
    assert!(run.code == 0 && run.out.contains("shop/billing"), "{run}");
    let process = lab.process();
    // Nor does a change that can't be made change anything.
    let run = lab.lab("apply", &["-f", &demo, "-f", "-"], &wrong);
    assert!(run.code == 2 && run.err.contains("the lab is as it was"), "{run}");
    let file = file(BILLING);
    let files = ["-f", &demo, "-f", &file.path().display().to_string()];
    let words = lab.probe(&files, "shop/billing", "shop/orders:8080", "tcp");
    assert_eq!(words, (0, "allow, measured allow".into()));
    let words = lab.probe(&files, "shop/frontend", "shop/orders:8080", "tcp");
    assert_eq!(words, (0, "allow, measured allow".into()));

    let run = lab.lab("down", &[], "");
    assert_eq!((run.code, run.out.as_str()), (0, "Removed 12 network namespaces.\n"), "{run}");
    assert_eq!(lab.left(), (vec![], false));
    // Gone, or dead and not yet waited for by whoever adopted it.
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "{status}");
    let run = lab.lab("down", &[], "");
    assert_eq!(
        (run.code, run.out.as_str()),
        (0, format!("Nothing to remove: no lab {} is standing.\n", lab.0).as_str())
    );
}

#[test]
fn a_lab_that_nobody_waits_for_is_taken_down() {
    if !may_run() {
        return;
    }
    let lab = Standing::new("orphan");
    let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
    command.args(["lab", "hold", "--wiring", "routed", "--hns-version", "15.4", "--name", &lab.0]);
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    // As when `lab up` is ended before the lab stands.
    drop(process.stdout.take());
    let resources = Resources { files: vec![demo().into()], text: String::new() };
    write(&mut process.stdin.take().expect("a pipe"), &Request::Apply(resources)).expect("it reads");
    process.wait().expect("it ends");
    assert_eq!(lab.left(), (vec![], false));
}

#[test]
fn down_ends_no_process_but_its_own() {
    if !may_run() {
        return;
    }
    let demo = demo();
    let lab = Standing::up("other", &["-f", &demo]);
    lab.kill();
    // Its number is another's now.
    let mut other = Command::new("sleep").arg("600").spawn().expect("a process");
    let path = format!("/run/margay/lab-{}/process", lab.0);
    std::fs::write(path, format!("{}\n", other.id())).expect("written");
    let run = lab.lab("down", &[], "");
    let lives = other.try_wait().expect("it is ours").is_none();
    other.kill().and_then(|()| other.wait()).expect("it is ours");
    assert!(run.code == 0 && lives, "{run}");
}

/// HNS matches no ports of SCTP.
#[test]
fn what_hns_cannot_express_is_closed_and_said() {
    if !may_run() {
        return;
    }
    let sctp = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sctp, namespace: shop}
spec:
  podSelector: {matchLabels: {app: orders}}
  ingress: [{ports: [{port: 9, protocol: SCTP}, {port: 9}]}]
";
    let cluster = format!("{}/cluster.yaml", demo());
    let policy = file(sctp);
    let files = ["-f", &cluster, "-f", &policy.path().display().to_string()];
    let lab = Standing::up("closed", &[&files[..], &["--hns-version", "9.5"]].concat());
    for (protocol, expected) in [
        ("tcp", "allow, measured allow"),
        ("sctp", "allow, measured deny, as HNS can't express the rule that allows it"),
        ("udp", "deny, measured deny"),
    ] {
        let words = lab.probe(&files, "monitoring/prometheus", "shop/orders:9", protocol);
        assert_eq!(words, (0, expected.to_owned()), "{protocol}");
    }
}
