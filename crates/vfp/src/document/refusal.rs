//! Why a document is not taken.

use margay_hcn::{ErrorCode, Failure};
use serde_json::json;

/// What HNS says to a request that it won't do; and why, which only the log of calls tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    text: String,
    pub(crate) why: String,
}

/// What a request comes to.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// The texts that were seen with a code \[FIELD\]; each but the first ends with a full stop and a space.
const TEXTS: [(ErrorCode, &str); 14] = [
    (ErrorCode::INVALID_JSON, "Invalid JSON document string."),
    (ErrorCode::ELEMENT_NOT_FOUND, "Element not found. "),
    (ErrorCode::SUBNET_NOT_FOUND, "The network does not have a subnet for this endpoint. "),
    (ErrorCode::INVALID_NETWORK, "The provided network configuration is invalid or missing parameters. "),
    (ErrorCode::INVALID_POLICY, "The provided policy configuration is invalid or missing parameters. "),
    (ErrorCode::ENDPOINT_ALREADY_ATTACHED, "This endpoint is already attached to the switch. "),
    (ErrorCode::REQUEST_UNSUPPORTED, "The specified request is unsupported. "),
    (ErrorCode::INVALID_IP, "IP address is either invalid or not part of any configured subnet(s). "),
    (ErrorCode::ADDRESS_INVALID_OR_RESERVED, "An address provided is invalid or reserved. "),
    (ErrorCode::OBJECT_ALREADY_EXISTS, "The object already exists. "),
    (ErrorCode::INVALID_PARAMETER, "The parameter is incorrect. "),
    (ErrorCode::BUFFER_OVERFLOW, "The file name is too long. "),
    (ErrorCode::RPC_CALL_FAILED, "The remote procedure call failed. "),
    (ErrorCode::RPC_SERVER_UNAVAILABLE, "The RPC server is unavailable. "),
];

impl Refusal {
    /// Of a code, for a reason that HNS keeps to itself.
    pub(crate) fn new(code: ErrorCode, why: impl Into<String>) -> Self {
        let seen = TEXTS.iter().find(|(of, _)| *of == code).map(|(_, text)| (*text).to_owned());
        let text = seen.unwrap_or_else(|| format!("{}. ", code.meaning().unwrap_or("unspecified error")));
        Self { code, text, why: why.into() }
    }

    /// A member of a V2 document that is not known: `{{Member,UnknownField}}` \[FIELD\].
    pub(crate) fn unknown_member(member: &str) -> Self {
        Self::json(member, "UnknownField")
    }

    /// A member of a V2 document that is not of the right kind, or a value that is none of the known \[INF: after the form of the other\].
    pub(crate) fn invalid_member(member: &str) -> Self {
        Self::json(member, "InvalidValue")
    }

    fn json(member: &str, what: &str) -> Self {
        let member: String = member.chars().take(100).collect();
        let new = Self::new(ErrorCode::INVALID_JSON, format!("{member}: {what}"));
        Self { text: format!("{} {{{{{member},{what}}}}}", new.text), ..new }
    }

    /// A policy that is refused, 0x803b000d \[FIELD\].
    pub(crate) fn policy(why: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_POLICY, why)
    }

    /// The error record of V2, and the envelope of V1 \[FIELD\].
    pub(crate) fn record(&self) -> String {
        json!({ "Success": false, "Error": self.text, "ErrorCode": self.code.0 }).to_string()
    }

    /// As V2 answers it.
    pub(crate) fn failure(&self) -> Failure {
        Failure { code: self.code, record: self.record() }
    }
}
