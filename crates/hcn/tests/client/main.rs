//! The typed client against an HNS of a few lines that remembers what it was asked.

mod fake;
mod faults;
mod reading;
mod writing;
