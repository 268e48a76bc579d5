//! Random clusters, policies and flows for property tests.
//!
//! This crate owns what a case may look like: every kind that Margay reads and every field of it, drawn from alphabets so small that what one
//! resource says meets what another one is, and flows drawn from what the resources name. A [`Cluster`] is JSON documents as `kubectl` would
//! print them, so that every case goes through the real decoder, can be written into a folder and fed to any command or to the lab. It must
//! never know what a policy means: whether a case is allowed is for the oracle, [`margay_spec`], to say.
//!
//! | | |
//! |---|---|
//! | [`strategy`] | a [`Case`]: a cluster, and flows |
//! | [`updates`] | a [`History`]: a cluster, what becomes of it step by step, and flows |
//! | [`Shape`] | how large and odd; `Shape::lab()` for cases that network namespaces can act out |
//! | [`Coverage`] | what the cases contained, and which of the expected features never came |
//!
//! ```
//! use margay_generator::{Shape, strategy};
//! use margay_spec::{Settings, World};
//! use proptest::prelude::*;
//!
//! proptest!(ProptestConfig::with_cases(8), |(case in strategy(Shape::default()))| {
//!     let world = World::new(&case.cluster.objects(), Settings::default());
//!     for flow in &case.flows {
//!         let verdict = world.verdict(flow);
//!         prop_assert!(!verdict.allow || verdict.egress.is_none_or(|end| end.allow), "{flow}\n{}", case.cluster);
//!     }
//! });
//! ```

mod address;
mod alphabet;
mod calico_policy;
mod calico_rule;
mod case;
mod cluster;
mod cluster_policy;
mod coverage;
mod document;
mod features;
mod flow;
mod infrastructure;
mod json;
mod network;
mod network_policy;
mod points;
mod port;
mod selector;
mod service;
mod shape;
mod staged;
mod update;
mod workload;

pub use case::{Case, History, strategy, updates};
pub use cluster::{Change, Cluster, decode};
pub use coverage::Coverage;
pub use document::Document;
pub use shape::Shape;
