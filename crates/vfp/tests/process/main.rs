//! The emulator in another process, or behind a socket, is the emulator.

use margay_hcn::{ErrorCode, Guid, Kind, NotificationKind, Service, Version};
use margay_vfp::process::{Control, Remote, RemoteError, Response, Server, serve};
use margay_vfp::{Config, Direction, Effect, Emulator, Fault, Latency, Loss, NetworkKind, Operation, Why};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn here(version: &str) -> (Server, Arc<Emulator>, Remote) {
    let emulator = Emulator::new(Config::new(version.parse::<Version>().expect("a version")));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let server = serve(listener, Arc::clone(&emulator)).expect("it serves on loopback");
    let remote = Remote::connect(server.address()).expect("it answers");
    (server, emulator, remote)
}

fn pod(remote: &Remote) -> Guid {
    let subnet = "10.0.0.0/24".parse().expect("a prefix");
    let network = remote.add_network(NetworkKind::L2Bridge, "net", &[subnet]).expect("a network");
    remote.add_endpoint(network, "pod", &["10.0.0.10".parse().expect("an address")]).expect("an endpoint")
}

fn block() -> String {
    let settings =
        json!({ "Action": "Block", "Direction": "In", "Priority": 1000, "Protocols": "256", "RuleType": "Switch" });
    json!({ "ResourceType": "Policy", "RequestType": "Add", "Settings": { "Policies": [{ "Type": "ACL", "Settings": settings }] } }).to_string()
}

/// An Ethernet frame of UDP from 10.0.0.20 to the pod.
fn frame() -> Vec<u8> {
    let ethernet = [[2; 12].as_slice(), &[8, 0]].concat();
    let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 20, 10, 0, 0, 10];
    [&ethernet[..], &ip, &[0, 1, 0, 53, 0, 8, 0, 0]].concat()
}

/// A call of any service, its answer as text.
type Call<'a> = dyn Fn(&dyn Service) -> String + 'a;

#[test]
fn calls_answer_as_in_process() {
    let (_server, emulator, remote) = here("9.5");
    let pod = pod(&remote);
    let missing = Guid(1);
    let calls: &[&Call<'_>] = &[
        &|hns| format!("{:?}", hns.call("GET", "/globals/version", "")),
        &|hns| format!("{:?}", hns.call("GET", &format!("/endpoints/{pod}"), "")),
        &|hns| format!("{:?}", hns.call("POST", "/endpoints/x/y", "💥\"\\")),
        &|hns| format!("{:?}", hns.enumerate(Kind::Endpoint, "")),
        &|hns| format!("{:?}", hns.query(Kind::Endpoint, pod, "")),
        &|hns| format!("{:?}", hns.query(Kind::SdnRoute, missing, "")),
        &|hns| format!("{:?}", hns.create(Kind::LoadBalancer, None, Guid::ZERO, "{\"Nope\":1}")),
        &|hns| format!("{:?}", hns.modify(Kind::Endpoint, missing, &block())),
        &|hns| format!("{:?}", hns.delete(Kind::Namespace, missing)),
    ];
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(call(&remote), call(&*emulator), "call {number}");
    }
    let made = remote.create(Kind::Namespace, None, Guid::ZERO, "{}").expect("a namespace");
    remote.delete(Kind::Namespace, made).expect("it goes");
    remote.modify(Kind::Endpoint, pod, &block()).expect("an ACL is taken");
    assert_eq!(remote.counters().expect("counters"), emulator.counters());
    assert_eq!(remote.dump().expect("a dump"), emulator.dump());
}

