//! The node agent: it keeps what is enforced on one node equal to what a source of resources says.
//!
//! ```text
//! Source ─► Engine (this node's part) ─► Plan ─► Reconciler ─► Driver
//!   ▲                                                │  ▲        │
//!   └─ its poll interval, Waker::source      Status ◄┘  └────────┴─ its time to try again or to look, Waker::driver
//! ```
//!
//! Its [`settings`] are one table, from which flags, environment, file and reference page are made.
//!
//! It only wires; what a policy means is the engine's, when to try again the reconciler's, how anything is programmed the driver's. This crate must
//! never know any one driver, nor what becomes of the [`Status`].
//!
//! - **One thread.** [`Agent::run`] sleeps until the source is to be asked, the reconciler has something to do, or another thread pokes it by a
//!   [`Waker`]: a notification of the data plane, a watch, a signal.
//! - **Nothing before all is known.** The driver hears nothing until the source is in sync: half a cluster would cut off the other half. What was in
//!   force before the start stays in force until then.
//! - **Stopping changes nothing.** What is in force stays in force, whether the agent is stopped or killed.
//! - No clock but [`Agent::run`]'s: each [`Agent::step`] is told what time it is, and looks at the clock only to tell an [`Observer`] what it took.
//!
//! ```
//! use margay_agent::{Agent, Options, Signals};
//! use margay_dataplane::Recorder;
//! use margay_datastore::Folder;
//! use std::time::{Duration, Instant};
//!
//! let source = Folder::of_text("web.yaml", "
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: web, namespace: shop}
//! spec: {nodeName: node-1}
//! status: {podIP: 10.0.0.1}
//! ");
//! let now = Instant::now();
//! let options = Options { node: "node-1".into(), poll: Duration::from_secs(1) };
//! let mut agent = Agent::new(options, source, Recorder::default(), now);
//! agent.step(Signals::default(), now);
//! let status = agent.status();
//! assert!(status.is_settled() && status.failing.is_empty());
//! assert_eq!(status.endpoints, 1);
//! ```

mod agent;
mod applied;
mod folder;
mod latency;
mod ledger;
mod observer;
pub mod settings;
mod status;
mod waits;
mod waker;

pub use agent::{Agent, Options};
pub use folder::Followed;
pub use latency::Latency;
pub use observer::Observer;
pub use status::{Applied, Drift, Failing, Progress, Status, Unsupported};
pub use waker::{Signals, Waker};
