//! Pods, nodes, namespaces and services; streams, lists and what is left out.

mod support;

use expect_test::{Expect, expect};
use margay_api::*;
use std::net::IpAddr;
use support::{object, report};

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&report(text));
}

fn ips(addresses: &[&str]) -> Vec<IpAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn named(name: &str, protocol: Protocol, port: u16) -> NamedPort {
    NamedPort { name: name.into(), protocol, port }
}

#[test]
fn pods() {
    let text = r#"
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  labels: {app: web, empty: }
  creationTimestamp: "2024-01-01T00:00:01Z"
  ownerReferences: [{kind: ReplicaSet}]
spec:
  nodeName: n1
  serviceAccountName: sa
  containers:
  - name: a
    image: x
    ports:
    - {name: http, containerPort: 80}
    - {containerPort: 81}
  - ports: [{name: dns, protocol: UDP, containerPort: 53}]
  initContainers:
  - ports: [{name: once, containerPort: 1}]
  - restartPolicy: Always
    ports: [{name: side, containerPort: 2}]
  tolerations: [{operator: Exists}]
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ip: 10.0.0.1}, {ip: "2001:db8::1"}]
"#;
    let Object::Pod(pod) = object(text) else { panic!() };
    let expected = Pod {
        meta: Meta {
            key: Key { kind: Kind::Pod, namespace: "shop".into(), name: "web-1".into() },
            labels: vec![("app".into(), "web".into()), ("empty".into(), "".into())],
            created: Some(1_704_067_201),
            generation: 0,
        },
        node: "n1".into(),
        host_network: false,
        service_account: "sa".into(),
        addresses: ips(&["10.0.0.1", "2001:db8::1"]),
        terminal: false,
        ports: vec![named("http", Protocol::TCP, 80), named("dns", Protocol::UDP, 53), named("side", Protocol::TCP, 2)],
    };
    assert_eq!(pod, expected);

    for (rest, host_network, terminal, addresses, account) in [
        ("", false, false, vec![], "default"),
        ("spec: {hostNetwork: true, serviceAccount: old}", true, false, vec![], "old"),
        ("status: {phase: Succeeded, podIP: 10.0.0.2}", false, true, vec!["10.0.0.2"], "default"),
        ("status: {phase: Failed, podIPs: [], podIP: ''}", false, true, vec![], "default"),
        ("status: {podIPs: [{ip: '::ffff:10.0.0.3'}]}", false, false, vec!["10.0.0.3"], "default"),
    ] {
        let Object::Pod(pod) = object(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n{rest}")) else {
            panic!()
        };
        assert_eq!(
            (pod.host_network, pod.terminal, pod.addresses, pod.service_account.as_str()),
            (host_network, terminal, ips(&addresses), account),
            "{rest}"
        );
    }
}