#[test]
fn controls() {
    let (_server, emulator, remote) = here("9.5");
    let pod = pod(&remote);
    let judged = remote.process_frames(pod, Direction::In, &[frame(), vec![1, 2, 3]]).expect("frames pass");
    assert_eq!(judged.iter().map(|judged| judged.why).collect::<Vec<_>>(), [Why::DefaultAllow, Why::Malformed]);
    remote.modify(Kind::Endpoint, pod, &block()).expect("an ACL is taken");
    let judged = remote.process_frames(pod, Direction::In, &[frame()]).expect("frames pass");
    assert_eq!(judged[0].text, "drop: a rule (ACL_ENDPOINT_GROUP_IPV4_IN, rule 0)");
    assert_eq!(remote.misuses().expect("misuses").len(), 1);
    remote.reset_counters().expect("they are reset");
    assert_eq!(remote.counters().expect("counters").calls, 0);
    remote.set_latency(Latency { call: SOON, policy: Duration::ZERO }).expect("latency is set");
    remote.enumerate(Kind::Network, "").expect("ids");
    remote.advance(SOON).expect("time passes");
    assert_eq!(emulator.clock().now(), 2 * SOON);
    remote
        .add_fault(Fault::always(Operation::Enumerate, Effect::Fail(ErrorCode::INVALID_JSON)))
        .expect("a fault is set");
    assert_eq!(remote.enumerate(Kind::Network, "").expect_err("it fails").code, ErrorCode::INVALID_JSON);
    remote.clear_faults().expect("faults are cleared");
    assert!(remote.enumerate(Kind::Network, "").is_ok());
    let stale = remote.add_stale_remote(pod).expect("an endpoint");
    remote.remove_endpoint(stale).expect("it goes");
    let command =
        remote.vfpctrl(&["/port", "pod", "/match-tuple", "17 10.0.0.20 1 10.0.0.10 53 in 0"]).expect("an answer");
    assert!(command.contains("drop: a rule"), "{command}");
    let Response::Value(calls) = remote.control(Control::Calls).expect("the log") else { panic!("a list of calls") };
    assert_eq!(calls.as_array().expect("a list").len(), emulator.calls().len());
    assert_eq!(calls[1]["error"], ErrorCode::INVALID_JSON.0);
    let Response::Value(config) = remote.control(Control::Config).expect("the configuration") else {
        panic!("a document")
    };
    assert_eq!(config["version"], "9.5");
    let unknown = Control::AddNetwork { kind: "Nowhere".into(), name: String::new(), prefixes: vec![] };
    assert!(matches!(remote.control(unknown), Err(RemoteError::Answer(why)) if why.contains("Nowhere")));
    let missing = remote.add_endpoint(Guid(9), "e", &[]).expect_err("there is no such network");
    assert!(matches!(missing, RemoteError::Failed(failure) if failure.code == ErrorCode::NETWORK_NOT_FOUND));
}

#[test]
fn a_call_that_hangs_does_not_stop_others() {
    let (_server, _emulator, remote) = here("9.5");
    let pod = pod(&remote);
    remote.add_fault(Fault::once(Operation::Modify, Effect::Hang)).expect("a fault is set");
    let remote = Arc::new(remote);
    let hangs = std::thread::spawn({
        let remote = Arc::clone(&remote);
        move || remote.modify(Kind::Endpoint, pod, &block())
    });
    assert!(remote.wait_for_hanging(1, SOON).expect("an answer"));
    assert!(remote.query(Kind::Endpoint, pod, "").is_ok());
    remote.release().expect("it is released");
    assert_eq!(hangs.join().expect("the thread ends"), Ok(()));
}

#[test]
fn notifications_are_pushed() {
    let (server, emulator, remote) = here("9.5");
    let (tell, told) = channel();
    let listen = move |notification: margay_hcn::Notification| tell.send(notification).expect("somebody listens");
    let subscription = remote.subscribe(Box::new(listen)).expect("notifications come");
    let made = remote.create(Kind::Namespace, None, Guid::ZERO, "{}").expect("a namespace");
    let first = told.recv_timeout(SOON).expect("it is told");
    assert_eq!(first.kind, NotificationKind::NAMESPACE_CREATE);
    assert!(first.data.contains(&made.to_string()));
    remote.crash(Loss::Nothing).expect("it crashes");
    assert_eq!(told.recv_timeout(SOON).expect("it is told").kind, NotificationKind::SERVICE_DISCONNECT);
    assert_eq!(remote.enumerate(Kind::Network, "").expect_err("it is down").code, ErrorCode::RPC_SERVER_UNAVAILABLE);
    emulator.restart();
    // Who does not listen anew hears no more; who does hears of the end of the process too.
    drop(subscription);
    let (tell, told_anew) = channel();
    let listen = move |notification: margay_hcn::Notification| tell.send(notification.kind).expect("somebody listens");
    let _subscription = remote.subscribe(Box::new(listen)).expect("notifications come");
    drop(server);
    assert_eq!(told_anew.iter().collect::<Vec<_>>(), [NotificationKind::SERVICE_DISCONNECT]);
    assert_eq!(told.iter().count(), 0);
    let codes = [(); 2].map(|()| remote.enumerate(Kind::Network, "").expect_err("nobody is there").code);
    assert_eq!(codes[1], ErrorCode::RPC_SERVER_UNAVAILABLE);
}

