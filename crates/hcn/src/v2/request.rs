//! What V2 is asked: queries, and changes of an object.

use crate::document::{Members, write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A query in V2's schema. The filter names members as V1 does, such as `{"State":3}` \[SRC\]; without one, everything is asked for.
pub fn query(filter: Option<&Members>) -> String {
    let filter = filter.map(write).unwrap_or_default();
    json!({ "SchemaVersion": { "Major": 2, "Minor": 0 }, "Flags": 0, "Filter": filter }).to_string()
}

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Request {
    /// What of it.
    pub resource_type: Resource,
    /// How.
    pub request_type: RequestType,
    /// The new settings.
    #[serde(default)]
    pub settings: Value,
}

impl Request {
    /// A change of policies of an endpoint or a network.
    pub fn policies(request_type: RequestType, policies: Vec<Members>) -> Self {
        Self { resource_type: Resource::Policy, request_type, settings: json!({ "Policies": policies }) }
    }
}

/// What a request changes, of an endpoint, a network or a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are HNS's own")]
pub enum Resource {
    Policy,
    Port,
    Endpoint,
    Container,
    Subnet,
    IPSubnet,
    DNS,
    Extension,
}

/// How a request changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestType {
    /// Beside what is there.
    Add,
    /// Of what is there.
    Remove,
    /// In the place of what is there; whether of all types or of the same type alone is \[UNK\].
    Update,
    /// What is there, programmed again.
    Refresh,
    /// To what it was at first.
    Reset,
}
