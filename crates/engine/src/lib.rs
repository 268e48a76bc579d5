//! The incremental engine: from updates of resources to a [`Plan`], and from each further update to what changed in it.
//!
//! It owns which labelled things a selector matches, who is in an IP set, which policies an endpoint has and in which order, and by which way a node's pods
//! are reached. It must never know where updates come from nor how a Plan is programmed: it has no I/O, no clock, no locks, no threads.
//!
//! - **The Plan is a function of the inputs of now.** Any order across keys, any batching and any repetition of updates gives the same
//!   [`Plan::dump`]. What comes and goes between two flushes is never seen; a state that is as it was gives no [`Changes`].
//! - **The cost of an update is proportional to what it changes**, never to the size of the cluster.
//! - **Nothing of an update is kept** but its compact form: texts are interned, and counted, so that what is gone leaves nothing behind.
//!
//! ```
//! use margay_api::{Key, Kind, Meta, Namespace, Object, Pod};
//! use margay_engine::{Engine, Scope};
//! use margay_policy::{Flow, verdict};
//!
//! let meta = |kind, namespace: &str, name: &str| Meta {
//!     key: Key { kind, namespace: namespace.into(), name: name.into() },
//!     labels: vec![],
//!     created: None,
//!     generation: 0,
//! };
//! let pod = Object::Pod(Pod {
//!     meta: meta(Kind::Pod, "shop", "web"),
//!     node: "node-1".into(),
//!     host_network: false,
//!     service_account: "default".into(),
//!     addresses: vec!["10.0.0.1".parse()?],
//!     terminal: false,
//!     ports: vec![],
//! });
//! let namespace = Object::Namespace(Namespace { meta: meta(Kind::Namespace, "", "shop") });
//!
//! let mut engine = Engine::new(Scope::Node("node-1".into()));
//! engine.update(pod.key(), Some(&pod));
//! engine.in_sync();
//! assert_eq!(engine.flush().deltas.len(), 2); // a stack, and the endpoint that has it
//! let flow = Flow::new("192.0.2.1".parse()?, "10.0.0.1".parse()?, margay_net::Protocol::TCP).port(80);
//! assert!(!verdict(engine.plan(), &flow).allow, "its namespace is not there yet");
//!
//! engine.update(namespace.key(), Some(&namespace));
//! assert_eq!(engine.flush().deltas.len(), 3); // another stack, the endpoint, and the stack before
//! assert!(verdict(engine.plan(), &flow).allow);
//!
//! engine.update(namespace.key(), Some(&namespace));
//! assert!(engine.flush().is_empty());
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod cluster;
mod endpoint;
mod flush;
mod idset;
mod index;
mod names;
mod node;
mod policy;
mod route;
mod rule;
mod service;
mod sets;
mod stack;
mod text;
mod thing;
mod update;
mod uses;

use cluster::Cluster;
use endpoint::Endpoints;
use margay_policy::{Plan, Settings};
use node::Nodes;
use policy::Policies;
use route::Routes;
use smol_str::SmolStr;
use stack::Stacks;

/// Whose endpoints a Plan is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The pods and host endpoints of one node, by its name.
    Node(SmolStr),
    /// Those of every node.
    Everything,
}

impl Scope {
    /// Whether what is on this node is in scope.
    fn has(&self, node: &str) -> bool {
        match self {
            Scope::Node(name) => name == node,
            Scope::Everything => true,
        }
    }
}

/// The engine: see the [crate's page](crate).
pub struct Engine {
    scope: Scope,
    cluster: Cluster,
    policies: Policies,
    stacks: Stacks,
    nodes: Nodes,
    routes: Routes,
    endpoints: Endpoints,
    plan: Plan,
    in_sync: bool,
}

impl Engine {
    /// An engine that knows nothing yet, with default [`Settings`].
    pub fn new(scope: Scope) -> Self {
        Self::with_settings(scope, Settings::default())
    }

    /// An engine that knows nothing yet. Settings are those of its Plan for good.
    pub fn with_settings(scope: Scope, settings: Settings) -> Self {
        Self {
            scope,
            cluster: Cluster::new(),
            policies: Policies::default(),
            stacks: Stacks::default(),
            nodes: Nodes::default(),
            routes: Routes::default(),
            endpoints: Endpoints::default(),
            plan: Plan { settings, ..Plan::default() },
            in_sync: false,
        }
    }

    /// The source has told all that it knew when it was asked first. Until then [`Engine::flush`] gives nothing, and the Plan stays empty: half a
    /// cluster would cut off the other half.
    pub fn in_sync(&mut self) {
        self.in_sync = true;
    }

    /// The Plan as of the last [`Engine::flush`]. Between an update and the next flush it must not be read: members of sets are already new.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
