//! A virtual cluster on one machine, of network namespaces, with the real data plane in them and real packets between them.
//!
//! * [`fabric`] makes the namespaces: nodes, pods, the wire between them and the world outside.
//! * [`probe`] sends packets through them and says which arrived.
//!
//! Neither knows anything of policy.
pub mod fabric;
pub mod probe;
