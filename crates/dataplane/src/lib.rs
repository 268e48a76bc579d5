//! The contract between a Plan and what enforces it.
//!
//! - [`Driver`]: what programs one data plane (nftables on Linux, HNS on Windows). It is told of every change of the Plan and reports, object by
//!   object, what came of it as [`Event`]s.
//! - [`Reconciler`]: stands between the engine and a driver. It decides when to try again, looks from time to time at what is really there, and
//!   knows of every endpoint whether its policy is in force.
//! - [`Recorder`]: a driver that only remembers, and checks that what it is told is in order; with faults to inject.
//! - [`LoggedPacket`]: a packet that a rule told of, in the words that every driver and every log of flows share.
//! - [`conformance`]: the suite that every driver runs.
//!
//! This crate must never know any one data plane. It has no async runtime, and no clock: time comes in from the caller.
//!
//! ```
//! use margay_dataplane::{Driver, Reconciler, Recorder};
//! use margay_policy::{Changes, Plan};
//! let mut reconciler = Reconciler::new(Recorder::default(), std::time::Instant::now());
//! reconciler.submit(&Plan::default(), &Changes { revision: 1, deltas: vec![] }, std::time::Instant::now());
//! assert!(reconciler.failing().next().is_none());
//! ```

pub mod conformance;
mod driver;
mod logged;
mod reconciler;
mod recorder;

pub use driver::{Driver, Event, Object, Retry, touched};
pub use logged::{Header, LoggedPacket, Reason, Verdict};
pub use reconciler::{Metrics, Reconciler};
pub use recorder::{Recorder, State};
