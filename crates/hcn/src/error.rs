//! What HNS answers when it won't.

use crate::envelope::ErrorRecord;
use std::fmt;

/// An `HRESULT` of HNS. Those of HNS itself are `0x803b00nn` \[MS\]; Win32 errors come as `0x8007nnnn`, or bare from some doors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u32);

macro_rules! codes {
    ($($name:ident $code:literal $text:literal,)*) => {
        impl ErrorCode {
            $(#[doc = $text] pub const $name: Self = Self($code);)*

            /// What the code means; `None` where it is not known.
            pub fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    NETWORK_NOT_FOUND 0x803b_0001 "the network was not found",
    ENDPOINT_NOT_FOUND 0x803b_0002 "the endpoint was not found",
    LAYER_NOT_FOUND 0x803b_0003 "the layer was not found",
    SWITCH_NOT_FOUND 0x803b_0004 "the switch was not found",
    SUBNET_NOT_FOUND 0x803b_0005 "the network has no subnet for this endpoint",
    ADAPTER_NOT_FOUND 0x803b_0006 "the network adapter was not found",
    PORT_NOT_FOUND 0x803b_0007 "the port was not found",
    POLICY_NOT_FOUND 0x803b_0008 "the policy was not found",
    VFP_PORTSETTING_NOT_FOUND 0x803b_0009 "the port has no VFP setting",
    INVALID_NETWORK 0x803b_000a "the network's configuration is invalid or incomplete",
    INVALID_NETWORK_TYPE 0x803b_000b "the network's type is invalid",
    INVALID_ENDPOINT 0x803b_000c "the endpoint's configuration is invalid or incomplete",
    INVALID_POLICY 0x803b_000d "the policy's configuration is invalid or incomplete",
    INVALID_POLICY_TYPE 0x803b_000e "the policy's type is invalid",
    INVALID_REMOTE_ENDPOINT_OPERATION 0x803b_000f "a remote endpoint can't do this",
    NETWORK_ALREADY_EXISTS 0x803b_0010 "such a network is there already",
    LAYER_ALREADY_EXISTS 0x803b_0011 "such a layer is there already",
    POLICY_ALREADY_EXISTS 0x803b_0012 "such a policy is there already",
    PORT_ALREADY_EXISTS 0x803b_0013 "such a port is there already",
    ENDPOINT_ALREADY_ATTACHED 0x803b_0014 "the endpoint is attached to the switch already",
    REQUEST_UNSUPPORTED 0x803b_0015 "the request is not supported",
    MAPPING_NOT_SUPPORTED 0x803b_0016 "port mapping is not supported on this network",
    DEGRADED_OPERATION 0x803b_0017 "the object is degraded",
    SHARED_SWITCH_MODIFICATION 0x803b_0018 "a shared switch can't be changed",
    GUID_CONVERSION_FAILURE 0x803b_0019 "a GUID could not be read",
    REGKEY_FAILURE 0x803b_001a "a registry key could not be read or written",
    INVALID_JSON 0x803b_001b "the JSON document is invalid",
    INVALID_JSON_REFERENCE 0x803b_001c "the JSON document refers to something invalid",
    ENDPOINT_SHARING_DISABLED 0x803b_001d "the endpoint can't be shared",
    INVALID_IP 0x803b_001e "the address is invalid, or in no subnet of the network",
    SWITCH_EXTENSION_NOT_FOUND 0x803b_001f "the switch extension was not found",
    MANAGER_STOPPED 0x803b_0020 "HNS is stopping",
    DEFAULT_NAMESPACE_EXISTS 0x803b_0029 "a default namespace is there already",
    ICS_DISABLED 0x803b_002a "connection sharing is disabled",
    ENDPOINT_NAMESPACE_ALREADY_EXISTS 0x803b_002b "the endpoint is in a namespace already",
    ENTITY_HAS_REFERENCES 0x803b_002c "something still refers to it",
    INVALID_INTERNAL_PORT 0x803b_002d "the internal port is invalid",
    NAMESPACE_ATTACH_FAILED 0x803b_002e "the namespace could not be attached",
    ADDRESS_INVALID_OR_RESERVED 0x803b_002f "an address is invalid or reserved",
    INVALID_PREFIX 0x803b_0030 "the prefix is invalid",
    OBJECT_USED_AFTER_UNLOAD 0x803b_0031 "the object was unloaded",
    INVALID_SUBNET 0x803b_0032 "the subnet is invalid",
    INVALID_IP_SUBNET 0x803b_0033 "the IP subnet is invalid",
    ENDPOINT_NOT_ATTACHED 0x803b_0034 "the endpoint is not attached",
    ENDPOINT_NOT_LOCAL 0x803b_0035 "the endpoint is not of this host",
    INTERFACE_PARAMETERS_ALREADY_APPLIED 0x803b_0036 "interface parameters are applied already",
    VFP_NOT_ALLOWED 0x803b_0037 "VFP is not allowed",
    ELEMENT_NOT_FOUND 0x8007_0490 "the object was not found",
    INVALID_PARAMETER 0x8007_0057 "a parameter is incorrect",
    BUFFER_OVERFLOW 0x8007_006f "IPv4 and IPv6 addresses are mixed in one list, or it is too long",
    OBJECT_ALREADY_EXISTS 0x8007_1392 "the object is there already",
    WRONG_DISK 0x8007_0022 "an object that an older HNS left is not compatible",
    SHARING_VIOLATION 0x8007_0020 "something else uses it",
    RPC_CALL_FAILED 0x8007_06be "HNS died during the call",
    RPC_SERVER_UNAVAILABLE 0x8007_06ba "HNS does not run",
    ACCESS_DENIED 0x8007_0005 "access is denied; administrators alone may ask",
    TIMEOUT 0x8007_05b4 "HNS did not answer in time",
    NOT_IMPLEMENTED 0x8000_4001 "this is not implemented",
    UNSPECIFIED 0x8000_4005 "something failed that has no code",
    MODULE_NOT_FOUND 0x8007_007e "a DLL is not there",
    PROCEDURE_NOT_FOUND 0x8007_007f "a DLL lacks a function",
    MORE_DATA 0x8007_00ea "the answer is too long",
    INVALID_DATA 0x8007_000d "the answer is no text",
}

impl ErrorCode {
    /// The facility of Win32 errors, in the upper half of an `HRESULT`.
    const WIN32: u32 = 0x8007_0000;

    /// The same error as an `HRESULT`: some doors give Win32 errors by their bare number, such as `0x490` \[SRC\].
    #[must_use]
    pub fn canonical(self) -> Self {
        if (1..0x1_0000).contains(&self.0) { Self(Self::WIN32 | self.0) } else { self }
    }

    /// Whether the object that was asked for is not there.
    pub fn is_not_found(self) -> bool {
        let missing = [Self::ELEMENT_NOT_FOUND, Self::NETWORK_NOT_FOUND, Self::ENDPOINT_NOT_FOUND];
        missing.contains(&self.canonical())
    }

    /// Whether HNS itself is not there, or went away during the call.
    pub fn is_disconnected(self) -> bool {
        let gone = [Self::RPC_CALL_FAILED, Self::RPC_SERVER_UNAVAILABLE, Self::MANAGER_STOPPED];
        gone.contains(&self.canonical())
    }

    /// Whether the same call may succeed later: false where the request itself is wrong, or can't be served by this HNS.
    pub fn may_pass(self) -> bool {
        let for_good = [
            Self::INVALID_NETWORK,
            Self::INVALID_NETWORK_TYPE,
            Self::INVALID_ENDPOINT,
            Self::INVALID_POLICY,
            Self::INVALID_POLICY_TYPE,
            Self::INVALID_REMOTE_ENDPOINT_OPERATION,
            Self::REQUEST_UNSUPPORTED,
            Self::MAPPING_NOT_SUPPORTED,
            Self::INVALID_JSON,
            Self::INVALID_JSON_REFERENCE,
            Self::INVALID_PARAMETER,
            Self::BUFFER_OVERFLOW,
            Self::ACCESS_DENIED,
            Self::NOT_IMPLEMENTED,
            Self::VFP_NOT_ALLOWED,
            Self::MODULE_NOT_FOUND,
            Self::PROCEDURE_NOT_FOUND,
        ];
        !for_good.contains(&self.canonical())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a call answered that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// The result.
    pub code: ErrorCode,
    /// The error record of V2, a document of `Success`, `Error` and `ErrorCode`; may be empty.
    pub record: String,
}

impl Failure {
    /// Of a code alone.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, record: String::new() }
    }

    /// The code, what it means and what was said with it.
    pub fn words(&self) -> String {
        let meaning = self.code.canonical().meaning().map(|meaning| format!(": {meaning}"));
        let said = ErrorRecord::read(&self.record).ok().and_then(|record| record.said());
        let said = said.map(|said| format!(" (it says: {said})"));
        format!("{}{}{}", self.code, meaning.unwrap_or_default(), said.unwrap_or_default())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HNS answered {}", self.words())
    }
}
