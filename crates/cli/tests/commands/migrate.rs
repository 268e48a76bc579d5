use crate::{SHOP, margay};
use expect_test::expect;
use serde_json::Value;

const CALICO: &str = include_str!("calico.yaml");

#[test]
fn what_will_be_different() {
    expect![[r#"
        Ends with Calico's agent, and Margay does not do it:
          VXLAN tunnels and the routes into them are made by Felix: without it pods of other Linux nodes can't be reached
            <stdin>:10: IPPool pods: spec.vxlanMode
          what pods send out of the cluster is masqueraded by Felix: without it answers don't come back
            <stdin>:11: IPPool pods: spec.natOutgoing
          traffic between nodes is no longer encrypted
            <stdin>:21: FelixConfiguration default: spec.wireguardEnabled
          GlobalAlert is not read: what Calico does by it is not done
            <stdin>:29: GlobalAlert scans

        Lets less through:
          can't be read, so that it fails closed: is not a field that this may have
            <stdin>:56: GlobalNetworkPolicy web: spec.ingress[1].source.domains
          rules of http let nothing through: policy of the application layer is not enforced, and without it they would let through too much
            <stdin>:52: GlobalNetworkPolicy web: spec.ingress[0].http

        Is done otherwise:
          host endpoints have the failsafe ports that docs/semantics.md lists (23), and no others
            <stdin>:23: FelixConfiguration default: spec.failsafeInboundHostPorts
          untracked policy decides before all others, but forwarded packets that leave a node are tracked nevertheless
            <stdin>:64: GlobalNetworkPolicy untracked: spec.doNotTrack
          domain names are not read; the set holds its nets alone
            <stdin>:70: GlobalNetworkSet partners: spec.allowedEgressDomains

        Is not Margay's, and needs what does it now to go on running:
          addresses of pods are given by Calico's network plugin, which is not replaced: leave it, or move to another plugin first
            <stdin>:4: IPPool pods
            <stdin>:39: IPAMBlock 10-244-0-0-26
            <stdin>:40: IPAMBlock 10-244-0-64-26
            <stdin>:41: IPAMBlock 10-244-0-128-26
            <stdin>:42: IPAMBlock 10-244-0-192-26
            and 2 more
          routes are exchanged by calico-node, which is not replaced on Linux: leave it, or move to another network plugin first
            <stdin>:12: BGPPeer rack
          HostEndpoints are made for every node by calico-kube-controllers, and only while it runs: leave it, or write them yourself
            <stdin>:28: KubeControllersConfiguration default: spec.controllers.node.hostEndpoint.autoCreate

        Has no effect any more, and nothing is lost:
          other settings are about how Calico's agent works
            <stdin>:16: FelixConfiguration default
          profiles of namespaces and service accounts are worked out from those
            <stdin>:77: Profile kns.shop

        Unchanged: 1 object. Above: 15 objects.
        [exit code 1]"#]].assert_eq(&margay("margay migrate -f -", CALICO).to_string());
}

#[test]
fn programs_get_json() {
    let run = margay("margay migrate -f - -o json", CALICO);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((&report["same"], &report["different"]), (&Value::from(1), &Value::from(15)));
    let encryption =
        report["differences"].as_array().expect("a list").iter().find(|one| one["path"] == "spec.wireguardEnabled");
    expect![[r#"
        {
          "effect": "ends",
          "file": "<stdin>",
          "line": 21,
          "object": "FelixConfiguration default",
          "path": "spec.wireguardEnabled",
          "text": "traffic between nodes is no longer encrypted"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&encryption).expect("JSON"));
}

#[test]
fn what_means_the_same_is_only_counted() {
    expect![[r#"
        Unchanged: 17 objects. Above: 0 objects.
        [exit code 0]"#]]
    .assert_eq(&margay("margay migrate -f -", SHOP).to_string());
}

#[test]
fn what_goes_on_elsewhere_is_no_finding() {
    let pool = "{apiVersion: crd.projectcalico.org/v1, kind: IPPool, metadata: {name: a}, spec: {vxlanMode: Never}}";
    let run = margay("margay migrate -f -", pool);
    assert!(run.code == 0 && run.out.contains("<stdin>:1: IPPool a\n"), "{run}");
}

#[test]
fn what_can_not_be_read_is_said() {
    let run =
        margay("margay migrate -f -", "kind: [\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}");
    assert!(run.code == 1 && run.out.contains("nothing is known of it: this is no YAML"), "{run}");
}
