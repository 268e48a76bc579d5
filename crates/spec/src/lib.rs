//! What a policy means, written down as plainly as it can be: the oracle of every property test.
//!
//! This crate owns one thing: the verdict of a flow straight from the resources, rule by rule, in the words of `docs/semantics.md`,
//! whose numbered decisions stand in the comments. It is meant to be read beside that page. It has no index and no set of addresses, and
//! it must never know the conversion, the Plan or the engine: it can't share their mistakes.
//!
//! | file | decisions |
//! |---|---|
//! | `labels` | 1 to 3, 5: what selectors see |
//! | `thing` | 1 to 4, 8: pods, host endpoints, network sets, and which addresses are whose |
//! | `policy` | 6, 7, 9, 10, 24: which policies there are, in which order, and whom they select |
//! | `rule` | 4, 11 to 16: what a rule matches |
//! | `walk` | 10, 15, 17: tiers, then profiles |
//! | `host` | 20, 22, 23: host endpoints |
//! | `world` | 18, 19, 21: the way of a packet |
//!
//! ```
//! use margay_api::{Key, Kind, Meta, Namespace, Object, Pod};
//! use margay_spec::{Flow, Settings, World};
//!
//! let meta = |kind, namespace: &str, name: &str| Meta {
//!     key: Key { kind, namespace: namespace.into(), name: name.into() },
//!     labels: vec![],
//!     created: None,
//!     generation: 0,
//! };
//! let pod = |name, address: &str| {
//!     Object::Pod(Pod {
//!         meta: meta(Kind::Pod, "shop", name),
//!         node: "node-1".into(),
//!         host_network: false,
//!         service_account: "default".into(),
//!         addresses: vec![address.parse().unwrap()],
//!         terminal: false,
//!         ports: vec![],
//!     })
//! };
//! let shop = Object::Namespace(Namespace { meta: meta(Kind::Namespace, "", "shop") });
//! let flow = Flow::tcp("10.0.0.1".parse()?, "10.0.0.2".parse()?, 80);
//!
//! // Without any policy the namespace's profile allows; without the namespace there is none.
//! let pods = [pod("web", "10.0.0.1"), pod("db", "10.0.0.2")];
//! assert!(!World::new(&pods, Settings::default()).verdict(&flow).allow);
//! let objects: Vec<Object> = pods.into_iter().chain([shop]).collect();
//! assert!(World::new(&objects, Settings::default()).verdict(&flow).allow);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod flow;
mod host;
mod labels;
mod policy;
mod rule;
mod thing;
mod verdict;
mod walk;
mod world;

pub use flow::{Direction, Flow};
pub use verdict::{Always, Attribution, End, HostEnd, Verdict};
pub use world::{EndpointToHost, Settings, World};
