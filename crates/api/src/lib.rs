//! Resources as users write them: kinds, defaults, and validation that says where
