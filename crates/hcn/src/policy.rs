//! Policies of endpoints, networks and subnets, of whatever kind.

use crate::{Acl, AclError, AclUnreadable, DocumentError, Door, Members, Setting, Version};
use serde_json::Value;

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// An ACL that was read without loss.
    Acl(Acl),
    /// Anything else, as it was: also an ACL that can't be read without loss, which [`RawPolicy::is_acl`] tells.
    Other(RawPolicy),
}

/// A policy as a door spells it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawPolicy {
    /// The door that spells it so: V1 has the settings beside the `Type`, V2 in a member `Settings`.
    pub door: Door,
    /// The document.
    pub document: Members,
}

/// Why a policy can't be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The ACL can't be expressed.
    #[error(transparent)]
    Acl(#[from] AclError),
    /// It is no ACL where only ACLs belong.
    #[error("a policy of type {kind:?} is no ACL")]
    NoAcl {
        /// Its type.
        kind: String,
    },
    /// The policy was read through the other door, and is not of a kind that is known in both spellings.
    #[error(
        "a policy of type {kind:?} was read through the {door} and can't be written through the other: read it again"
    )]
    Door {
        /// Its type.
        kind: String,
        /// The door it was read through.
        door: Door,
    },
}

impl Policy {
    /// Takes a policy as a door gives it.
    pub fn read(door: Door, document: &Members) -> Self {
        let raw = RawPolicy { door, document: document.clone() };
        match raw.acl() {
            Some(Ok(acl)) => Self::Acl(acl),
            _ => Self::Other(raw),
        }
    }

    /// The document as a door takes it at a version.
    ///
    /// # Errors
    /// An ACL that the version can't express; a document of the other door.
    pub fn write(&self, door: Door, version: Version) -> Result<Members, PolicyError> {
        match self {
            Self::Acl(acl) => Ok(acl.write(door, version)?),
            Self::Other(raw) if raw.door == door => Ok(raw.document.clone()),
            Self::Other(raw) => Err(PolicyError::Door { kind: raw.kind().into(), door: raw.door }),
        }
    }

    /// Whether it is an ACL, readable or not.
    pub fn is_acl(&self) -> bool {
        match self {
            Self::Acl(_) => true,
            Self::Other(raw) => raw.is_acl(),
        }
    }

    /// The ACL, where it was read without loss.
    pub fn acl(&self) -> Option<&Acl> {
        match self {
            Self::Acl(acl) => Some(acl),
            Self::Other(_) => None,
        }
    }

    /// The settings, where it is a policy of their kind.
    pub fn setting<S: Setting>(&self) -> Option<Result<S, DocumentError>> {
        match self {
            Self::Acl(_) => None,
            Self::Other(raw) => S::read(raw),
        }
    }
}

impl From<Acl> for Policy {
    fn from(acl: Acl) -> Self {
        Self::Acl(acl)
    }
}

impl RawPolicy {
    /// Its member `Type`; empty where there is none.
    pub fn kind(&self) -> &str {
        self.document.get("Type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether its type is `ACL`.
    pub fn is_acl(&self) -> bool {
        self.kind().eq_ignore_ascii_case("ACL")
    }

    /// Reads it as an ACL, or tells why it can't be; `None` where it is none.
    pub fn acl(&self) -> Option<Result<Acl, AclUnreadable>> {
        self.is_acl().then(|| Acl::read(self.door, &self.document))
    }

    /// The `Id` of an ACL, however the rest of it reads.
    pub fn acl_id(&self) -> Option<&str> {
        let members = match self.door {
            Door::V1 => Some(&self.document),
            Door::V2 => self.document.get("Settings").and_then(Value::as_object),
        };
        members.filter(|_| self.is_acl())?.get("Id")?.as_str()
    }

    /// The settings: all members beside `Type` in V1, those of `Settings` in V2.
    pub(crate) fn settings(&self) -> Members {
        match self.door {
            Door::V1 => {
                self.document.iter().filter(|(name, _)| *name != "Type").map(|(n, v)| (n.clone(), v.clone())).collect()
            }
            Door::V2 => self.document.get("Settings").and_then(Value::as_object).cloned().unwrap_or_default(),
        }
    }
}

/// Policies as a door gives them.
pub(crate) fn read_all(door: Door, documents: Option<&Vec<Members>>) -> Vec<Policy> {
    documents.into_iter().flatten().map(|document| Policy::read(door, document)).collect()
}
