//! ACLs that can't be written for a version, or read without loss.

use crate::document::excerpt;
use crate::{Door, Version};

/// Why an ACL can't be written for a version of HNS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclError {
    /// This version has no such door.
    #[error("HNS {version} has no {door}: ask through V1")]
    Door {
        /// The door.
        door: Door,
        /// The version.
        version: Version,
    },
    /// Before 7.2 there is room for one address at each end \[SRC\].
    #[error("HNS {version} takes one address in {member}, not {count}: write an ACL for each")]
    AddressList {
        /// The member of the document.
        member: &'static str,
        /// How many there are.
        count: usize,
        /// The version.
        version: Version,
    },
    /// Before 7.2 there is room for one port at each end \[SRC\].
    #[error("HNS {version} takes one port in {member}, not {ports}: write an ACL for each")]
    PortList {
        /// The member of the document.
        member: &'static str,
        /// The ports.
        ports: String,
        /// The version.
        version: Version,
    },
    /// Before 7.2 an ACL has no id \[SRC\].
    #[error("HNS {version} has no ids of ACLs, such as {id:?}: leave it empty")]
    Id {
        /// The id.
        id: String,
        /// The version.
        version: Version,
    },
    /// Before 7.2 a host rule needs a priority \[SRC\].
    #[error("HNS {version} needs a priority for a host rule: give it 100")]
    HostPriority {
        /// The version.
        version: Version,
    },
    /// HNS takes one family in a rule \[FIELD\].
    #[error("IPv4 and IPv6 addresses stand in one ACL, which HNS refuses: write one for each family")]
    Families,
    /// HNS takes ports with TCP and UDP alone \[SRC\].
    #[error("{member} is given without TCP or UDP, which HNS refuses")]
    PortsWithoutProtocol {
        /// The member of the document.
        member: &'static str,
    },
    /// No port at all can't be written.
    #[error("{member} is the empty set: leave the ACL out, it matches nothing")]
    NoPorts {
        /// The member of the document.
        member: &'static str,
    },
    /// Port 0 by itself means any port where numbers are written \[FIELD\]; what it means as text is \[UNK\].
    #[error("{member} has port 0 by itself, which HNS may read as any port: leave it out")]
    PortZero {
        /// The member of the document.
        member: &'static str,
    },
    /// Protocol 0 is `Unknown` to HNS \[SRC\]; what it matches is \[UNK\].
    #[error("protocol 0 is no protocol to HNS")]
    ProtocolZero,
    /// Before 11.0 there are no ACLs of protocol 252 \[SRC\].
    #[error("HNS {version} has no ACLs of protocol 252 (VXLAN)")]
    Protocol252 {
        /// The version.
        version: Version,
    },
}

/// Why an ACL can't be read without loss: it stays a document that is known to be an ACL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ACL's {member} {value} can't be read exactly")]
pub struct AclUnreadable {
    /// The member of the document.
    pub member: String,
    /// What it holds, or the beginning of it.
    pub value: String,
}

impl AclUnreadable {
    pub(super) fn new(member: &str, value: impl ToString) -> Self {
        Self { member: excerpt(member), value: excerpt(&value.to_string()) }
    }
}
