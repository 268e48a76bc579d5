//! The client beside recorded traffic, beside a model of a server, and beside a server.

mod chaos;
mod cluster;
mod http;
mod model;
mod recorded;
