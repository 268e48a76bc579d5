//! The controller: one in a cluster acts, and tells of each policy what all nodes make of it.
//!
//! ```text
//! NodeReports, Nodes, policies ─► Fold ─► conditions ─► status of the policy, or PolicyStatus / ClusterPolicyStatus
//! AdmissionReview ─► review ─► errors refuse, warnings are said          Lease ─► Election: which of several acts
//! ```
//!
//! This crate must never know how policy is enforced, and nothing that enforces waits for it: without it policy is in force all the same, and only its status is old.
//!
//! - **The parts that decide are values**: [`Fold`], [`status`], [`Election`] and [`review`] have no I/O and no clock.
//! - **A report costs what it differs from the one before**, and a policy's status is written where it differs from what is there, never else.
//! - **What was written is not remembered**: a controller that starts reads what is there, and writes the differences.
//!
//! ```
//! use margay_api::{Key, Kind};
//! use margay_controller::{Fold, status};
//! use margay_report::{NodeReport, PolicyReport, PolicyState};
//!
//! let web = Key { kind: Kind::NetworkPolicy, namespace: "shop".into(), name: "web".into() };
//! let on = |os: &str, state| NodeReport {
//!     os: os.into(),
//!     in_sync: true,
//!     policies: vec![PolicyReport {
//!         group: "networking.k8s.io".into(),
//!         kind: "NetworkPolicy".into(),
//!         namespace: "shop".into(),
//!         name: "web".into(),
//!         generation: 2,
//!         state,
//!         ..PolicyReport::default()
//!     }],
//!     ..NodeReport::default()
//! };
//! let mut fold = Fold::default();
//! fold.report("a", Some(&on("linux", PolicyState::Realized)));
//! fold.report("b", Some(&on("windows", PolicyState::Pending)));
//! assert_eq!(fold.take_dirty().into_iter().collect::<Vec<_>>(), [web.clone()]);
//! let status = status(&fold, &web, 2, &[]);
//! assert_eq!(status.nodes, "linux 1/1, windows 0/1");
//! assert_eq!(status.conditions[1].message, "b is behind; linux 1/1, windows 0/1");
//! ```

mod admission;
mod certificate;
mod conditions;
mod controller;
mod election;
mod fold;
mod follow;
mod lease;
mod notices;
mod statuses;
mod webhook;

pub use admission::review;
pub use certificate::{Certificate, CertificateError};
pub use conditions::{TYPES, settled, status};
pub use controller::{Controller, Options};
pub use election::{Election, HOLD, LEASE, Lease, RETRY};
pub use fold::{Fold, Heard, OnNode, kind_of};
pub use webhook::{Webhook, WebhookError};
