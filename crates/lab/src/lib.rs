//! A virtual cluster on one machine, of network namespaces, with the real data plane in them and real packets between them.
//!
//! * [`fabric`] makes the namespaces: nodes, pods, the wire between them and the world outside; from plain values, and
//!   changes them from one state to the next.
//! * [`probe`] sends packets through them and says which arrived and which were answered.
//!
//! * [`standing`] holds a lab that outlives the command that made it.
//!
//! Neither of the first two knows anything of policy: whoever joins a policy to them programs each node from inside its namespace and compares
//! what was measured with what was predicted.
//!
//! It needs root, or [`fabric::enter_user_namespace`] first thing in `main`.
//!
//! ```no_run
//! use margay_lab::fabric::{Fabric, Node, Pod, Topology, Wiring, enter_user_namespace};
//! use margay_lab::probe::{Probe, Prober, Site, Transport};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! enter_user_namespace()?;
//! let node = |name: &str, address: [u8; 4]| Node {
//!     name: name.into(),
//!     addresses: vec![address.into()],
//!     gateways: vec![],
//!     uplink: "eth0".into(),
//!     switched: false,
//! };
//! let pod = |id: &str, node, address: [u8; 4]| Pod { id: id.into(), node, addresses: vec![address.into()] };
//! let fabric = Fabric::build(&Topology {
//!     wiring: Wiring::Routed,
//!     nodes: vec![node("a", [192, 0, 2, 1]), node("b", [192, 0, 2, 2])],
//!     pods: vec![pod("default/web", 0, [10, 0, 0, 1]), pod("default/db", 1, [10, 0, 0, 2])],
//! })?;
//!
//! // A data plane would be programmed here, by a netlink socket opened inside a node.
//! let socket = fabric.node(0).enter(|| std::net::UdpSocket::bind("0.0.0.0:0"))??;
//!
//! let probe = Probe {
//!     from: Site::Pod(0),
//!     to: Site::Pod(1),
//!     source: [10, 0, 0, 1].into(),
//!     destination: [10, 0, 0, 2].into(),
//!     transport: Transport::Tcp { source_port: Some(40000), port: 5432 },
//! };
//! let outcome = Prober::default().measure(&fabric, &[probe])?[0];
//! assert!(outcome.arrived);
//! assert_eq!(outcome.replied, Some(true), "the far kernel resets: nobody listens there");
//! # Ok(())
//! # }
//! ```
mod checksum;
pub mod cluster;
pub mod fabric;
pub mod probe;
pub mod standing;
