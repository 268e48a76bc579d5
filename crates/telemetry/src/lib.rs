//! What is told of an agent: health and metrics over HTTP, denied flows as lines of JSON.
//!
//! ```text
//! Agent ─► Meter (an Observer, on its thread) ─► Telemetry ─► Server: /liveness  /readiness  /metrics
//!                              Platform (when it is asked) ──────┘
//! ```
//!
//! It owns how an agent's health is judged, what its metrics are called, and the small server of both. It must never know any one data plane: what a
//! [`Platform`] counts comes in as [`Figures`].
//!
//! - **Nobody who asks keeps the agent waiting.** The agent's thread writes a few numbers down; everything else is made on the thread of who asks. A client that
//!   is slow or silent has a few seconds, and of many the oldest is cut off.
//! - **A flow that is denied is told once**, then counted ([`flows`]); lines are bounded, and what is left out is said.
//! - **Live** is an agent whose loop turns: one that sleeps longer than it said, or works at one step for a minute, is not.
//! - **Ready** is an agent that has read its source in full, and whose data plane takes what it is told. One that is not ready says why in words.
//!
//! ```
//! use margay_agent::Observer;
//! use margay_telemetry::Telemetry;
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! let telemetry = Telemetry::new("node-1".into(), start);
//! assert_eq!(telemetry.ready(start).to_string(), "nothing is known yet: the agent has only just started");
//! let mut meter = telemetry.meter();
//! meter.sleeps(start + Duration::from_secs(1));
//! assert!(telemetry.live(start + Duration::from_secs(2)).is_ok());
//! assert!(!telemetry.live(start + Duration::from_secs(120)).is_ok());
//! assert!(telemetry.metrics(start).contains("margay_in_sync 0"));
//! ```

mod figures;
pub mod flows;
mod health;
mod meter;
mod metrics;
mod pages;
mod server;

pub use figures::{Calls, Figures, Platform, RuleCount};
pub use health::Health;
pub use meter::{Meter, Telemetry};
pub use pages::{Answer, health_page, metrics_page};
pub use server::Server;
