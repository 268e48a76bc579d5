//! HNS takes ACLs, and VFP has them or not.

use crate::support::*;
use margay_vfp::{Config, Effect, Emulator, Fault, Loss, NetworkKind, Operation};
use margay_windows::driver::{Options, Program, Vfpctrl};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The emulator's VFP, and how often it was asked.
#[derive(Clone)]
struct Asked(Arc<Emulator>, Arc<AtomicUsize>);

impl Vfpctrl for Asked {
    fn run(&self, arguments: &[&str]) -> io::Result<String> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(self.0.vfpctrl(arguments))
    }
}

/// What fails on a node of two pods, on a network of this kind with a knob turned, after what is done to the emulator.
fn failed(kind: NetworkKind, version: &str, knob: &str, any_network: bool, act: impl FnOnce(&Emulator)) -> Vec<String> {
    let mut config = Config::new(version.parse().unwrap());
    config.knobs.set(knob).unwrap();
    let mut source = Source::new();
    source.put(&(pods(2) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::on(kind, config);
    node.serve(source.plan());
    act(&node.emulator);
    let mut driver = node.driver_with(&Options { any_network, ..Options::default() });
    driver.set_vfpctrl(Asked(Arc::clone(&node.emulator), Arc::default()));
    resync(&mut driver, source.plan());
    failures(&outcome(&mut driver)).into_iter().map(|(_, error)| error).collect()
}

#[test]
fn enforcement_is_seen_or_the_pod_is_not_ready() {
    let nothing = |_: &Emulator| {};
    let unenforced = |emulator: &Emulator| emulator.add_fault(Fault::always(Operation::Modify, Effect::Unenforced));
    let lacks = "HNS took the ACLs, but VFP has not 5 of 5: nothing is enforced by them";
    let (bridge, nat) = (NetworkKind::L2Bridge, NetworkKind::Nat);
    assert_eq!(failed(bridge, "15.4", "nat-acls=inert", false, nothing), [""; 0]);
    assert_eq!(failed(bridge, "15.4", "nat-acls=inert", false, unenforced), [lacks; 2]);
    assert_eq!(failed(bridge, "15.4", "vfp=absent", false, nothing), [lacks; 2]);
    // Where documents say that nothing is enforced, only a proof counts.
    let refused = failed(nat, "15.4", "nat-acls=enforced", false, nothing);
    assert!(refused.len() == 2 && refused[0].contains("of type NAT"), "{refused:?}");
    assert_eq!(failed(nat, "15.4", "nat-acls=enforced", true, nothing), [""; 0]);
    assert_eq!(failed(nat, "15.4", "nat-acls=inert", true, nothing), [lacks; 2]);
    let unnamed = failed(nat, "7.0", "nat-acls=enforced", true, nothing);
    assert!(unnamed.len() == 2 && unnamed[0].contains("can't be told: before HNS 7.2"), "{unnamed:?}");
    assert_eq!(failed(bridge, "7.0", "nat-acls=inert", false, nothing), [""; 0]);
}

#[test]
fn vfp_is_asked_once_for_a_network_and_again_when_hns_was_gone() {
    let mut source = Source::new();
    source.put(&(pods(8) + &allow("a", "10.1.0.0/16", 80)));
    let mut node = Node::version("9.5");
    node.serve(source.plan());
    let mut driver = node.driver_with(&Options { parallel: 1, ..Options::default() });
    let asked = Asked(Arc::clone(&node.emulator), Arc::default());
    driver.set_vfpctrl(asked.clone());
    resync(&mut driver, source.plan());
    applied(&mut driver);
    assert_eq!(asked.1.load(Ordering::Relaxed), 2, "the ports, and the rules of one");
    node.emulator.crash(Loss::Policies);
    node.emulator.restart();
    let deadline = std::time::Instant::now() + LONG;
    while asked.1.load(Ordering::Relaxed) != 4 {
        assert!(std::time::Instant::now() < deadline, "it was not asked again");
        resync(&mut driver, source.plan());
        assert!(driver.settle(LONG));
    }
}

#[test]
fn what_can_not_be_asked_is_no_proof_of_anything() {
    let program = |path: &str| Program { path: path.into() };
    assert_eq!(program("/no/such/vfpctrl").run(&[]).unwrap_err().kind(), io::ErrorKind::NotFound);
    let mut source = Source::new();
    source.put(&pods(1));
    for (kind, any_network, fails) in [(NetworkKind::L2Bridge, false, 0), (NetworkKind::Nat, true, 1)] {
        let mut node = Node::on(kind, Config::new("15.4".parse().unwrap()));
        node.serve(source.plan());
        let mut driver = node.driver_with(&Options { any_network, gather: Duration::ZERO, ..Options::default() });
        driver.set_vfpctrl(program("/no/such/vfpctrl"));
        resync(&mut driver, source.plan());
        assert_eq!(failures(&outcome(&mut driver)).len(), fails, "{kind:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_program_is_read_to_its_end() {
    let echo = Program { path: "/bin/echo".into() };
    assert_eq!(echo.run(&["/port", "P", "/list-rule"]).unwrap(), "/port P /list-rule\n");
}
