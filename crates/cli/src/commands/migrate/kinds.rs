//! Kinds of Calico that Margay does not read.

use super::{Difference, Effect, Subject};
use margay_api::document::{Node, Value};

const ADDRESSES: &str = "addresses of pods are given by Calico's network plugin, which is not replaced: leave it, or move to another plugin first";
const ROUTES: &str = "routes are exchanged by calico-node, which is not replaced on Linux: leave it, or move to another network plugin first";

pub(super) fn differences(subject: &Subject<'_>, kind: &str) -> Vec<Difference> {
    match kind {
        "IPPool" => pool(subject),
        "IPReservation" | "IPAMConfig" | "IPAMConfiguration" | "IPAMBlock" | "IPAMHandle" | "BlockAffinity" => {
            vec![subject.whole(Effect::Stays, ADDRESSES)]
        }
        "BGPConfiguration" | "BGPPeer" | "BGPFilter" | "CalicoNodeStatus" => {
            vec![subject.whole(Effect::Stays, ROUTES)]
        }
        "KubeControllersConfiguration" => controllers(subject),
        "Installation" => installation(subject),
        "ClusterInformation" | "WorkloadEndpoint" | "APIServer" | "TigeraStatus" => {
            vec![subject.whole(
                Effect::Idle,
                "is Calico's own knowledge of the cluster, which Margay takes from Pods and Nodes",
            )]
        }
        _ => vec![subject.whole(Effect::Ends, format!("{kind} is not read: what Calico does by it is not done"))],
    }
}

fn text<'a>(subject: &'a Subject<'_>, path: &[&str]) -> Option<&'a Node> {
    subject.field(path).filter(|node| node.as_text().is_some_and(|text| !text.is_empty()))
}

/// A pool's addresses are the plugin's; its tunnels and its masquerading are Felix'.
fn pool(subject: &Subject<'_>) -> Vec<Difference> {
    let mut found = vec![subject.whole(Effect::Stays, ADDRESSES)];
    for (field, tunnel) in [("ipipMode", "IPIP"), ("vxlanMode", "VXLAN")] {
        if let Some(mode) = text(subject, &["spec", field]).filter(|mode| mode.as_text() != Some("Never")) {
            let text = format!(
                "{tunnel} tunnels and the routes into them are made by Felix: without it pods of other Linux nodes can't be reached"
            );
            found.push(subject.difference(Effect::Ends, mode.span.start.line, format!("spec.{field}"), text));
        }
    }
    if let Some(nat) = subject.field(&["spec", "natOutgoing"]).filter(|node| node.value == Value::Bool(true)) {
        let text = "what pods send out of the cluster is masqueraded by Felix: without it answers don't come back";
        found.push(subject.difference(Effect::Ends, nat.span.start.line, "spec.natOutgoing", text));
    }
    found
}

fn controllers(subject: &Subject<'_>) -> Vec<Difference> {
    let path = ["spec", "controllers", "node", "hostEndpoint", "autoCreate"];
    match subject.field(&path).filter(|node| node.as_text() == Some("Enabled")) {
        Some(node) => vec![subject.difference(
            Effect::Stays,
            node.span.start.line,
            path.join("."),
            "HostEndpoints are made for every node by calico-kube-controllers, and only while it runs: leave it, or write them yourself",
        )],
        None => vec![subject.whole(Effect::Stays, "calico-kube-controllers is not replaced: it frees addresses of pods that are gone")],
    }
}

fn installation(subject: &Subject<'_>) -> Vec<Difference> {
    let mut found = vec![subject.whole(
        Effect::Stays,
        "Calico's operator makes anew what is taken from Calico: remove its Installation first, not the DaemonSet",
    )];
    let path = ["spec", "calicoNetwork", "linuxDataplane"];
    if let Some(node) = text(subject, &path).filter(|node| node.as_text() == Some("BPF")) {
        let text = super::felix::EBPF;
        found.push(subject.difference(Effect::Ends, node.span.start.line, path.join("."), text));
    }
    found
}
