//! How large and how odd the cases are.

/// What a case may be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Only what real packets can do between network namespaces: every pod runs on a node that is there and has an address of its own;
    /// flows go between pods, nodes and addresses outside, and each is one that a kernel sends and tracks as a new connection.
    pub lab: bool,
    /// Host endpoints, profiles, and the policies that only they ask.
    pub host_endpoints: bool,
    /// At most so many pods; no more than 12 have names, nor more than 8 in a lab.
    pub pods: usize,
    /// At most so many policies of all kinds.
    pub policies: usize,
    /// So many flows.
    pub flows: usize,
}

impl Default for Shape {
    /// Up to 12 pods and 16 policies, host endpoints, 64 flows; everything odd included.
    fn default() -> Self {
        Self { lab: false, host_endpoints: true, pods: 12, policies: 16, flows: 64 }
    }
}

impl Shape {
    /// A shape for the lab: up to 8 pods on up to 3 nodes, no host endpoints, 128 flows.
    pub fn lab() -> Self {
        Self { lab: true, host_endpoints: false, pods: 8, policies: 12, flows: 128 }
    }
}
