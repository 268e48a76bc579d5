//! What can go wrong.

use margay_hcn::{ErrorCode, Guid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// How long calls take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Each call.
    pub call: Duration,
    /// Each policy that a call brings, in addition.
    pub policy: Duration,
}

/// Something that goes wrong with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// With which.
    pub on: On,
    /// What.
    pub effect: Effect,
    /// How often; `None` is always.
    pub times: Option<u32>,
}

/// Which calls a fault is about: all that are as these say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct On {
    /// What they do.
    pub operation: Option<Operation>,
    /// The object that they are about; of one that makes an endpoint by V2, its network.
    pub object: Option<Guid>,
}

/// What a call does, by either door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// Lists objects.
    Enumerate,
    /// Shows one.
    Query,
    /// Makes one.
    Create,
    /// Changes one.
    Modify,
    /// Removes one.
    Delete,
    /// Anything else.
    Other,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Nothing is done, and the call fails.
    Fail(#[serde(serialize_with = "write_code", deserialize_with = "read_code")] ErrorCode),
    /// What was asked is done, and yet the call fails.
    FailAfter(#[serde(serialize_with = "write_code", deserialize_with = "read_code")] ErrorCode),
    /// The call comes back when it is released, and not before.
    Hang,
    /// HNS keeps what it was sent, says so, and does not program VFP \[FIELD: success is not enforcement\].
    Unenforced,
    /// HNS says that it did, and did nothing to endpoints.
    Pretend,
    /// HNS dies when it has done what was asked, and before it says so.
    Crash(Loss),
}

/// What is gone when HNS is back \[FIELD: policies, and at times endpoints\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// Nothing.
    #[default]
    Nothing,
    /// All policies of endpoints.
    Policies,
    /// The second half of the policies of each endpoint.
    HalfOfPolicies,
    /// All endpoints.
    Endpoints,
    /// Every second endpoint.
    HalfOfEndpoints,
    /// The routes of networks to the subnets of other nodes \[INF\].
    Routes,
}

impl Fault {
    /// Always, with the calls that do this.
    pub fn always(operation: Operation, effect: Effect) -> Self {
        Self { on: On { operation: Some(operation), object: None }, effect, times: None }
    }

    /// With the next call that does this.
    pub fn once(operation: Operation, effect: Effect) -> Self {
        Self { times: Some(1), ..Self::always(operation, effect) }
    }

    /// Only where they are about this object.
    #[must_use]
    pub fn of(self, object: Guid) -> Self {
        Self { on: On { object: Some(object), ..self.on }, ..self }
    }
}

impl On {
    pub(crate) fn is(&self, operation: Operation, object: Option<Guid>) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.object.is_none_or(|wanted| object == Some(wanted))
    }
}

fn write_code<S: Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
    code.0.serialize(serializer)
}

fn read_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    u32::deserialize(deserializer).map(ErrorCode)
}
