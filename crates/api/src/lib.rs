//! Resources as users write them: the kinds that carry policy, or that policy speaks of.
//!
//! This crate owns the shape of every kind Margay reads (Kubernetes, `policy.networking.k8s.io`, `projectcalico.org/v3` and its stored
//! spelling `crd.projectcalico.org/v1`), their defaults, and their validation: every error of an object, with the file, the line, the path
//! in it and the rule it breaks. It must never know what a policy *means*: that is `margay-policy` (and, independently, `margay-spec`).
//!
//! Values are parsed at the leaves (a selector is a [`Selector`], a net a [`Prefix`]) and otherwise stay as written: nothing here merges,
//! resolves or interprets. A rule that can't be read stays in its place as [`Readable::Unreadable`], since leaving it out would change what
//! the rules after it mean.

mod calico;
mod cluster;
mod core;
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
pub use decode::{Decoded, Lines, Place, decode};
pub use key::*;
pub use kubernetes::*;
pub use margay_net::{Family, Prefix, Protocol};
pub use margay_selector::Selector;
pub use problem::{Problem, Severity};
pub use read::{read, read_each};
