//! How the pods of a node are reached: what annotations say, and what is wrong with them.

use margay_api::{Object, read};

/// A node with two pod CIDRs and these annotations, in YAML flow style.
fn node(annotations: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n  annotations: {{{annotations}}}\n\
         spec: {{podCIDRs: [10.244.1.0/24, \"fd00:10:244:1::/64\"]}}\nstatus: {{addresses: [{{type: InternalIP, address: 192.0.2.1}}]}}\n"
    )
}

fn flannel(annotations: &[(&str, &str)]) -> String {
    let each = annotations.iter().map(|(name, value)| format!("flannel.alpha.coreos.com/{name}: '{value}'"));
    each.collect::<Vec<_>>().join(", ")
}

fn calico(annotations: &[(&str, &str)]) -> String {
    let each = annotations.iter().map(|(name, value)| format!("projectcalico.org/{name}: '{value}'"));
    each.collect::<Vec<_>>().join(", ")
}

/// The routes to a node, and its problems.
fn told(text: &str) -> (Vec<String>, Vec<String>) {
    let decoded = read(text, "n.yaml").remove(0);
    let Some(Object::Node(node)) = &decoded.object else { panic!("{text}: {:?}", decoded.problems) };
    let routes = node.routes().map(|(cidr, via)| format!("{cidr} {via}")).collect();
    let problems = decoded.problems.iter().map(|problem| {
        assert_eq!(problem.span.start.line, 5, "{problem}");
        format!("{}: {}", problem.path.trim_start_matches("metadata.annotations"), problem.message)
    });
    (routes, problems.collect())
}

#[test]
fn what_plugins_say() {
    let mac = "02:11:22:33:44:55";
    for (annotations, expected) in [
        (String::new(), vec![]),
        (
            flannel(&[
                ("backend-type", "vxlan"),
                ("backend-data", r#"{"VNI":4096,"VtepMAC":"02:11:22:33:44:55"}"#),
                ("backend-v6-data", "null"),
                ("public-ip", "192.0.2.1"),
                ("kube-subnet-manager", "true"),
            ]),
            vec!["10.244.1.0/24 in VXLAN 4096 to 192.0.2.1, 02-11-22-33-44-55"],
        ),
        (
            flannel(&[
                ("backend-type", "vxlan"),
                ("backend-data", r#"{"VtepMAC":"66-A5-CC-C1-86-97","More":[1]}"#),
                ("public-ip", "192.0.2.1"),
                ("backend-v6-data", r#"{"VNI":1,"VtepMAC":"02:11:22:33:44:56"}"#),
                ("public-ipv6", "2001:db8::1"),
            ]),
            vec![
                "10.244.1.0/24 in VXLAN to 192.0.2.1, 66-a5-cc-c1-86-97",
                "fd00:10:244:1::/64 in VXLAN 1 to 2001:db8::1, 02-11-22-33-44-56",
            ],
        ),
        (
            flannel(&[("backend-type", "host-gw"), ("backend-data", "null"), ("public-ip", "192.0.2.1")]),
            vec!["10.244.1.0/24 via 192.0.2.1"],
        ),
        (
            flannel(&[("backend-type", "host-gw"), ("public-ip", "::ffff:192.0.2.1"), ("public-ipv6", "2001:db8::1")]),
            vec!["10.244.1.0/24 via 192.0.2.1", "fd00:10:244:1::/64 via 2001:db8::1"],
        ),
        // Any other backend is flannel's own business.
        (
            flannel(&[("backend-type", "wireguard"), ("backend-data", "{\"PublicKey\":\"a\"}"), ("public-ip", "x")]),
            vec![],
        ),
        (flannel(&[("backend-data", r#"{"VtepMAC":"02:11:22:33:44:55"}"#), ("public-ip", "192.0.2.1")]), vec![]),
        (
            calico(&[
                ("IPv4Address", "192.0.2.1/24"),
                ("IPv4VXLANTunnelAddr", "10.244.1.1"),
                ("VXLANTunnelMACAddr", mac),
                ("IPv6Address", "2001:db8::1/64"),
                ("IPv6VXLANTunnelAddr", "fd00:10:244:1::9"),
                ("VXLANTunnelMACAddrV6", "02:11:22:33:44:56"),
            ]),
            vec![
                "10.244.1.0/24 in VXLAN to 192.0.2.1, 02-11-22-33-44-55",
                "fd00:10:244:1::/64 in VXLAN to 2001:db8::1, 02-11-22-33-44-56",
            ],
        ),
        // Pods have addresses of Calico's blocks, not of the pod CIDR.
        (
            calico(&[
                ("IPv4Address", "192.0.2.1/24"),
                ("IPv4VXLANTunnelAddr", "10.48.7.64"),
                ("VXLANTunnelMACAddr", mac),
            ]),
            vec![],
        ),
        // A Linux node whose MAC address Calico works out from its name.
        (calico(&[("IPv4Address", "192.0.2.1/24"), ("IPv4VXLANTunnelAddr", "10.244.1.0")]), vec![]),
        // Canal: flannel routes.
        (
            flannel(&[("backend-type", "host-gw"), ("public-ip", "192.0.2.1")])
                + ", "
                + &calico(&[
                    ("IPv4Address", "192.0.2.9/24"),
                    ("IPv4VXLANTunnelAddr", "10.244.1.1"),
                    ("VXLANTunnelMACAddr", mac),
                ]),
            vec!["10.244.1.0/24 via 192.0.2.1"],
        ),
    ] {
        let (routes, problems) = told(&node(&annotations));
        assert_eq!(problems, [""; 0], "{annotations}");
        assert_eq!(routes, expected, "{annotations}");
    }
}

#[test]
fn what_is_wrong_is_said_and_leads_nowhere() {
    let data =
        |text: &'static str| flannel(&[("backend-type", "vxlan"), ("public-ip", "192.0.2.1"), ("backend-data", text)]);
    let host_gateway = |address: &'static str| flannel(&[("backend-type", "host-gw"), ("public-ip", address)]);
    let long = Box::leak(format!(r#"{{"VtepMAC":"{}"}}"#, "0".repeat(5000)).into_boxed_str());
    for (annotations, expected) in [
        (data("{"), "is no JSON"),
        (data(long), "more than the limit of 4096"),
        (data("[[[[[[[[[[1]]]]]]]]]]"), "is no JSON"),
        (data("7"), "is no JSON object such as"),
        (data("{}"), "has no VtepMAC"),
        (data(r#"{"VtepMAC":7}"#), "has no VtepMAC"),
        (data(r#"{"VtepMAC":"02:11:22:33:44"}"#), "\"02:11:22:33:44\" is no MAC address"),
        (data(r#"{"VtepMAC":"ff:ff:ff:ff:ff:ff"}"#), "ff-ff-ff-ff-ff-ff is the MAC address of no interface"),
        (data(r#"{"VtepMAC":"02:11:22:33:44:55","VNI":0}"#), "has a VNI that is none"),
        (data(r#"{"VtepMAC":"02:11:22:33:44:55","VNI":16777216}"#), "from 1 to 16777215"),
        (data(r#"{"VtepMAC":"02:11:22:33:44:55","VNI":"4096"}"#), "has a VNI that is none"),
        (data("null"), "is the end of no tunnel, since flannel.alpha.coreos.com/backend-data says nothing"),
        (
            flannel(&[("backend-type", "vxlan"), ("backend-data", r#"{"VtepMAC":"02:11:22:33:44:55"}"#)]),
            "is of no tunnel, since flannel.alpha.coreos.com/public-ip says nothing",
        ),
        (host_gateway("192.0.2.256"), "\"192.0.2.256\" is no IP address"),
        (host_gateway("node.example"), "is no IP address"),
        (host_gateway("2001:db8::1"), "is no IPv4 address that a node can have"),
        (host_gateway("127.0.0.1"), "is no IPv4 address that a node can have"),
        (host_gateway("0.0.0.0"), "is no IPv4 address that a node can have"),
        (host_gateway("224.0.0.1"), "is no IPv4 address that a node can have"),
        (host_gateway("192.0.2.1/33"), "is no IPv4 address that a node can have"),
        (host_gateway("10.244.1.5"), "10.244.1.5 is in 10.244.1.0/24, the pod CIDR that it is to be the way to"),
        (
            calico(&[
                ("IPv4Address", "192.0.2.1/x"),
                ("IPv4VXLANTunnelAddr", "10.244.1.1"),
                ("VXLANTunnelMACAddr", "02:11:22:33:44:55"),
            ]),
            "is no IPv4 address that a node can have",
        ),
        (
            calico(&[
                ("IPv4Address", "192.0.2.1"),
                ("IPv4VXLANTunnelAddr", "10.244.1.1"),
                ("VXLANTunnelMACAddr", "none"),
            ]),
            "\"none\" is no MAC address",
        ),
    ] {
        let (routes, problems) = told(&node(&annotations));
        assert_eq!(routes, [""; 0], "{annotations}");
        assert!(problems.len() == 1 && problems[0].contains(expected), "{annotations}: {problems:?}");
    }
}
