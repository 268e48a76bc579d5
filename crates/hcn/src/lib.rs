//! The Host Networking Service (HNS) of Windows: its documents, versions, error codes, and the two doors to it.
//!
//! - [`Service`] is HNS as strings of JSON go in and out: V1 requests (`vmcompute.dll!HNSCall`) and V2 calls (`computenetwork.dll!Hcn…`).
//!   Whatever speaks for HNS implements it: the DLLs on Windows, the emulator in process, the emulator over a socket.
//! - [`Acl`] is an access control rule of an endpoint in the one form that both doors' spellings turn into.
//! - [`Version`] and [`Feature`]: what a version of HNS can do.
//! - [`ErrorCode`] and [`Failure`]: what HNS answers when it won't.
//!
//! Documents of the service are untrusted: unknown members are kept, missing ones and wrong types are a typed error for that object alone.
//! Facts about HNS carry the strength of their source: \[SRC\] read in a public project's source, \[MS\] Microsoft's documentation, \[FIELD\] reported
//! from a real system, \[INF\] inferred, \[UNK\] not established.
//!
//! This crate must never know what a policy is.
//!
//! ```
//! use margay_hcn::{Feature, Version};
//! let version: Version = "9.5".parse()?;
//! assert!(version.has(Feature::AclAddressLists) && !version.has(Feature::SetPolicy));
//! # Ok::<(), margay_hcn::VersionError>(())
//! ```

mod acl;
mod client;
#[cfg(windows)]
mod dll;
pub mod document;
mod endpoint;
mod envelope;
mod error;
mod guid;
mod mac;
mod network;
mod policy;
mod service;
pub mod setting;
pub mod v1;
pub mod v2;
mod version;

pub use acl::{Acl, AclError, AclRule, AclUnreadable, Action, Direction, RuleType};
pub use client::{Call, Error, Hns, Latency, Listing, Measured, Operation, Options};
#[cfg(windows)]
pub use dll::Dll;
pub use document::{DocumentError, Members};
pub use endpoint::{Endpoint, EndpointState};
pub use envelope::{Envelope, ErrorRecord};
pub use error::{ErrorCode, Failure};
pub use guid::{Guid, GuidError};
pub use mac::{Mac, MacError};
pub use network::{Network, NetworkMode, Subnet};
pub use policy::{Policy, PolicyError, RawPolicy};
pub use service::{Kind, Notification, NotificationKind, Service, Subscription};
pub use setting::Setting;
pub use version::{Door, Feature, Version, VersionError};
