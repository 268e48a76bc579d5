//! The client beside recorded traffic, beside a model of a server, and beside a server.

#![allow(clippy::print_stdout, reason = "a test says what it leaves out")]

mod chaos;
mod cluster;
mod faults;
mod http;
mod model;
mod recorded;
mod tls;
mod yaml;
