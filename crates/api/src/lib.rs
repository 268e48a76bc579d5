//! Resources as users write them: the kinds that carry policy, or that policy speaks of.
//!
//! This crate owns the shape of every kind Margay reads (Kubernetes, `policy.networking.k8s.io`, `projectcalico.org/v3` and its stored
//! spelling `crd.projectcalico.org/v1`), their defaults, and their validation: every error of an object, with the file, the line, the path
//! in it and the rule it breaks. It must never know what a policy *means*: that is `margay-policy` (and, independently, `margay-spec`).
//!
//! Values are parsed at the leaves (a selector is a [`Selector`], a net a [`Prefix`]) and otherwise stay as written: nothing here merges,
//! resolves or interprets. A rule that can't be read stays in its place as [`Readable::Unreadable`], since leaving it out would change what
//! the rules after it mean.
//!
//! ```
//! use margay_api::{Action, Object, Readable, read};
//!
//! let decoded = &read("
//! apiVersion: projectcalico.org/v3
//! kind: GlobalNetworkPolicy
//! metadata: {name: web}
//! spec:
//!   selector: app == 'web'
//!   ingress:
//!   - {action: Deny, source: {notSelectr: app == 'client'}}
//!   - {action: Allow, protocol: TCP, destination: {ports: [443]}}
//! ", "web.yaml")[0];
//!
//! let Some(Object::CalicoPolicy(policy)) = &decoded.object else { panic!() };
//! assert_eq!(policy.ingress[0], Readable::Unreadable(Some(Action::Deny)));
//! assert!(matches!(policy.ingress[1], Readable::Rule(_)));
//!
//! let problem = &decoded.problems[0];
//! assert_eq!(problem.path, "spec.ingress[0].source.notSelectr");
//! assert_eq!(problem.help, "did you mean `notSelector`?");
//! assert_eq!((&*problem.file, problem.span.start.line), ("web.yaml", 8));
//! assert_eq!(decoded.place.ingress[1].first, 9);
//! ```
//!
//! # What is read
//!
//! | kinds | `apiVersion` |
//! |---|---|
//! | Namespace, ServiceAccount, Node, Pod, Service | `v1` |
//! | EndpointSlice | `discovery.k8s.io/v1` |
//! | NetworkPolicy | `networking.k8s.io/v1` |
//! | ClusterNetworkPolicy | `policy.networking.k8s.io/v1alpha2`, `…/v1beta1` (of the same shape) |
//! | AdminNetworkPolicy, BaselineAdminNetworkPolicy | `policy.networking.k8s.io/v1alpha1` |
//! | Tier, NetworkPolicy, GlobalNetworkPolicy, their staged forms, StagedKubernetesNetworkPolicy, NetworkSet, GlobalNetworkSet, Profile, HostEndpoint | `projectcalico.org/v3`, and `crd.projectcalico.org/v1`, which it is stored as |
//!
//! Lists of these stand for their items. Other kinds are left out without a word; a kind that is read, in a version that isn't, with a
//! warning. A namespaced object without a namespace is in `default`.
//!
//! One policy has one [`Key`], in both of Calico's spellings: from the stored one come the name and the labels that the annotation
//! `projectcalico.org/metadata` keeps; without a name there, the `default.` that policies of the tier `default` are stored with is cut off.
//! In the v3 spelling names stay as they are written, tier prefix and all.
//!
//! # What can't be read
//!
//! | an error in | makes of it |
//! |---|---|
//! | a rule: any field or value in it, a field that it may not have, a key written twice | the rule is [`Readable::Unreadable`], with its action if that could be read |
//! | a list of rules that is no list | one unreadable rule |
//! | what a policy selects, its types, tier, order, priority, stage or staged action | no object: the last valid value stays in force |
//! | labels that are no strings, of a kind that policy selects by labels | no object |
//! | a net of a network set, any field of a host endpoint or a tier | no object |
//! | an address or a named port of a pod, a node or a service | that one is left out |
//! | an annotation of a node that says how its pods are reached ([`Node::via`]) | there is no route to them, in that family |
//! | a name, or the syntax of a label, that the API server would refuse; too many rules | nothing: it is read as written |
//! | a field of a spec that is not known | nothing: a warning, with the nearest known field |
//!
//! Every error of an object is reported, with its [path](Problem::path) and its [place](Problem::span), and never more than 64 of one.

mod calico;
mod cluster;
mod core;
pub mod crd;
mod decode;
pub mod document;
mod key;
mod kubernetes;
mod problem;
mod read;
mod render;

pub use calico::*;
pub use cluster::*;
pub use core::*;
pub use decode::{Decoded, Lines, Place, decode, decode_as, suggestion};
pub use key::*;
pub use kubernetes::*;
pub use margay_net::{Family, Mac, Prefix, Protocol};
pub use margay_selector::Selector;
pub use problem::{Problem, Severity};
pub use read::{Written, each_written, read, read_each};
