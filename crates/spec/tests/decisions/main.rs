//! A table for each numbered decision of `docs/semantics.md`.

mod after;
mod build;
mod host;
mod labels;
mod order;
mod rules;
mod selection;
mod staged;
