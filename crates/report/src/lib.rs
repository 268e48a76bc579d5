//! What the cluster is told: how each node is doing, how each policy is, and what a person should look at.
//!
//! This crate owns the kinds of `margay.io/v1alpha1` that carry status, the Events of `events.k8s.io/v1`, and the thread by which a node's agent writes its own. It must never know
//! what a policy means, nor decide anything: an agent that can't tell anyone enforces all the same.
//!
//! ```text
//! Status of the agent ─► Reporter ─► NodeReport, one object for each node      ─► the controller folds them ─► PolicyStatus, conditions
//!                            └─────► Events about pods and the node
//! ```
//!
//! - **Nothing is waited for.** [`Reporter::tell`] leaves the newest status and returns; what was not written yet is replaced by it.
//! - **Nothing is written where nothing changed**, and at most about once in ten seconds where something does ([`Pace`]).
//! - **Everything is bounded**: a report fits into an object whatever is wrong on the node, and Events are folded into series and limited ([`Journal`]).
//!
//! ```
//! use margay_report::{Condition, PolicyRef, status_name};
//! use margay_api::Kind;
//!
//! assert_eq!(status_name(Kind::CalicoNetworkPolicy, "web"), "caliconetworkpolicy.web");
//! let policy = PolicyRef::of(Kind::CalicoNetworkPolicy, "web", 3);
//! assert_eq!((policy.group.as_str(), policy.kind.as_str()), ("projectcalico.org", "NetworkPolicy"));
//! ```

mod clock;
mod journal;
mod kinds;
mod node;
mod notices;
mod pace;
mod reporter;

pub use clock::Clock;
pub use journal::{Journal, Notice, Posting, Regarding};
pub use kinds::*;
pub use node::{Identity, Os, report_of};
pub use notices::Notices;
pub use pace::Pace;
pub use reporter::Reporter;
