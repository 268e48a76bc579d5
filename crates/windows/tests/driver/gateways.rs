//! Routes over gateways.

use crate::site::*;
use crate::support::*;
use margay_dataplane::{Driver, Event, Object};
use margay_hcn::{ErrorCode, IpRoute, RouteTable};
use margay_vfp::IpRoutes;
use std::sync::Arc;

#[test]
fn success_that_changes_nothing_is_found_out() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2")]);
    struct Deaf(Arc<IpRoutes>);
    impl RouteTable for Deaf {
        fn list(&self) -> Result<Vec<IpRoute>, margay_hcn::Failure> {
            self.0.list()
        }
        fn add(&self, _: &IpRoute) -> Result<(), margay_hcn::Failure> {
            Ok(())
        }
        fn remove(&self, _: &IpRoute) -> Result<(), margay_hcn::Failure> {
            Ok(())
        }
    }
    let mut driver = site.node.driver();
    driver.set_route_table(Arc::new(Deaf(Arc::clone(&site.table))));
    resync(&mut driver, site.plan());
    let problems = failed(&outcome(&mut driver));
    assert!(problems.len() == 1 && problems[0].0.contains("does not show"), "{problems:?}");
}

#[test]
fn gateways_follow_the_nodes() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.2"), gateway("c", "10.244.3.0/24", "192.0.2.3")]);
    let mut driver = site.started();
    assert_eq!(
        site.gateways(),
        ["10.244.2.0/24 via 192.0.2.2 on interface 4", "10.244.3.0/24 via 192.0.2.3 on interface 4"]
    );
    let way = |site: &Site, to: &str| site.table.way(to.parse().unwrap()).map(|(hop, _)| hop.to_string());
    assert_eq!(way(&site, "10.244.2.9").as_deref(), Some("192.0.2.2"));
    assert_eq!(way(&site, "10.244.1.9").as_deref(), Some("10.244.1.9"));
    resync(&mut driver, site.plan());
    applied(&mut driver);
    driver.observe(site.plan());
    assert_eq!(outcome(&mut driver), []);
    let mut driver = site.started();
    assert_eq!((driver.writes(), site.table.writes()), (0, 2));
    // A node has another address, one has other pods, one is gone.
    let changes = site.put(&[gateway("b", "10.244.2.0/24", "192.0.2.22"), gateway("c", "10.244.33.0/24", "192.0.2.3")]);
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(
        site.gateways(),
        ["10.244.2.0/24 via 192.0.2.22 on interface 4", "10.244.33.0/24 via 192.0.2.3 on interface 4"]
    );
    let changes = site.remove("b");
    driver.submit(site.plan(), &changes);
    applied(&mut driver);
    assert_eq!(site.gateways(), ["10.244.33.0/24 via 192.0.2.3 on interface 4"]);
    // A stranger takes it away.
    let route = site.table.list().unwrap().into_iter().find(|route| !route.is_on_link()).unwrap();
    site.table.remove(&route).unwrap();
    driver.observe(site.plan());
    assert!(matches!(outcome(&mut driver)[..], [Event::Drift { object: Object::Route(_), .. }]));
    driver.resync(site.plan(), Some(&Object::Route(route.destination)));
    applied(&mut driver);
    driver.cleanup().expect("it goes");
    assert_eq!(site.gateways(), [""; 0]);
    // What there is on the links is the system's.
    assert_eq!(site.table.list().unwrap().len(), 2);
}

#[test]
fn gateways_of_others_stay() {
    let route = |to: &str, next_hop: &str, protocol| IpRoute {
        destination: to.parse().unwrap(),
        next_hop: next_hop.parse().unwrap(),
        interface: 4,
        metric: 1,
        protocol,
    };
    let b = || gateway("b", "10.244.2.0/24", "192.0.2.2");
    let c = || gateway("c", "10.244.3.0/24", "192.0.2.3");
    for (there, expected, problem) in [
        // Whoever made it, it is right.
        (route("10.244.2.0/24", "192.0.2.2", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        (route("10.244.2.0/24", "192.0.2.2", 14), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        // Of a node of the Plan: ours, and wrong.
        (route("10.244.2.0/24", "192.0.2.3", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
        // Of a routing daemon, and of who knows whom.
        (route("10.244.2.0/24", "192.0.2.3", 14), "10.244.2.0/24 via 192.0.2.3 on interface 4", Some("remove it")),
        (route("10.244.2.0/24", "192.0.2.254", 3), "10.244.2.0/24 via 192.0.2.254 on interface 4", Some("remove it")),
        (route("10.99.0.0/16", "192.0.2.2", 3), "10.244.2.0/24 via 192.0.2.2 on interface 4", None),
    ] {
        let mut site = Site::new(&[]);
        site.table.add(&there).unwrap();
        site.put(&[b(), c()]);
        let mut driver = site.driver();
        resync(&mut driver, site.plan());
        let problems = failed(&outcome(&mut driver));
        assert_eq!(problems.len(), usize::from(problem.is_some()), "{there}: {problems:?}");
        assert!(problem.is_none_or(|words| problems[0].0.contains(words)), "{problems:?}");
        assert!(site.gateways().iter().any(|route| route == expected), "{there}: {:?}", site.gateways());
        // The other node's is there in any case, and a stranger's route stays whatever becomes of ours.
        assert!(site.gateways().iter().any(|route| route.starts_with("10.244.3.0/24 via 192.0.2.3")));
        driver.cleanup().expect("ours go");
        let is_of_programs = there.protocol == IpRoute::MANAGEMENT;
        let stays = problem.is_some() || !is_of_programs || there.destination == "10.99.0.0/16".parse().unwrap();
        assert_eq!(site.table.list().unwrap().contains(&there), stays, "{there}");
    }
}

#[test]
fn a_gateway_that_can_not_be_is_said() {
    let mut site = Site::new(&[]);
    site.put(&[gateway("far", "10.244.2.0/24", "198.51.100.2"), gateway("near", "10.244.3.0/24", "192.0.2.3")]);
    site.table.refuse(Some(ErrorCode::ACCESS_DENIED));
    let mut driver = site.driver();
    resync(&mut driver, site.plan());
    let problems = failed(&outcome(&mut driver));
    assert!(problems.len() == 2 && problems[0].0.contains("198.51.100.2 is on no link"), "{problems:?}");
    assert!(problems[1].0.contains("table of routes answered 0x80070005: access is denied"), "{problems:?}");
    site.table.refuse(None);
    driver.resync(site.plan(), Some(&Object::Route("10.244.3.0/24".parse().unwrap())));
    assert_eq!(failed(&outcome(&mut driver)).len(), 1);
    assert_eq!(site.gateways().len(), 1);
    // Without a table, as where there is no Windows.
    if !cfg!(windows) {
        let mut driver = site.node.driver();
        resync(&mut driver, site.plan());
        let problems = failed(&outcome(&mut driver));
        assert!(problems.len() == 2 && problems.iter().all(|(problem, _)| problem.contains("can't be had")));
    }
}
