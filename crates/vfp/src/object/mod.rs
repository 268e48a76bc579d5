//! What HNS keeps: networks, endpoints, namespaces, load balancers, routes.

mod balancer;
mod balancers;
mod change;
mod endpoint;
mod endpoints;
mod namespace;
mod namespaces;
mod network;
mod networks;
mod policy;
mod state;

pub(crate) use balancer::{LoadBalancer, PortMapping, SdnRoute};
pub(crate) use change::Request;
pub(crate) use endpoint::{Endpoint, EndpointState, IpConfiguration, REMOTE};
pub(crate) use namespace::{Member, Namespace};
pub use network::NetworkKind;
pub(crate) use network::{Dns, Network, Route, Subnet};
pub(crate) use policy::{Owner, Policy};
pub(crate) use state::{Door, State};
