//! The commands, one module each.

#[cfg(target_os = "linux")]
pub(crate) mod cleanup;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod matrix;
pub(crate) mod pages;
pub(crate) mod policies;
#[cfg(target_os = "linux")]
pub(crate) mod render;
pub(crate) mod selects;
pub(crate) mod validate;
