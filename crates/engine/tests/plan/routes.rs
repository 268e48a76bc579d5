//! Routes to the pods of nodes.

use super::*;
use expect_test::expect;
use margay_policy::{Finding, findings};

fn node(name: &str, cidr: &str, annotations: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}, annotations: {{{annotations}}}}}, spec: {{podCIDR: {cidr}}}}}\n"
    )
}

fn host_gateway(name: &str, cidr: &str, address: &str) -> String {
    let annotations =
        format!("flannel.alpha.coreos.com/backend-type: host-gw, flannel.alpha.coreos.com/public-ip: {address}");
    node(name, cidr, &annotations)
}

fn vxlan(name: &str, cidr: &str, mac: &str) -> String {
    let annotations = format!(
        "flannel.alpha.coreos.com/backend-type: vxlan, flannel.alpha.coreos.com/public-ip: 192.0.2.9, \
         flannel.alpha.coreos.com/backend-data: '{{\"VNI\":4096,\"VtepMAC\":\"{mac}\"}}'"
    );
    node(name, cidr, &annotations)
}

/// The routes away from the node in scope.
fn remote(engine: &Engine) -> Vec<String> {
    let routes = engine.plan().remote_routes();
    routes.map(|route| format!("{} {} ({})", route.destination, route.via, route.node)).collect()
}

#[test]
fn routes_follow_their_node_alone() {
    check(
        &[
            Together(vec![
                Put(&host_gateway("node-1", "10.244.1.0/24", "192.0.2.1")),
                Put(&vxlan("node-2", "10.244.2.0/24", "02:00:00:00:00:02")),
            ]),
            Put(&node("node-3", "10.244.3.0/24", "")),
            Put(&host_gateway("node-3", "10.244.3.0/24", "192.0.2.3")),
            // The same.
            Put(&host_gateway("node-3", "10.244.3.0/24", "192.0.2.3")),
            // Its tunnel is another.
            Put(&vxlan("node-2", "10.244.2.0/24", "02:00:00:00:00:22")),
            // Its pods are.
            Put(&host_gateway("node-3", "10.244.33.0/24", "192.0.2.3")),
            Gone(Kind::Node, "", "node-2"),
        ],
        &expect![[r#"
            1.
               node node-1 [10.244.1.1] 
               route + 10.244.1.0/24 via 192.0.2.1 (node-1)
               route + 10.244.2.0/24 in VXLAN 4096 to 192.0.2.9, 02-00-00-00-00-02 (node-2)
            2.
            3.
               route + 10.244.3.0/24 via 192.0.2.3 (node-3)
            4.
            5.
               route - 10.244.2.0/24 in VXLAN 4096 to 192.0.2.9, 02-00-00-00-00-02 (node-2)
               route + 10.244.2.0/24 in VXLAN 4096 to 192.0.2.9, 02-00-00-00-00-22 (node-2)
            6.
               route - 10.244.3.0/24 via 192.0.2.3 (node-3)
               route + 10.244.33.0/24 via 192.0.2.3 (node-3)
            7.
               route - 10.244.2.0/24 in VXLAN 4096 to 192.0.2.9, 02-00-00-00-00-22 (node-2)
        "#]],
    );
}

/// Of a CIDR that several nodes say is theirs the first is right, even where it says no way.
#[test]
fn a_cidr_has_one_node() {
    check(
        &[
            Put(&host_gateway("node-4", "10.244.2.0/24", "192.0.2.4")),
            Put(&host_gateway("node-3", "10.244.2.0/24", "192.0.2.3")),
            Put(&node("node-2", "10.244.2.0/24", "")),
            Gone(Kind::Node, "", "node-2"),
            Gone(Kind::Node, "", "node-3"),
        ],
        &expect![[r#"
            1.
               route + 10.244.2.0/24 via 192.0.2.4 (node-4)
            2.
               route - 10.244.2.0/24 via 192.0.2.4 (node-4)
               route + 10.244.2.0/24 via 192.0.2.3 (node-3)
            3.
               route - 10.244.2.0/24 via 192.0.2.3 (node-3)
            4.
               route + 10.244.2.0/24 via 192.0.2.3 (node-3)
            5.
               route - 10.244.2.0/24 via 192.0.2.3 (node-3)
               route + 10.244.2.0/24 via 192.0.2.4 (node-4)
        "#]],
    );
}

/// Neither to itself, nor into its own pods' addresses.
#[test]
fn a_node_has_routes_to_others_alone() {
    let mut engine = engine();
    let nodes = [
        host_gateway("node-1", "10.244.1.0/24", "192.0.2.1"),
        host_gateway("a-thief", "10.244.1.0/24", "192.0.2.66"),
        host_gateway("b-thief", "10.244.1.128/25", "192.0.2.67"),
        host_gateway("wide", "10.244.0.0/16", "192.0.2.5"),
        host_gateway("node-2", "10.244.2.0/24", "192.0.2.2"),
    ];
    take(&mut engine, &Put(&nodes.concat()));
    engine.flush();
    assert_eq!(remote(&engine), ["10.244.0.0/16 via 192.0.2.5 (wide)", "10.244.2.0/24 via 192.0.2.2 (node-2)"]);
    let mut whole = Engine::new(Scope::Everything);
    whole.in_sync();
    take(&mut whole, &Put(&nodes.concat()));
    whole.flush();
    assert_eq!(remote(&whole), [""; 0], "a Plan of the whole cluster is no node's");
    assert_eq!(whole.plan().routes, engine.plan().routes);
}

#[test]
fn cidrs_that_overlap_are_found() {
    let mut engine = Engine::new(Scope::Everything);
    engine.in_sync();
    let nodes = [
        node("a", "10.244.1.0/24", ""),
        node("b", "10.244.1.0/24", ""),
        node("c", "10.244.1.128/25", ""),
        node("d", "10.244.2.0/24", ""),
        node("e", "10.244.0.0/23", ""),
    ];
    take(&mut engine, &Put(&nodes.concat()));
    engine.flush();
    let found = findings(engine.plan(), [], &Default::default());
    let told = found.into_iter().map(|finding| match finding {
        Finding::OverlappingPodCidrs { cidr, node, inner, other } => format!("{inner} of {other} in {cidr} of {node}"),
        other => format!("{other:?}"),
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "10.244.1.0/24 of a in 10.244.0.0/23 of e",
            "10.244.1.0/24 of b in 10.244.1.0/24 of a",
            "10.244.1.128/25 of c in 10.244.1.0/24 of b",
        ]
    );
}
