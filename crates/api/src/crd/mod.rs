//! CustomResourceDefinitions: the kinds of `projectcalico.org/v3`, as Calico spells them, and Margay's own of `margay.io/v1alpha1`.
//!
//! What the API server refuses is what the reader of this crate refuses, as far as a schema or a rule of CEL can say it; it never refuses what the reader takes
//! without a word, but where [`STRICTER`] says so. Names, bounds and words are the reader's own constants.
//!
//! Schemas are structural (apiextensions.k8s.io/v1): no references, a type for every value. Every list and text that a rule of CEL looks at has a bound, since the
//! API server reckons what a rule may cost at most and refuses the whole definition beyond.
//!
//! ```
//! use margay_api::crd::{Group, definitions};
//!
//! let policy = &definitions(Group::Calico)[0];
//! assert_eq!(policy["metadata"]["name"], "networkpolicies.projectcalico.org");
//! assert_eq!(policy["spec"]["versions"][0]["name"], "v3");
//! ```

mod admission;
mod calico;
mod definition;
mod kubernetes;
mod labelled;
mod margay;
mod pattern;
mod rule;
mod schema;

pub use admission::admission_policies;

use serde_json::Value;

/// The label on everything that Margay installs, and its value.
pub const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "margay");

/// Whose kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `projectcalico.org/v3`.
    Calico,
    /// `margay.io/v1alpha1`.
    Margay,
}

/// The definitions of a group's kinds, each an object of `apiextensions.k8s.io/v1`.
pub fn definitions(group: Group) -> Vec<Value> {
    match group {
        Group::Calico => [calico::definitions(), kubernetes::definitions(), labelled::definitions()].concat(),
        Group::Margay => margay::definitions(),
    }
}

/// What the API server refuses although the reader takes it: why, in words for the documentation.
pub const STRICTER: &[&str] = &[
    "A field that is null (but for the rules, peers and ports of a StagedKubernetesNetworkPolicy): leave it out.",
    "A selector of more than 4,096 characters.",
    "Ports, ICMP or HTTP beside a protocol whose name is in a mix of cases that nobody writes (`tCp`): `TCP`, `tcp` and `Tcp` will do.",
    "IPv4 written as IPv6 (`::ffff:10.0.0.1`) beside IPv4 in one rule.",
    "Something else than text in fields of a rule that have no effect: its `metadata`, what its `http` matches.",
    "A tier `default`, `kube-admin` or `kube-baseline` with another order or default action than it always has: the reader only warns, since it changes nothing.",
    "A StagedKubernetesNetworkPolicy of more than 256 rules in a direction, or 1,024 peers or ports in a rule.",
    "More rules, nets or ports than the reader has a bound for: the reader tells, and reads them.",
    "`global(` within a quoted value of a selector that may not have it.",
];

/// What the reader refuses, and the API server can't: `margay validate` and the admission webhook tell.
pub const NOT_EXPRESSIBLE: &[&str] = &[
    "A selector that can't be parsed.",
    "An IPv6 address with the right characters in the wrong order.",
    "IPv4 written as IPv6 beside IPv6 in one rule.",
    "`global()` beside other conditions in a namespaceSelector.",
    "Blocks of `except` that are no part of their `cidr`.",
    "A range of ports that ends before it starts.",
    "A field that does not exist: `kubectl` refuses it; other clients are warned, and the field is dropped.",
    "The syntax of labels in `labelsToApply` and in label selectors.",
];

#[cfg(test)]
mod tests;
