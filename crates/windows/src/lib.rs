//! A Plan as ACLs and routes of the Windows Host Networking Service (HNS).
//!
//! - [`lower`] works out an endpoint's ACLs: pure, exact or closed.
//! - [`routes`] works out the routes to the pods of other nodes, those of HNS and those of the system: pure.
//! - [`driver`] keeps what there is equal to them.
//!
//! It compiles and is tested on every system: HNS is whatever [`margay_hcn::Service`] it is given. It must never know of Linux, or of where a Plan comes from.

pub mod driver;
pub mod lower;
pub mod routes;
