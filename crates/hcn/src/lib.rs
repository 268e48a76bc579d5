//! The Host Networking Service (HNS) of Windows: its documents, versions, error codes, and the two doors to it.
//!
//! - [`Service`] is HNS as strings of JSON go in and out: V1 requests (`vmcompute.dll!HNSCall`) and V2 calls (`computenetwork.dll!Hcn…`).
//!   Whatever speaks for HNS implements it: the DLLs on Windows (`Dll`), the emulator in process, the emulator over a socket.
//! - [`Hns`] is the typed client over any of them: it picks the door by [`Version`], gives [`Network`]s and [`Endpoint`]s, writes policies, and never hangs
//!   though HNS does. Its [`Error`] names the call, the object, and whether a retry may help.
//! - [`Policy`] is a policy of either spelling. [`Acl`] is an access control rule in the one form that both doors' spellings turn into; one that can't be read
//!   without loss stays a document that is known to be an ACL. [`setting`] has the settings of routes, tunnels and address translation.
//! - [`v1`] and [`v2`] are the documents themselves, with all that was in them.
//! - [`RouteTable`] is the system's own table of [`IpRoute`]s, which nodes without tunnels need; on Windows `SystemRoutes`.
//! - [`Version`] and [`Feature`]: what a version of HNS can do. [`ErrorCode`] and [`Failure`]: what HNS answers when it won't.
//!
//! Documents of the service are untrusted: bounded in length and depth; unknown members are kept, missing ones and wrong types are a typed error for that object
//! alone. Facts about HNS carry the strength of their source: \[SRC\] read in a public project's source, \[MS\] Microsoft's documentation, \[FIELD\] reported
//! from a real system, \[INF\] inferred, \[UNK\] not established.
//!
//! This crate must never know what a policy of Kubernetes is.
//!
//! ```
//! use margay_hcn::{Acl, Door, Feature, Policy, Version};
//! use margay_hcn::{Error, Hns, Options, Service};
//!
//! // What one HNS prints…
//! let printed = r#"{ "Type": "ACL", "Action": "Allow", "Direction": "In", "Id": "allow-host-to-endpoint", "InternalPort": 0, "LocalAddresses": "",
//!     "LocalPort": 0, "Priority": 900, "Protocol": 256, "RemoteAddresses": "10.156.233.218/32", "RemotePort": 0, "RuleType": "Switch", "Scope": 0,
//!     "ServiceName": "" }"#;
//! let acl = Acl::read(Door::V1, &serde_json::from_str(printed)?)?;
//!
//! // …another is told in its own words, where it can be.
//! let version: Version = "9.5".parse()?;
//! assert!(version.has(Feature::ApiV2));
//! let told = serde_json::to_string(&acl.write(Door::V2, version)?)?;
//! assert_eq!(
//!     told,
//!     r#"{"Type":"ACL","Settings":{"Id":"allow-host-to-endpoint","Protocols":"256","Action":"Allow","Direction":"In","#.to_owned()
//!         + r#""RemoteAddresses":"10.156.233.218/32","RuleType":"Switch","Priority":900}}"#
//! );
//! let old = acl.write(Door::V1, Version::new(7, 0)).unwrap_err();
//! assert_eq!(old.to_string(), "HNS 7.0 has no ids of ACLs, such as \"allow-host-to-endpoint\": leave it empty");
//!
//! // With an HNS at hand, every endpoint that lacks the ACL is given it and keeps its others.
//! # #[allow(dead_code, reason = "there is no HNS at hand")]
//! fn spread(service: std::sync::Arc<dyn Service>, acl: &Acl) -> Result<(), Error> {
//!     let hns = Hns::open(service, Options::default())?;
//!     for endpoint in hns.endpoints()?.objects {
//!         let mut acls: Vec<Policy> = endpoint.acls().cloned().collect();
//!         if !acls.iter().any(|policy| policy.acl() == Some(acl)) {
//!             acls.push(acl.clone().into());
//!             hns.replace_acls(endpoint.id, &acls)?;
//!         }
//!     }
//!     Ok(())
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
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
mod ip_route;
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
pub use dll::{Dll, SystemRoutes};
pub use document::{DocumentError, Members};
pub use endpoint::{Endpoint, EndpointState};
pub use envelope::{Envelope, ErrorRecord};
pub use error::{ErrorCode, Failure};
pub use guid::{Guid, GuidError};
pub use ip_route::{IpRoute, RouteTable};
pub use margay_net::{Mac, MacError};
pub use network::{Network, NetworkMode, Subnet};
pub use policy::{Policy, PolicyError, RawPolicy};
pub use service::{Kind, Notification, NotificationKind, Service, Subscription};
pub use setting::Setting;
pub use version::{Door, Feature, Version, VersionError};
