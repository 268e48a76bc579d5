//! A real API server for tests and benches, as envtest has it: where `KUBEBUILDER_ASSETS` names a folder with `kube-apiserver` and `etcd`, both are
//! started in a temporary folder, and ended with what started them.
//!
//! This crate owns the processes ([`ControlPlane`], [`Agent`]), what writes objects into them ([`Writer`]), and the objects of a cluster that has nothing
//! else: no kubelet, no scheduler, no controllers, so that [`objects`] say what those would. It must never know what a policy means.
//!
//! - **No version is asked for.** Flags are those that both kube-apiserver 1.20 and 1.36 take.
//! - **Everything is of the calling thread's network namespace**: what is started in one is reached from there. A thread of the wrong one finds nobody.
//! - **It dies as servers die**: [`kill`](ControlPlane::kill), [`stop`](ControlPlane::stop), [`restart`](ControlPlane::restart) on the same port with
//!   the same certificate, and [`compact`](ControlPlane::compact) for a history that is gone.
//!
//! ```
//! use margay_envtest::{Assets, ControlPlane, Write, Writer, objects};
//! use std::net::Ipv4Addr;
//!
//! // Says on standard error that there is nothing to start, where there is not.
//! let Some(assets) = Assets::find() else { return };
//! let server = ControlPlane::start(&assets, Ipv4Addr::LOCALHOST.into()).expect("it starts");
//! let writer = Writer::new(server.kubeconfig()).expect("a client");
//! let shop = writer.write(&Write::Create(objects::namespace("shop", &[]))).expect("a namespace");
//! assert_eq!(shop["status"]["phase"], "Active");
//! ```

mod agent;
mod assets;
mod control_plane;
mod error;
mod gateway;
pub mod objects;
mod process;
mod writer;

pub use agent::{Agent, Profile, program};
pub use assets::Assets;
pub use control_plane::ControlPlane;
pub use error::{Error, Result};
pub use writer::{Write, Writer};
