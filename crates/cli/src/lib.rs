//! The margay command
