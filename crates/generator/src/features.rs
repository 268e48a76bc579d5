//! What every long run should show at least once.

/// The features, in the words of [`Coverage`](crate::Coverage).
pub(crate) fn features() -> Vec<String> {
    let mut features: Vec<String> = PLAIN.iter().map(|feature| (*feature).to_owned()).collect();
    let mut add = |kind: &str, paths: &[&str]| features.extend(paths.iter().map(|path| format!("{kind}.{path}")));
    for kind in ["NetworkPolicy", "StagedKubernetesNetworkPolicy"] {
        add(kind, KUBERNETES_SPEC);
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            add(&format!("{kind}.spec.{direction}"), &["ports", "ports.port", "ports.protocol", peers]);
            add(&format!("{kind}.spec.{direction}.{peers}"), KUBERNETES_PEER);
        }
    }
    for kind in ["ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"] {
        let is_cluster = kind == "ClusterNetworkPolicy";
        add(kind, &["spec.subject.namespaces", "spec.subject.pods.namespaceSelector", "spec.subject.pods.podSelector"]);
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            let direction = format!("{kind}.spec.{direction}");
            add(&direction, if is_cluster { CLUSTER_PORTS } else { ADMIN_PORTS });
            add(&direction, &["action=Deny", if is_cluster { "action=Accept" } else { "action=Allow" }]);
            add(&format!("{direction}.{peers}"), &["namespaces", "pods.namespaceSelector", "pods.podSelector"]);
        }
        add(&format!("{kind}.spec.egress.to"), &["networks", "nodes"]);
    }
    for kind in ["CalicoNetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"] {
        add(kind, CALICO_SPEC);
    }
    for kind in ["CalicoNetworkPolicy", "GlobalNetworkPolicy"] {
        add(kind, &["spec.serviceAccountSelector", "spec.ingress.source.services", "spec.egress.destination.services"]);
    }
    for kind in ["CalicoNetworkPolicy", "GlobalNetworkPolicy", "Profile"] {
        for direction in ["ingress", "egress"] {
            add(&format!("{kind}.spec.{direction}"), CALICO_RULE);
            for entity in ["source", "destination"] {
                add(&format!("{kind}.spec.{direction}.{entity}"), CALICO_ENTITY);
            }
        }
    }
    for kind in ["StagedKubernetesNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"] {
        add(kind, &["spec.stagedAction=Set", "spec.stagedAction=Delete"]);
    }
    features
}

const KUBERNETES_SPEC: &[&str] = &["spec.podSelector", "spec.policyTypes=Ingress", "spec.policyTypes=Egress"];
const KUBERNETES_PEER: &[&str] = &["podSelector", "namespaceSelector", "ipBlock.cidr", "ipBlock.except"];
const CLUSTER_PORTS: &[&str] = &[
    "action=Pass",
    "protocols.tcp.destinationPort.number",
    "protocols.udp.destinationPort.range.start",
    "protocols.sctp",
    "protocols.destinationNamedPort",
];
const ADMIN_PORTS: &[&str] = &["ports.portNumber.port", "ports.portRange.end", "ports.namedPort"];
const CALICO_SPEC: &[&str] = &[
    "spec.tier=default",
    "spec.tier=security",
    "spec.order",
    "spec.selector",
    "spec.types=Ingress",
    "spec.types=Egress",
    "spec.ingress",
    "spec.egress",
];
const CALICO_RULE: &[&str] = &[
    "action=Allow",
    "action=Deny",
    "action=Log",
    "action=Pass",
    "ipVersion=4",
    "ipVersion=6",
    "protocol=TCP",
    "protocol=UDP",
    "protocol=SCTP",
    "protocol=ICMP",
    "protocol=ICMPv6",
    "notProtocol",
    "icmp.type",
    "icmp.code",
    "notICMP.type",
    "notICMP.code",
];
const CALICO_ENTITY: &[&str] = &[
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "ports",
    "notPorts",
    "serviceAccounts.names",
    "serviceAccounts.selector",
];
const PLAIN: &[&str] = &[
    "Namespace",
    "ServiceAccount",
    "Node.metadata.annotations",
    "Node.spec.podCIDRs",
    "Pod.metadata.creationTimestamp",
    "Pod.spec.hostNetwork",
    "Pod.spec.initContainers.ports",
    "Pod.spec.containers.ports.protocol=SCTP",
    "Pod.spec.serviceAccountName",
    "Pod.status.podIP",
    "Pod.status.podIPs",
    "Pod.status.phase=Succeeded",
    "Pod.status.phase=Failed",
    "Service.spec.externalIPs",
    "EndpointSlice.endpoints.addresses",
    "EndpointSlice.endpoints.conditions",
    "EndpointSlice.ports.port",
    "EndpointSlice.ports=null",
    "Tier.spec.order",
    "Tier.spec.defaultAction=Pass",
    "Tier.spec.defaultAction=Deny",
    "NetworkSet.spec.nets",
    "GlobalNetworkSet.spec.nets",
    "Profile.spec.labelsToApply",
    "HostEndpoint.spec.interfaceName=*",
    "HostEndpoint.spec.interfaceName=eth0",
    "HostEndpoint.spec.expectedIPs",
    "HostEndpoint.spec.profiles",
    "HostEndpoint.spec.ports.protocol=TCP",
    "NetworkPolicy.spec.ingress=null",
    "NetworkPolicy.spec.ingress.from=null",
    "NetworkPolicy.spec.ingress.ports=null",
    "ClusterNetworkPolicy.spec.tier=Admin",
    "ClusterNetworkPolicy.spec.tier=Baseline",
    "ClusterNetworkPolicy.spec.priority",
    "ClusterNetworkPolicy.spec.egress.to.domainNames",
    "AdminNetworkPolicy.spec.ingress.action=Pass",
    "CalicoNetworkPolicy.spec.tier=nowhere",
    "NetworkPolicy.spec.ingress.ports.endPort",
    "NetworkPolicy.spec.egress.ports.endPort",
    "*.http",
    "*.notSelectr",
    "*.action=Maybe",
    "*.protocol=QUIC",
    "*.protocol=UDPLite",
    "*.protocol=47",
    "*.stagedAction=Learn",
    "*.stagedAction=Ignore",
    "GlobalNetworkPolicy.spec.namespaceSelector",
    "GlobalNetworkPolicy.spec.applyOnForward",
    "GlobalNetworkPolicy.spec.preDNAT",
    "GlobalNetworkPolicy.spec.doNotTrack",
    "selector ==",
    "selector !=",
    "selector in {",
    "selector not in {",
    "selector contains",
    "selector starts with",
    "selector ends with",
    "selector has(",
    "selector !has(",
    "selector all()",
    "selector global()",
    "selector &&",
    "selector ||",
    "selector ! (",
    "flow IPv4",
    "flow IPv6",
    "flow TCP",
    "flow UDP",
    "flow SCTP",
    "flow ICMP",
    "flow ICMPv6",
    "flow UDPLite",
    "flow 47",
    "egress allow by rule",
    "egress deny by rule",
    "egress deny by tier default",
    "egress allow by profile",
    "egress deny: no profile",
    "egress allow: neighbour discovery",
    "ingress allow by rule",
    "ingress deny by rule",
    "ingress deny by tier default",
    "ingress allow by profile",
    "ingress deny: no profile",
    "ingress allow: a pod to itself",
    "ingress allow: from the pod's own node",
    "host allow by rule",
    "host deny by rule",
    "host deny by tier default",
    "host allow by profile",
    "host deny by profile",
    "host deny: no profile",
    "host allow: forwarded",
    "host allow: a failsafe port",
];
