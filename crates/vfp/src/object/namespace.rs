//! Namespaces: what containers have endpoints in.

use margay_hcn::Guid;

/// A namespace.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) id: Guid,
    /// The compartment's number.
    pub(crate) number: u32,
    /// `Host`, `HostDefault`, `Guest` or `GuestDefault`.
    pub(crate) kind: String,
    pub(crate) members: Vec<Member>,
}

/// What is in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Container(String),
    Endpoint(Guid),
}
