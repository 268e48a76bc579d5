//! `StagedKubernetesNetworkPolicy`: a NetworkPolicy of Kubernetes that is tried.

use super::calico::{V3, staged_action, status, types};
use super::definition::Definition;
use super::pattern;
use super::schema::Schema;
use crate::Kind;
use serde_json::{Value, json};

/// Bounds of the lists that rules of CEL look through. Kubernetes has none, and no policy of people comes near.
const MOST_RULES: usize = 256;
const MOST_ENTRIES: usize = 1024;

pub(super) fn definitions() -> Vec<Value> {
    let definition = Definition {
        api_version: V3,
        kind: Kind::StagedKubernetesNetworkPolicy.name(),
        plural: "stagedkubernetesnetworkpolicies",
        short_names: &["sknp"],
        namespaced: true,
        about: "A NetworkPolicy of Kubernetes that is tried and not enforced.",
        columns: vec![("Action", "string", ".spec.stagedAction")],
        has_status: true,
    };
    let spec = Schema::object([
        ("podSelector", "The pods that it applies to; left out or empty, all of the namespace.", label_selector()),
        (
            "policyTypes",
            "Ingress, Egress or both; left out, Ingress and, where there are egress rules, Egress.",
            types(),
        ),
        ("ingress", "What may reach the pods.", rules("from")),
        ("egress", "What the pods may reach.", rules("to")),
        staged_action(),
    ]);
    vec![definition.with([("spec", "As that of a NetworkPolicy.", spec), status()])]
}

fn rules(peers: &'static str) -> Schema {
    Schema::list(Schema::object([
        (peers, "Who; left out or empty, everyone.", Schema::list(peer()).most(MOST_ENTRIES).or_null()),
        (
            "ports",
            "Which ports; left out or empty, every port of every protocol.",
            Schema::list(port()).most(MOST_ENTRIES).or_null(),
        ),
    ]))
    .most(MOST_RULES)
    .or_null()
}

fn peer() -> Schema {
    let block = || Schema::text().longest(pattern::LONGEST_NET).pattern(&pattern::block());
    let ip_block = Schema::object([
        ("cidr", "The block.", block()),
        ("except", "Blocks within it that are left out.", Schema::list(block())),
    ]);
    Schema::object([
        ("podSelector", "Pods by their labels.", label_selector()),
        ("namespaceSelector", "Namespaces by their labels; left out, the policy's own.", label_selector()),
        ("ipBlock", "Addresses.", ip_block.need(&["cidr"])),
    ])
    .check(
        "has(self.podSelector) || has(self.namespaceSelector) || has(self.ipBlock)",
        "a peer needs a podSelector, a namespaceSelector or an ipBlock",
    )
    .check(
        "!has(self.ipBlock) || !has(self.podSelector) && !has(self.namespaceSelector)",
        "ipBlock can't stand beside podSelector or namespaceSelector: make it a peer of its own",
    )
}

fn port() -> Schema {
    let port = Schema::integer_or_text(1..=65535, &pattern::port_name()).longest(15);
    Schema::object([
        ("protocol", "TCP where left out.", Schema::word(["TCP", "UDP", "SCTP"])),
        ("port", "A number, or the name of a port of the pod; left out, every port.", port),
        ("endPort", "Makes it the range from port to this.", Schema::integer(1..=65535)),
    ])
    .check("!has(self.endPort) || has(self.port)", "endPort needs a port, which the range starts with")
    .check(
        "!has(self.endPort) || !has(self.port) || type(self.port) == int && self.endPort >= self.port",
        "endPort needs a number as its port, no greater than itself",
    )
}

fn label_selector() -> Schema {
    let requirement = Schema::object([
        ("key", "The key of a label.", Schema::text()),
        ("operator", "How its value is compared.", Schema::word(["In", "NotIn", "Exists", "DoesNotExist"])),
        (
            "values",
            "With what: at least one for In and NotIn, none for Exists and DoesNotExist.",
            Schema::list(Schema::text()),
        ),
    ]);
    // No rule of CEL: in selectors of peers of rules it would run too often to be let.
    let requirement = requirement.need(&["key", "operator"]).any_of(json!([
        {"properties": {"operator": {"enum": ["In", "NotIn"]}, "values": {"minItems": 1}}, "required": ["values"]},
        {"properties": {"operator": {"enum": ["Exists", "DoesNotExist"]}, "values": {"maxItems": 0}}},
    ]));
    Schema::object([
        ("matchLabels", "Labels, all of which there are.", Schema::texts_by_name()),
        ("matchExpressions", "Conditions, all of which hold.", Schema::list(requirement)),
    ])
}
