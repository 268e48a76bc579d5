//! The emulator as its callers see it: tables of documents, packets and answers.

mod acls;
mod documents;
mod dump;
mod faults;
mod flows;
mod frames;
mod front_door;
mod oracle;
mod paths;
mod policies;
mod refusals;
mod support;
