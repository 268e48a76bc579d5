//! Agents in namespaces that are nodes, on a real API server: what is in force on real packets, over restarts of the server, and under churn.
//!
//! They need root, and a kube-apiserver and an etcd in the folder that `KUBEBUILDER_ASSETS` names; else they say that they are skipped.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says how much it did, or that it is skipped")]

mod churn;
mod effect;
mod load;
mod restarts;
mod traffic;
mod world;
