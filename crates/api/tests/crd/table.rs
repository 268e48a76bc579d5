//! What is taken, and what is refused in which words.

use super::{CALICO, reader};
use serde_json::{Value, json};

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Both take it, or both refuse it: the definition in these words.
fn check(object: &Value, expected: &[&str]) {
    let (found, read) = (CALICO.errors(object), reader(object));
    assert_eq!(found, expected, "{object}");
    assert_eq!(read.is_empty(), expected.is_empty(), "the reader says {read:?} of {object}");
}

fn ingress(rule: Value, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|text| format!(".spec.ingress[0]{text}")).collect();
    check(
        &object("NetworkPolicy", "p", json!({"ingress": [rule]})),
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn actions_and_protocols() {
    for (rule, expected) in [
        (json!({"action": "Allow"}), &[][..]),
        (json!({"action": "Log", "ipVersion": 4}), &[]),
        (json!({}), &[r#": needs "action""#]),
        (json!({"action": "allow"}), &[".action: unsupported value"]),
        (json!({"action": "Allow", "ipVersion": 5}), &[".ipVersion: unsupported value"]),
        (json!({"action": "Allow", "protocol": "tcp"}), &[]),
        (json!({"action": "Allow", "protocol": "tCP"}), &[]),
        (json!({"action": "Allow", "protocol": "47"}), &[]),
        (json!({"action": "Allow", "protocol": 255}), &[]),
        (json!({"action": "Allow", "protocol": 256}), &[".protocol: too large"]),
        (json!({"action": "Allow", "protocol": "0"}), &[".protocol: does not match"]),
        (json!({"action": "Allow", "notProtocol": "HTTP"}), &[".notProtocol: does not match"]),
        (
            json!({"action": "Allow", "ipVersion": 6, "protocol": "ICMP"}),
            &[": protocol ICMP is IPv4, which ipVersion says otherwise"],
        ),
        (
            json!({"action": "Allow", "ipVersion": 4, "notProtocol": 58}),
            &[": notProtocol ICMPv6 is IPv6, which ipVersion says otherwise"],
        ),
        (json!({"action": "Allow", "ipVersion": 4, "protocol": "icmp"}), &[]),
    ] {
        ingress(rule, expected);
    }
}

#[test]
fn ports_and_icmp() {
    const PORTS: &str = ": ports and notPorts need the protocol TCP, UDP or SCTP";
    const ICMP: &str = ": icmp and notICMP need the protocol ICMP or ICMPv6";
    for (rule, expected) in [
        (
            json!({"action": "Allow", "protocol": "TCP", "destination": {"ports": [80, "443", "80:90", "http", "0:5"]}}),
            &[".destination.ports[4]: does not match"][..],
        ),
        (json!({"action": "Allow", "protocol": 17, "source": {"notPorts": [1, 65535, "65535", "a.b_c-d", "8a"]}}), &[]),
        (
            json!({"action": "Allow", "protocol": "132", "source": {"notPorts": [0, 65536]}}),
            &[".source.notPorts[0]: too small", ".source.notPorts[1]: too large"],
        ),
        (json!({"action": "Allow", "destination": {"ports": [80]}}), &[PORTS]),
        (json!({"action": "Allow", "protocol": "ICMP", "source": {"notPorts": ["http"]}}), &[PORTS]),
        (json!({"action": "Allow", "destination": {"ports": []}}), &[]),
        (json!({"action": "Allow", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}), &[]),
        (json!({"action": "Allow", "protocol": 58, "notICMP": {"type": 128}}), &[]),
        (
            json!({"action": "Allow", "protocol": "ICMP", "icmp": {"code": 0}}),
            &[".icmp: a code needs a type: codes mean nothing by themselves"],
        ),
        (json!({"action": "Allow", "protocol": "ICMP", "icmp": {"type": 255}}), &[".icmp.type: too large"]),
        (json!({"action": "Allow", "protocol": "TCP", "icmp": {"type": 8}}), &[ICMP]),
        (json!({"action": "Allow", "notICMP": {}}), &[ICMP]),
    ] {
        ingress(rule, expected);
    }
}

#[test]
fn nets() {
    const ONE: &str = "the nets of a rule are of one family: make a rule for each of the two";
    for (rule, expected) in [
        (json!({"nets": ["10.0.0.0/8", "192.0.2.1", "10.0.0.1/8"], "notNets": ["10.0.0.0/9"]}), vec![]),
        (json!({"nets": ["2001:db8::/32", "::1"]}), vec![]),
        (json!({"nets": ["10.0.0.0/33"]}), vec![".source.nets[0]: does not match".to_owned()]),
        (json!({"nets": ["10.0.0"]}), vec![".source.nets[0]: does not match".to_owned()]),
        (json!({"nets": ["010.0.0.1"]}), vec![".source.nets[0]: does not match".to_owned()]),
        (json!({"nets": ["10.0.0.0/08"]}), vec![".source.nets[0]: does not match".to_owned()]),
        (json!({"nets": ["::/129"]}), vec![".source.nets[0]: does not match".to_owned()]),
        (json!({"nets": ["0.0.0.0/0"]}), vec![]),
        (json!({"notNets": ["0.0.0.0/0"]}), vec![".source.notNets[0]: does not match".to_owned()]),
        (json!({"notNets": ["::/0"]}), vec![".source.notNets[0]: does not match".to_owned()]),
        (json!({"nets": ["10.0.0.1", "::1"]}), vec![format!(".source.nets: {ONE}")]),
        (json!({"nets": ["::1", "10.0.0.1"]}), vec![format!(".source.nets: {ONE}")]),
        (
            json!({"nets": ["10.0.0.1"], "notNets": ["::1"]}),
            vec![".source: nets and notNets are of one family: make a rule for each of the two".to_owned()],
        ),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        ingress(json!({"action": "Deny", "source": rule}), &expected);
    }
    let sides = ": the nets of source and destination are of one family: make a rule for each of the two";
    let version = ": the nets of destination are of the other family than ipVersion says";
    for (rule, expected) in [
        (
            json!({"action": "Deny", "source": {"nets": ["10.0.0.1"]}, "destination": {"notNets": ["10.0.0.2"]}}),
            &[][..],
        ),
        (json!({"action": "Deny", "source": {"nets": ["10.0.0.1"]}, "destination": {"notNets": ["::2"]}}), &[sides]),
        (json!({"action": "Deny", "ipVersion": 6, "source": {}, "destination": {"nets": ["10.0.0.2"]}}), &[version]),
        (json!({"action": "Deny", "ipVersion": 6, "destination": {"nets": [], "notNets": ["::2"]}}), &[]),
    ] {
        ingress(rule, expected);
    }
}

#[test]
fn services_and_http() {
    let beside =
        |side: &str, names: &str| format!(".{side}: services can't stand beside {names}: make a rule of its own");
    let source = beside("source", "selector, notSelector, namespaceSelector, nets or notNets");
    for (rule, expected) in [
        (json!({"action": "Allow", "source": {"services": {"name": "web"}}}), vec![]),
        (
            json!({"action": "Allow", "protocol": "TCP", "source": {"services": {"name": "web", "namespace": "b"}, "ports": [80], "nets": []}}),
            vec![],
        ),
        (json!({"action": "Allow", "source": {"services": {}}}), vec![".source.services: needs \"name\"".to_owned()]),
        (json!({"action": "Allow", "source": {"services": {"name": "web"}, "nets": ["10.0.0.1"]}}), vec![source]),
        (
            json!({"action": "Allow", "source": {"services": {"name": "web"}, "serviceAccounts": {}}}),
            vec![".source: services can't stand beside serviceAccounts: make a rule of its own".to_owned()],
        ),
        (
            json!({"action": "Allow", "destination": {"services": {"name": "web"}}}),
            vec![
                ".destination: services can be the destination of egress rules and the source of ingress rules"
                    .to_owned(),
            ],
        ),
        (json!({"action": "Allow", "http": {"methods": ["GET"], "paths": [{"exact": "/"}]}}), vec![]),
        (json!({"action": "Deny", "http": {}}), vec![": http can only stand in a rule that allows".to_owned()]),
        (
            json!({"action": "Allow", "protocol": "UDP", "http": {}}),
            vec![": http needs the protocol TCP, or none".to_owned()],
        ),
    ] {
        ingress(rule, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let egress = |kind: &str, rule: Value| object(kind, "p", json!({"egress": [rule]}));
    let service = json!({"action": "Allow", "destination": {"services": {"name": "web"}}});
    check(&egress("NetworkPolicy", service.clone()), &[]);
    check(&egress("GlobalNetworkPolicy", service), &[".spec.egress[0].destination.services: needs \"namespace\""]);
    check(
        &egress("NetworkPolicy", json!({"action": "Allow", "http": {}})),
        &[".spec.egress[0]: http can only stand in ingress rules"],
    );
}

#[test]
fn policies() {
    for (kind, spec, expected) in [
        (
            "NetworkPolicy",
            json!({"tier": "ops", "order": 1.5, "selector": "a == 'b'", "types": ["Ingress", "Egress"]}),
            &[][..],
        ),
        ("NetworkPolicy", json!({"tier": "a.b"}), &[".spec.tier: does not match"]),
        ("NetworkPolicy", json!({"order": "first"}), &[".spec.order: is \"first\", of the wrong type"]),
        ("NetworkPolicy", json!({"types": ["All"]}), &[".spec.types[0]: unsupported value"]),
        (
            "NetworkPolicy",
            json!({"selector": "global()"}),
            &[".spec: selector: global() can only stand in the namespaceSelector of a rule"],
        ),
        ("NetworkPolicy", json!({"ingress": [{"action": "Allow", "source": {"namespaceSelector": "global()"}}]}), &[]),
        (
            "NetworkPolicy",
            json!({"ingress": [{"action": "Allow", "source": {"notSelector": "global()"}}]}),
            &[".spec.ingress[0].source: notSelector: global() can only stand in the namespaceSelector of a rule"],
        ),
        (
            "NetworkPolicy",
            json!({"ingress": [{"action": "Allow", "source": {"notSelectr": "a"}}]}),
            &[".spec.ingress[0].source.notSelectr: unknown field"],
        ),
        ("StagedNetworkPolicy", json!({"stagedAction": "Delete"}), &[]),
        ("StagedNetworkPolicy", json!({"stagedAction": "Remove"}), &[".spec.stagedAction: unsupported value"]),
        (
            "GlobalNetworkPolicy",
            json!({"namespaceSelector": "a == 'b'", "applyOnForward": true, "preDNAT": true, "types": ["Ingress"]}),
            &[],
        ),
        (
            "GlobalNetworkPolicy",
            json!({"applyOnForward": true, "preDNAT": true, "doNotTrack": true}),
            &[".spec: preDNAT and doNotTrack exclude each other"],
        ),
        (
            "GlobalNetworkPolicy",
            json!({"doNotTrack": true}),
            &[".spec: preDNAT and doNotTrack need applyOnForward: true"],
        ),
        (
            "GlobalNetworkPolicy",
            json!({"applyOnForward": true, "preDNAT": true, "egress": [{"action": "Deny"}]}),
            &[".spec: a preDNAT policy has no egress: make a policy of its own for egress"],
        ),
        (
            "GlobalNetworkPolicy",
            json!({"applyOnForward": true, "preDNAT": true, "types": ["Egress"]}),
            &[".spec: a preDNAT policy has no egress: make a policy of its own for egress"],
        ),
    ] {
        check(&object(kind, "p", spec), expected);
    }
    let without_spec =
        json!({"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy", "metadata": {"name": "p"}});
    check(&without_spec, &[": needs \"spec\""]);
}

#[test]
fn staged_kubernetes_policies() {
    let peer = |peer: Value| json!({"podSelector": {}, "ingress": [{"from": [peer]}]});
    let port = |port: Value| json!({"egress": [{"ports": [port]}]});
    for (spec, expected) in [
        (json!({}), &[][..]),
        (peer(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}})), &[]),
        (peer(json!({"ipBlock": {"cidr": "10.0.0.1"}})), &[".ingress[0].from[0].ipBlock.cidr: does not match"]),
        (peer(json!({})), &[".ingress[0].from[0]: a peer needs a podSelector, a namespaceSelector or an ipBlock"]),
        (
            peer(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
            &[
                ".ingress[0].from[0]: ipBlock can't stand beside podSelector or namespaceSelector: make it a peer of its own",
            ],
        ),
        (peer(json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}})), &[]),
        (
            peer(json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}})),
            &[".ingress[0].from[0].podSelector.matchExpressions[0]: none of its alternatives"],
        ),
        (
            peer(json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}})),
            &[".ingress[0].from[0].podSelector.matchExpressions[0]: none of its alternatives"],
        ),
        (port(json!({"protocol": "UDP", "port": 1, "endPort": 2})), &[]),
        (port(json!({"port": "http"})), &[]),
        (port(json!({"port": "80"})), &[".egress[0].ports[0].port: does not match"]),
        (port(json!({"port": "-a"})), &[".egress[0].ports[0].port: does not match"]),
        (port(json!({"protocol": "ICMP"})), &[".egress[0].ports[0].protocol: unsupported value"]),
        (port(json!({"endPort": 2})), &[".egress[0].ports[0]: endPort needs a port, which the range starts with"]),
        (
            port(json!({"port": 3, "endPort": 2})),
            &[".egress[0].ports[0]: endPort needs a number as its port, no greater than itself"],
        ),
        (
            port(json!({"port": "http", "endPort": 2})),
            &[".egress[0].ports[0]: endPort needs a number as its port, no greater than itself"],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|text| format!(".spec{text}")).collect();
        check(
            &object("StagedKubernetesNetworkPolicy", "p", spec),
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn sets_and_host_endpoints() {
    const NODE: &str = ".spec: a host endpoint needs a node";
    const INTERFACE: &str = ".spec: a host endpoint needs an interfaceName or expectedIPs, to know which interface it is: * is every interface";
    for (kind, spec, expected) in [
        ("NetworkSet", json!({"nets": ["10.0.0.0/8", "::1"]}), &[][..]),
        ("GlobalNetworkSet", json!({"nets": ["x"]}), &[".spec.nets[0]: does not match"]),
        ("Profile", json!({"ingress": [{"action": "Allow"}], "labelsToApply": {"a": "b"}}), &[]),
        ("Profile", json!({"labelsToApply": {"a": 1}}), &[".spec.labelsToApply.a: is 1, of the wrong type"]),
        (
            "HostEndpoint",
            json!({"node": "n", "interfaceName": "*", "expectedIPs": ["10.0.0.1", "::1"], "profiles": ["a.b"]}),
            &[],
        ),
        (
            "HostEndpoint",
            json!({"node": "n", "interfaceName": "eth0", "ports": [{"name": "ssh", "protocol": "tcp", "port": 22}]}),
            &[],
        ),
        ("HostEndpoint", json!({"interfaceName": "eth0"}), &[NODE]),
        ("HostEndpoint", json!({"node": "n", "expectedIPs": []}), &[INTERFACE]),
        ("HostEndpoint", json!({"node": "n", "interfaceName": "eth 0"}), &[".spec.interfaceName: does not match"]),
        (
            "HostEndpoint",
            json!({"node": "n", "expectedIPs": ["10.0.0.0/8"]}),
            &[".spec.expectedIPs[0]: does not match"],
        ),
        (
            "HostEndpoint",
            json!({"node": "n", "interfaceName": "*", "ports": [{"name": "ssh", "protocol": "ICMP", "port": 22}]}),
            &[".spec.ports[0].protocol: does not match"],
        ),
        (
            "HostEndpoint",
            json!({"node": "n", "interfaceName": "*", "ports": [{"protocol": 6, "port": 22}]}),
            &[".spec.ports[0]: needs \"name\""],
        ),
    ] {
        check(&object(kind, "x", spec), expected);
    }
}

#[test]
fn tiers() {
    check(&object("Tier", "ops", json!({"order": 10, "defaultAction": "Pass"})), &[]);
    check(&object("Tier", "default", json!({"order": 1_000_000, "defaultAction": "Deny"})), &[]);
    check(&object("Tier", "kube-baseline", json!({"order": 1e7, "defaultAction": "Pass"})), &[]);
    check(&object("Tier", "ops", json!({"defaultAction": "Log"})), &[".spec.defaultAction: unsupported value"]);
    let name = ": the name of a tier has at most 63 of a-z, 0-9 and -, without a dot";
    check(&object("Tier", "a.b", json!({})), &[name]);
    // The reader only warns of these: they change nothing.
    for (name, spec) in [("default", json!({"order": 5})), ("kube-admin", json!({"defaultAction": "Deny"}))] {
        let found = CALICO.errors(&object("Tier", name, spec));
        assert!(found[0].starts_with(&format!(": the tier {name} always has the order")), "{found:?}");
    }
}

#[test]
fn settings_of_felix_are_kept_whatever_they_are() {
    let of = |spec: Value| CALICO.errors(&object("FelixConfiguration", "default", spec));
    assert_eq!(
        of(
            json!({"logSeverityScreen": "Info", "healthPort": 9099, "bpfEnabled": true, "iptablesRefreshInterval": "90s"})
        ),
        Vec::<String>::new()
    );
    assert_eq!(of(json!({"healthPort": "9099"})), [".spec.healthPort: is \"9099\", of the wrong type"]);
}
