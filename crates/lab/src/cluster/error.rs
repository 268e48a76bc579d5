//! What can go wrong with a cluster.

/// Why a cluster could not be made, changed or measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespaces.
    #[error(transparent)]
    Fabric(#[from] crate::fabric::Error),
    /// The probes.
    #[error(transparent)]
    Probe(#[from] crate::probe::Error),
    /// The kernel's door to nftables.
    #[error("cannot open nf_tables on node {node}: {source}")]
    Netlink {
        /// The node.
        node: String,
        /// What the kernel said.
        source: margay_nftables::Error,
    },
    /// The policy of a node is not in force.
    #[error("the policy of node {node} could not be put in force: {what}")]
    Driver {
        /// The node.
        node: String,
        /// What the driver said.
        what: String,
    },
}
