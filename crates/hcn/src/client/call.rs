//! Calls, to name them in errors and to measure them.

use super::latency::Measured;
use crate::{Door, Guid, Kind};
use std::fmt;

/// What HNS is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Tell its version.
    Version,
    /// List objects.
    List,
    /// Give the document of an object.
    Read,
    /// Change an object.
    Modify,
    /// Delete an object.
    Delete,
    /// Tell of what happens.
    Subscribe,
}

impl Operation {
    /// A short name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::List => "list",
            Self::Read => "read",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Subscribe => "subscribe",
        }
    }
}

/// A call: what was asked, of which object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// Through which door.
    pub door: Door,
    /// Of which kind of object.
    pub kind: Option<Kind>,
    /// Of which object.
    pub id: Option<Guid>,
}

impl Call {
    /// A call about HNS itself.
    pub(super) fn new(operation: Operation, door: Door) -> Self {
        Self { operation, door, kind: None, id: None }
    }

    /// A call about all objects of a kind.
    pub(super) fn list(door: Door, kind: Kind) -> Self {
        Self { kind: Some(kind), ..Self::new(Operation::List, door) }
    }

    /// A call about one object.
    pub(super) fn one(operation: Operation, door: Door, kind: Kind, id: Guid) -> Self {
        Self { kind: Some(kind), id: Some(id), ..Self::new(operation, door) }
    }

    pub(super) fn measured(self) -> Measured {
        Measured { operation: self.operation, door: self.door, kind: self.kind }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            Operation::Version => return f.write_str("asking HNS for its version"),
            Operation::Subscribe => return f.write_str("asking HNS to tell of what happens"),
            Operation::List => f.write_str("listing every")?,
            Operation::Read => f.write_str("reading")?,
            Operation::Modify => f.write_str("changing")?,
            Operation::Delete => f.write_str("deleting")?,
        }
        if let Some(kind) = self.kind {
            write!(f, " {kind}")?;
        }
        if let Some(id) = self.id {
            write!(f, " {id}")?;
        }
        write!(f, " through the {}", self.door)
    }
}