#[test]
fn what_can_not_be_read_ends_or_is_told() {
    let (server, _emulator, remote) = here("9.5");
    let send = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.set_read_timeout(Some(SOON)).expect("a time limit");
        stream.write_all(bytes).expect("it is sent");
        stream.shutdown(std::net::Shutdown::Write).expect("no more is sent");
        let mut answer = Vec::new();
        // It may be cut off as well as closed.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(answer.get(4..).unwrap_or_default()).into_owned()
    };
    let message = |body: &str| [&(body.len() as u32).to_be_bytes()[..], body.as_bytes()].concat();
    for (bytes, answer) in [
        (vec![], ""),
        (vec![0, 0], ""),
        (vec![0xff; 4], ""),
        (vec![0, 0, 0, 9, b'{'], ""),
        (message("{"), "Invalid"),
        (message("\"Nothing\""), "Invalid"),
        (message(r#"{"Enumerate":{"kind":"dragon","query":""}}"#), "is no kind of object"),
        (
            message(
                r#"{"Control":{"Frames":{"endpoint":"00000000-0000-0000-0000-000000000001","direction":"In","frames":["0"]}}}"#,
            ),
            "not hexadecimal",
        ),
        (message(&"[".repeat(100_000)), "Invalid"),
    ] {
        let answered = send(&bytes);
        assert!(answered.contains(answer) && answered.is_empty() == answer.is_empty(), "{bytes:?} … {answered}");
    }
    assert!(remote.enumerate(Kind::Network, "").is_ok());
}

#[test]
fn nothing_but_loopback() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port is free");
    let error = serve(listener, Emulator::new(Config::default())).expect_err("it is not loopback");
    assert!(error.to_string().contains("is not loopback"), "{error}");
    let address: SocketAddr = "192.0.2.1:80".parse().expect("an address");
    assert!(matches!(Remote::connect(address), Err(RemoteError::NotLoopback(_))));
}

/// The program; it ends with its standard input.
struct Program(Child);

impl Program {
    fn start(arguments: &[&str]) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_margay-vfp"))
            .args(arguments)
            .arg("--until-input-ends")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("it says where it listens");
        (Self(child), line)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it ends").success());
    }
}

#[test]
fn a_process_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("port");
    let arguments = [
        "--hns-version",
        "13.3",
        "--port-file",
        file.to_str().expect("a path"),
        "--knob",
        "tie-break=reverse",
        "--manual-clock",
    ];
    let (program, line) = Program::start(&arguments);
    let port: u16 = std::fs::read_to_string(&file).expect("the port is written").trim().parse().expect("a number");
    assert_eq!(line, format!("HNS 13.3 listens on 127.0.0.1:{port}\n"));
    let remote = Remote::connect(([127, 0, 0, 1], port).into()).expect("it answers");
    let version: Value =
        serde_json::from_str(&remote.call("GET", "/globals/version", "").expect("it answers")).expect("JSON");
    assert_eq!(version["Output"], json!({ "Major": 13, "Minor": 3 }));
    let Response::Value(config) = remote.control(Control::Config).expect("the configuration") else {
        panic!("a document")
    };
    assert!(config["knobs"].as_array().expect("a list").contains(&json!("tie-break=reverse")));
    // It outlives its clients.
    let pod = pod(&remote);
    drop(remote);
    let again = Remote::connect(([127, 0, 0, 1], port).into()).expect("it answers");
    assert!(again.query(Kind::Endpoint, pod, "").is_ok());
    program.end();
    assert_eq!(again.query(Kind::Endpoint, pod, "").expect_err("it is gone").code, ErrorCode::RPC_CALL_FAILED);
    assert_eq!(again.query(Kind::Endpoint, pod, "").expect_err("it is gone").code, ErrorCode::RPC_SERVER_UNAVAILABLE);
}

#[test]
fn arguments_that_are_wrong() {
    for (arguments, said) in [
        (["--knob", "tie-break=never"], "tie-break=block-first|allow-first|insertion|reverse"),
        (["--hns-version", "nine"], "is no version of HNS"),
        (["--listen", "0.0.0.0:0"], "is not loopback"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_margay-vfp")).args(arguments).output().expect("the program runs");
        assert!(!output.status.success(), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}
