//! Resources from a Kubernetes API server, as the stream of a [`Source`](margay_datastore::Source).
//!
//! This crate owns how resources come from a cluster: which kinds are asked for and where they are served, lists and watches, and what is done when
//! either ends, which is the ordinary case. It must never know what is made of them: no policy, no engine, no data plane.
//!
//! ```text
//! API server ◄─ follow ◄─ Request ─ Reflector ─► Update, Problem ─► Cluster, a Source
//!                │       ── answer ─►   one for each kind, without I/O
//!              client, by Connection
//! ```
//!
//! [`Cluster`] asks and listens, by [`kube`], and is the source. A [`Reflector`] is a value that says what to ask next and takes what came: all that a client must know of the API is in it, and can be tested without
//! a server. Facts about the API server are from recorded traffic of a real one (1.36) unless said otherwise:
//!
//! - **The end of a watch is no error**, however it comes: it goes on from the last version that was seen.
//! - **410 is told by an answer or by an event**, and means that a version is too old: everything is listed again, and what went in between is told as gone.
//! - **403, 429 and 5xx pass**: a server that starts refuses tokens that are valid. None of it means that there are no objects, and what is known stays.
//! - **Initial events** (`sendInitialEvents`) are complete at the bookmark that says so; where a server has no such watch, pages of a list take their place.
//! - **An answer may be of the past**, from a server that lags behind: it is asked for one no older than what was seen, until the server insists that it has none.
//!
//! Commands ask once and end: [`Api`] waits for each answer, and [`snapshot`] makes one text of what it lists.
//!
//! ```
//! use margay_api::Kind;
//! use margay_kubernetes::{Reflector, Resource};
//!
//! let mut pods = Reflector::new(Resource::of(Kind::Pod, "v1"), 0);
//! assert!(pods.request().path().starts_with("/api/v1/pods?watch=true&sendInitialEvents=true"));
//! let mut events = Vec::new();
//! for line in [
//!     r#"{"type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","resourceVersion":"7"}}}"#,
//!     r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#,
//! ] {
//!     pods.line(line, &mut events);
//! }
//! assert_eq!((events.len(), pods.is_in_sync()), (1, true));
//! // The watch ends, as they all do: the next one goes on from there.
//! pods.ended();
//! assert!(pods.request().path().contains("resourceVersion=9"));
//! ```

mod api;
mod cluster;
mod connection;
mod counters;
mod door;
mod follow;
mod message;
mod reflector;
mod request;
mod resource;
mod snapshot;
mod yaml;

pub use api::{Api, AskError};
pub use cluster::Cluster;
pub use connection::{Connection, ConnectionError};
pub use counters::Counters;
pub use reflector::{Flow, Reflector};
pub use request::{Request, escaped};
pub use resource::Resource;
pub use snapshot::{slim, snapshot};
pub use yaml::yaml;
