//! A Plan as ACLs of the Windows Host Networking Service (HNS).
//!
//! - [`lower`] works out an endpoint's ACLs: pure, exact or closed.
//! - [`driver`] keeps what HNS has equal to them.
//!
//! It compiles and is tested on every system: HNS is whatever [`margay_hcn::Service`] it is given. It must never know of Linux, or of where a Plan comes from.

pub mod driver;
pub mod lower;
