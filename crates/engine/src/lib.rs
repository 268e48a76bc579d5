//! Incremental calculation of the Plan
