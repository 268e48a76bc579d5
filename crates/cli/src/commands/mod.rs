//! The commands, one module each.

#[cfg(any(target_os = "linux", windows))]
pub(crate) mod agent;
#[cfg(any(target_os = "linux", windows))]
pub(crate) mod cleanup;
#[cfg(target_os = "linux")]
pub(crate) mod controller;
pub(crate) mod crds;
#[cfg(target_os = "linux")]
pub(crate) mod demo;
pub(crate) mod diags;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod flows;
#[cfg(target_os = "linux")]
pub(crate) mod lab;
pub(crate) mod matrix;
pub(crate) mod migrate;
pub(crate) mod pages;
pub(crate) mod policies;
pub(crate) mod render;
#[cfg(target_os = "linux")]
pub(crate) mod replay;
pub(crate) mod selects;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod validate;
