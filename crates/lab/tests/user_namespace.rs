//! The lab as an ordinary user. Without the test harness, for its threads would be in the way; as root, after giving that up.

#![expect(clippy::print_stdout, reason = "what was tested is for a person to read")]

mod cluster;

use cluster::{REPLIED, cluster, everywhere, tcp};
use margay_lab::fabric::{BridgeFilter, Error, Fabric, Privilege, Wiring, enter_user_namespace};
use margay_lab::probe::Prober;
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

fn main() {
    // `cargo nextest` asks for a list first.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    if geteuid().is_root() {
        let nobody = 65534;
        setgroups(&[]).unwrap();
        setgid(Gid::from_raw(nobody)).unwrap();
        setuid(Uid::from_raw(nobody)).unwrap();
        // A process that changed its user may not write its own files under /proc until it says so.
        nix::sys::prctl::set_dumpable(true).unwrap();
    }
    match enter_user_namespace() {
        Ok(privilege) => {
            assert_eq!(privilege, Privilege::UserNamespace);
            check_lab();
            println!("the lab works as an ordinary user");
        }
        // Then this system withholds it: what is left to check is that a person is told what to do.
        Err(error @ Error::Privilege { .. }) => {
            assert!(error.to_string().contains("Run the lab as root"), "{error}");
            println!("no user namespaces here: {error}");
        }
        Err(error) => panic!("{error}"),
    }
}

fn check_lab() {
    for wiring in [Wiring::Routed, Wiring::Bridge] {
        let topology = cluster(wiring, 2, 4);
        let fabric = Fabric::build(&topology).unwrap();
        let probes = everywhere(&topology, |_| vec![tcp(80)]);
        let outcomes = Prober::default().measure(&fabric, &probes).unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == REPLIED), "{wiring:?}: {outcomes:?}");
        assert_eq!(fabric.bridge_filter() == BridgeFilter::NotBridged, wiring == Wiring::Routed);
        println!("{wiring:?}: {:?}", fabric.bridge_filter());
        // Names need root of the machine.
        assert!(Fabric::build_named(&topology, "margay-test-user").is_err());
    }
    // The user is root now, but still of a user namespace only.
    assert_eq!(enter_user_namespace().unwrap(), Privilege::UserNamespace);
}
