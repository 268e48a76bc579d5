//! The HNS driver over the emulator: against the suite that every driver runs, and what is particular to it.

#![allow(clippy::print_stderr, reason = "a test says what it measured")]

mod agreement;
mod canary;
mod conformance;
mod endpoints;
mod gateways;
mod hostile;
mod life;
mod moves;
mod reference;
mod site;
mod storm;
mod support;
mod tunnels;
