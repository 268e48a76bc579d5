//! What a policy means: the model every later room shares, the Plan, and the one verdict.
//!
//! - [`convert`] turns resources of `margay-api` into the model: a [`Policy`] of [`Rule`]s that refer to IP sets by what they hold ([`SetKey`]).
//! - The engine resolves those to a [`Plan`]: what one node (or, for offline commands, the whole cluster) should enforce, changed by [`Changes`].
//! - [`verdict`] says what a Plan does with a [`Flow`]. `explain`, `matrix`, the flow log and the user interface all ask it; drivers reproduce it.
//!
//! This crate must never know how anything is programmed. It has no I/O, no clock, no locks.
//!
//! A Plan speaks of four kinds of object, each with a small integer id inside this process and a [`Name`] that is the same in every process:
//!
//! | object | is |
//! |---|---|
//! | [`IpSet`] | addresses, prefixes or (address, protocol, port), named by what selects them |
//! | [`PlanPolicy`] | the rules of one policy, their set references resolved |
//! | [`Stack`] | an ordered list of tiers of policies; shared by every endpoint that has the same |
//! | [`Endpoint`] | a pod or host endpoint: its addresses and its stacks |
//!
//! Beside them are the nodes in scope, and the [`Route`]s to the pods of every node, by their destination.
//!
//! ```
//! use margay_policy::{Flow, Plan, verdict};
//! let flow = Flow::new("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), margay_net::Protocol::TCP).port(80);
//! let v = verdict(&Plan::default(), &flow);
//! assert!(v.allow && v.egress.is_none(), "an empty plan knows no endpoint, and so decides nothing");
//! ```

mod changes;
pub mod convert;
mod endpoint;
mod findings;
mod flow;
mod ids;
mod plan;
mod route;
mod rule;
mod set;
mod stack;
mod trace;
mod verdict;

pub use changes::{Changes, Delta};
pub use endpoint::{Endpoint, EndpointStacks, NodeInfo};
pub use findings::{Finding, findings};
pub use flow::{Direction, Flow};
pub use ids::{EndpointId, Name, PolicyId, SetId, StackId, Store};
pub use margay_api::{Action, IcmpMatch, Key, Kind, NamedPort, StagedAction, Via, Vtep};
pub use plan::{Dump, Layer, Plan, Settings, ToHost};
pub use route::Route;
pub use rule::{AnyOf, AnyPort, PlanPolicy, PlanRule, Policy, Rule, RuleId, Side, Stage, Subject};
pub use set::{IpSet, Member, MemberKind, Members, Population, Prefixes, SetKey, SetOf};
pub use stack::{End, Stack, TierEnd, TierSlice};
pub use trace::{Closest, Explanation, Mismatch, Step, explain};
pub use verdict::{Always, Cause, Decision, HostDecision, Verdict, decision_at, verdict, verdict_in};
