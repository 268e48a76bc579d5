//! A Plan as nftables, on a real kernel.
//!
//! [`LinuxDriver`] keeps one table, `inet margay`, equal to a Plan; every change is one transaction. It lives beside the tables of others, and
//! [`cleanup`] removes every trace of it. This crate must never know of Windows, or of where a Plan comes from.
//!
//! ```text
//! hook forward ─ forward-from-pods ─ source address ─► stack-out4-… ─► tier-out4-… ─► pol-out4-…   what a pod may send
//!              └ forward-to-pods ─── destination ────► stack-in4-…  ─► tier-in4-…  ─► pol-in4-…    what it may be sent
//! hook input ─── input-from-pods ─── source address ─► stack-out4-… …                              what it may send its own node
//! hooks prerouting, input, output, forward ─ host-… ─ interface ─► stack-…                         host endpoints, stage by stage
//! ```
//!
//! - A pod is found by its address in a verdict map, whatever interface it is behind, and its stack's chain decides. What comes back undecided was
//!   overtaken by a change, and is dropped. Where interfaces are known ([`Options::interfaces`]), packets
//!   with a source address that is not of the pod behind the interface are dropped.
//! - Chains of policies are shared by all tiers and pods that have them; one for each family, so that a packet meets only rules that can match it.
//! - IP sets are sets of their own: a change of membership is a message about elements, and touches no rule.
//! - A transaction is in force whole or not at all, but for a packet that it overtakes: within a base chain, rules are of the generation in which the
//!   packet entered it, set elements of that in which they are looked up. Where one change is of both rules and members, such a packet may meet old
//!   rules and new members; with [`Options::cut_established`] a connection that it begins so ends at once.
//! - Local traffic of a node to its pods passes the output hook, where pods have no rules: probes of the kubelet always arrive.
//! - With [`Options::log_denied`] what is denied is told to an NFLOG group, with the rule that did it in its prefix: [`DeniedPackets`] reads it. With
//!   [`Options::count`] rules count first packets, and [`TableReader`] reads that. Neither is there unless it is asked for.
//! - [`Options::unknown_pods`]: a pod that runs before it is known has no policy yet. Its address is in the node's pod CIDR and no known pod's.
//!
//! ```no_run
//! use margay_dataplane::Driver;
//! use margay_linux::{LinuxDriver, Options};
//! let mut driver = LinuxDriver::new(Options::default())?;
//! driver.resync(&margay_policy::Plan::default(), None);
//! assert!(driver.events().iter().all(|event| matches!(event, margay_dataplane::Event::Applied { .. })));
//! # Ok::<(), margay_nftables::Error>(())
//! ```

mod attribution;
mod base;
mod chains;
mod cut;
mod denied;
mod driver;
mod figures;
mod members;
mod mirror;
mod names;
mod options;
mod readback;
mod render;
mod rule;
mod sink;
mod unknown;

pub use denied::{DeniedPackets, Read, read_header};
pub use driver::{LinuxDriver, cleanup, is_programmed};
pub use figures::{RuleHits, TableFigures, TableReader};
pub use options::{Options, UnknownPods};
pub use render::render;