#[test]
fn errors_of_pods() {
    let pod = |rest: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n{rest}");
    check(
        &pod("status: {podIPs: [{ip: 10.0.0.256}, {ip: 10.0.0.1}]}"),
        expect![[r#"
        Pod default/p: read
          4 error status.podIPs[0].ip: "10.0.0.256" is no IP address
    "#]],
    );
    check(
        &pod("spec: {hostNetwork: 'true'}"),
        expect![[r#"
        Pod default/p: not read
          4 error spec.hostNetwork: is a string; true or false is needed
    "#]],
    );
    check(
        &pod(
            "spec: {containers: [{ports: [{name: a, containerPort: 0}, {name: b, containerPort: 1, protocol: tcp}]}]}",
        ),
        expect![[r#"
            Pod default/p: read
              4 error spec.containers[0].ports[0].containerPort: is no port: those are whole numbers from 1 to 65535
              4 error spec.containers[0].ports[1].protocol: "tcp" is no protocol with ports: those are TCP, UDP and SCTP
        "#]],
    );
    check(
        &pod("").replace("name: p", "name: p, labels: {version: 1.10}"),
        expect![[r#"
        Pod default/p: not read
          3 error metadata.labels.version: is a number; a string is needed [put it in quotes: without them YAML reads it as something else]
    "#]],
    );
    check(
        &pod("").replace("name: p", "name: p, labels: {a b: c}, typo: x"),
        expect![[r#"
        Pod default/p: read
          3 error metadata.labels["a b"]: is no key of a label: a DNS name and a slash if need be, then at most 63 letters, digits, -, _ and .
    "#]],
    );
}

#[test]
fn nobody_pretends_to_be_of_another_namespace() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {pcns.team: a, projectcalico.org/namespace: b, pcs: c}}";
    check(
        text,
        expect![[r#"
        Pod default/p: read
          3 warning metadata.labels["pcns.team"]: says what only the namespace or the service account can say, and is ignored [leave it out]
          3 warning metadata.labels["projectcalico.org/namespace"]: says what only the namespace or the service account can say, and is ignored [leave it out]
    "#]],
    );
}

#[test]
fn namespaces_and_service_accounts() {
    let labels = |text: &str| object(text).meta().labels.clone();
    let name = ("kubernetes.io/metadata.name".into(), "a".into());
    assert_eq!(labels("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}"), std::slice::from_ref(&name));
    assert_eq!(
        labels(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {z: x, kubernetes.io/metadata.name: a}}\nspec: {finalizers: []}"
        ),
        [name, ("z".into(), "x".into())]
    );
    check(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {kubernetes.io/metadata.name: b}}",
        expect![[r#"
            Namespace a: read
              1 warning : the label kubernetes.io/metadata.name is the namespace's name, not "b" [leave it out]
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b, namespace: c}",
        expect![[r#"
            Namespace a.b: read
              3 error metadata.name: "a.b" is no name of a Namespace: at most 63 of a-z, 0-9 and -
              3 warning metadata.namespace: a Namespace is in no namespace; this has no effect [leave it out]
        "#]],
    );
    assert_eq!(
        object("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s}").key().to_string(),
        "ServiceAccount default/s"
    );
}

#[test]
fn nodes() {
    let text = r#"
apiVersion: v1
kind: Node
metadata:
  name: n1
  labels: {kubernetes.io/os: windows, node-role.kubernetes.io/worker: }
  annotations:
    projectcalico.org/IPv4VXLANTunnelAddr: 10.244.0.1
    projectcalico.org/IPv6VXLANTunnelAddr: ""
    other: x
spec: {podCIDR: 10.244.0.0/24, podCIDRs: [10.244.0.0/24, "fd00::/64"]}
status:
  addresses: [{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n1}, {type: ExternalIP, address: "2001:db8::1"}]
"#;
    let Object::Node(node) = object(text) else { panic!() };
    assert!(node.windows);
    let own: Vec<IpAddr> = node.own_addresses().collect();
    assert_eq!(own, ips(&["192.0.2.1", "2001:db8::1", "10.244.0.1", "10.244.0.1", "fd00::1"]));
    let Object::Node(node) = object("apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.0.0.0/24}")
    else {
        panic!()
    };
    assert_eq!(node.pod_cidrs, ["10.0.0.0/24".parse::<Prefix>().unwrap()]);
}

#[test]
fn services_and_their_endpoints() {
    let text = r#"
apiVersion: v1
kind: Service
metadata: {name: s}
spec:
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1, "fd00::1"]
  externalIPs: [192.0.2.1]
  ports: [{port: 80, targetPort: http}, {name: dns, port: 53, protocol: UDP}]
status: {loadBalancer: {ingress: [{ip: 192.0.2.2}, {hostname: lb}]}}
"#;
    let Object::Service(service) = object(text) else { panic!() };
    assert_eq!(service.addresses, ips(&["10.96.0.1", "fd00::1", "192.0.2.1", "192.0.2.2"]));
    let port = |name: &str, protocol, port| ServicePort { name: name.into(), protocol, port };
    assert_eq!(service.ports, [port("", Protocol::TCP, 80), port("dns", Protocol::UDP, 53)]);
    let Object::Service(service) =
        object("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: None}")
    else {
        panic!()
    };
    assert_eq!(service.addresses, ips(&[]));

    let text = r#"
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s-1, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: false}}, {addresses: [10.0.0.2, 10.0.0.1]}]
ports: [{port: 80}, {name: dns, port: 53, protocol: UDP}, {name: all, port: null}]
"#;
    let Object::EndpointSlice(slice) = object(text) else { panic!() };
    assert_eq!((slice.service.as_str(), slice.addresses), ("s", ips(&["10.0.0.1", "10.0.0.2"])));
    let port = |name: &str, protocol, port| SlicePort { name: name.into(), protocol, port };
    let expected =
        [port("", Protocol::TCP, Some(80)), port("dns", Protocol::UDP, Some(53)), port("all", Protocol::TCP, None)];
    assert_eq!(slice.ports, expected);
    object(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: f}\naddressType: FQDN\nendpoints: [{addresses: [a.b]}]",
    );
}

#[test]
fn streams_and_lists() {
    check(
        r#"
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: left-out}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: b}}
- {apiVersion: v1, kind: PodList, items: [{metadata: {name: p}}, {kind: Node, metadata: {name: n1}}]}
- {apiVersion: apps/v1, kind: DeploymentList, items: [{metadata: {name: left-out}}]}
- {apiVersion: v1, kind: List, items: null}
---
[broken
---
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}}
"#,
        expect![[r#"
            Namespace a: read
            Namespace b: read
            Pod default/p: read
            Node n1: read
            ?: not read
              19 error : this is no YAML: while parsing a flow sequence, expected ',' or ']'
            Namespace c: read
        "#]],
    );
    let nested = |depth: usize| {
        (0..depth).fold("{apiVersion: v1, kind: Namespace, metadata: {name: a}}".to_string(), |inner, _| {
            format!("{{apiVersion: v1, kind: List, items: [{inner}]}}")
        })
    };
    check(
        &nested(4),
        expect![[r#"
        Namespace a: read
    "#]],
    );
    check(
        &nested(5),
        expect![[r#"
        ?: not read
          1 error : lists nest at most 4 deep; left out
    "#]],
    );
}

#[test]
fn what_is_no_resource_is_said() {
    check(
        "replicas: 3\nimage: x",
        expect![[r#"
        ?: not read
          1 warning : is no resource: it needs an apiVersion and a kind; left out
    "#]],
    );
    check(
        "just text",
        expect![[r#"
        ?: not read
          1 warning : is no resource: it needs an apiVersion and a kind; left out
    "#]],
    );
    check(
        "apiVersion: v1\nkind:\n",
        expect![[r#"
        ?: not read
          1 warning : is no resource: it needs an apiVersion and a kind; left out
    "#]],
    );
    check(
        "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p}",
        expect![[r#"
        ?: not read
          1 warning : NetworkPolicy is not read in the version extensions/v1beta1; left out [write it in projectcalico.org/v3 or crd.projectcalico.org/v1]
    "#]],
    );
    check(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: ClusterNetworkPolicy\nmetadata: {name: p}",
        expect![[r#"
            ?: not read
              1 warning : ClusterNetworkPolicy is not read in the version policy.networking.k8s.io/v1alpha1; left out [write it in policy.networking.k8s.io/v1alpha2 or policy.networking.k8s.io/v1beta1]
        "#]],
    );
    check(
        "apiVersion: projectcalico.org/v4\nkind: GlobalNetworkPolicy\nmetadata: {name: p}",
        expect![[r#"
        ?: not read
          1 warning : GlobalNetworkPolicy is not read in the version projectcalico.org/v4; left out [write it in projectcalico.org/v3 or crd.projectcalico.org/v1]
    "#]],
    );
    check("apiVersion: example.com/v1\nkind: NetworkPolicy\nmetadata: {name: left-out}", expect![[""]]);
    check("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left-out}\ndata: {a: b}", expect![[""]]);
}

#[test]
fn problems_are_bounded() {
    let ports = "{port: 0}, ".repeat(10_000);
    let text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {{podSelector: {{}}, ingress: [{{ports: [{ports}]}}]}}"
    );
    let decoded = &read(&text, "f")[0];
    assert_eq!(decoded.problems.len(), 65);
    assert_eq!(decoded.problems[64].message, "9936 more problems in this object are not listed");
    let Some(Object::NetworkPolicy(policy)) = &decoded.object else { panic!() };
    assert_eq!(policy.ingress, [Readable::Unreadable(Some(Action::Allow))]);
}

#[test]
fn problems_print_with_their_source() {
    let source =
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: web}\nspec:\n\tselector: x\n"
            .replace('\t', "  ")
            + "  ingress:\n  - action: Allow\n    source: {selector: \"role == db\", notSelectr: 'a\u{1b}b'}\n";
    let decoded = &read(&source, "policies/web.yaml")[0];
    let printed: String = decoded.problems.iter().map(|problem| problem.render(&source, false)).collect();
    expect![[r#"
        error: spec.selector: is no selector: expected an operator (==, !=, in, not in, contains, starts with or ends with) after the label, found the end at byte 1
         --> policies/web.yaml:5:14 (GlobalNetworkPolicy web)
          |
        5 |   selector: x
          |              ^
        error: spec.ingress[0].source.selector: is no selector: expected a quoted string after the operator, found `db` at byte 8
         --> policies/web.yaml:8:33 (GlobalNetworkPolicy web)
          |
        8 |     source: {selector: "role == db", notSelectr: 'a�b'}
          |                                 ^^
        error: spec.ingress[0].source.notSelectr: is not a field that this may have
         --> policies/web.yaml:8:38 (GlobalNetworkPolicy web)
          |
        8 |     source: {selector: "role == db", notSelectr: 'a�b'}
          |                                      ^^^^^^^^^^
          = help: did you mean `notSelector`?
    "#]].assert_eq(&printed);
    assert_eq!(decoded.problems[0].render("", false).lines().count(), 2);
    assert!(decoded.problems[0].render(&source, true).starts_with("\x1b[1;31merror"));
    expect!["policies/web.yaml:5:14: error: GlobalNetworkPolicy web: spec.selector: is no selector: expected an operator (==, !=, in, not in, contains, starts with or ends with) after the label, found the end at byte 1"].assert_eq(&decoded.problems[0].to_string());
}
