//! A Plan as HNS ACLs.
pub mod driver;
pub mod lower;
