//! Random clusters, policies and flows for property tests
