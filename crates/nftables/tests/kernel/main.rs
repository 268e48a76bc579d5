//! Tests against the real kernel, each in a network namespace of its own. Without the permission to make one, a test
//! says so and passes.

mod batch;
mod conntrack;
mod errors;
mod expressions;
mod monitor;
mod namespace;
mod nflog;
mod objects;
