//! HNS, as strings go in and out of it.

use crate::{Failure, Guid};
use std::any::Any;
use std::fmt;

/// The two doors of HNS. Calls may take long or never come back: a caller that must go on puts them on a thread of their own.
///
/// The V2 calls have no handles here: what needs one opens it, and closes it after.
pub trait Service: Send + Sync {
    /// V1 (`vmcompute.dll!HNSCall`): a method (`GET`, `POST`, `DELETE`), a path such as `/endpoints/`, a body that may be empty.
    /// Gives the response, an envelope of `Success`, `Error` and `Output`.
    ///
    /// # Errors
    /// Where the call itself failed; an envelope that tells of an error is no such error.
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure>;

    /// V2 (`HcnEnumerate…s`): the ids of objects as a JSON array, all or those that a query's filter names.
    ///
    /// # Errors
    /// With what HNS answered, as for each call of V2.
    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure>;

    /// V2 (`HcnQuery…Properties`): the document of an object.
    ///
    /// # Errors
    /// With what HNS answered.
    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure>;

    /// V2 (`HcnCreate…`): a new object. [`Guid::ZERO`] lets HNS choose the id. An endpoint is made in a network, all else without one. Gives the id.
    ///
    /// # Errors
    /// With what HNS answered.
    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure>;

    /// V2 (`HcnModify…`): a change, as a document of `ResourceType`, `RequestType` and `Settings`.
    ///
    /// # Errors
    /// With what HNS answered.
    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure>;

    /// V2 (`HcnDelete…`).
    ///
    /// # Errors
    /// With what HNS answered.
    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure>;

    /// Tells of what happens (`HcnRegisterServiceCallback`), until what it gives is dropped. `tell` may be called from any thread.
    ///
    /// # Errors
    /// Where HNS, or this door to it, has no notifications: then only asking helps.
    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure>;
}

/// Kinds of objects that V2 has calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A network: a virtual switch and its subnets.
    Network,
    /// An endpoint: a port of a switch.
    Endpoint,
    /// A namespace: what containers have endpoints in.
    Namespace,
    /// A load balancer.
    LoadBalancer,
    /// A route of software-defined networking.
    SdnRoute,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Network, Self::Endpoint, Self::Namespace, Self::LoadBalancer, Self::SdnRoute];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Network => "network",
            Kind::Endpoint => "endpoint",
            Kind::Namespace => "namespace",
            Kind::LoadBalancer => "load balancer",
            Kind::SdnRoute => "SDN route",
        })
    }
}

/// Something that HNS told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What happened.
    pub kind: NotificationKind,
    /// The status that came with it, an `HRESULT`.
    pub status: u32,
    /// A document of `ID`, `Flags` and `Data`; may be empty.
    pub data: String,
}

/// What a notification is about (`HCN_NOTIFICATIONS` \[MS\]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotificationKind(pub u32);

impl NotificationKind {
    /// A network is about to be made.
    pub const NETWORK_PRE_CREATE: Self = Self(1);
    /// A network was made.
    pub const NETWORK_CREATE: Self = Self(2);
    /// A network is about to go.
    pub const NETWORK_PRE_DELETE: Self = Self(3);
    /// A network is gone.
    pub const NETWORK_DELETE: Self = Self(4);
    /// A namespace was made.
    pub const NAMESPACE_CREATE: Self = Self(5);
    /// A namespace is gone.
    pub const NAMESPACE_DELETE: Self = Self(6);
    /// An endpoint was attached.
    pub const ENDPOINT_ATTACHED: Self = Self(9);
    /// An endpoint was detached.
    pub const ENDPOINT_DETACHED: Self = Self(0x10);
    /// HNS itself is gone: nothing that was asked before holds.
    pub const SERVICE_DISCONNECT: Self = Self(0x0100_0000);
}

/// Keeps notifications coming until it is dropped.
pub struct Subscription(#[allow(dead_code, reason = "held to be dropped")] Box<dyn Any + Send>);

impl Subscription {
    /// Ends when this is dropped.
    pub fn new(guard: impl Any + Send) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
