//! The driver contract, the reconciler and the conformance suite
