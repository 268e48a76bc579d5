//! A Plan as nftables, on a real kernel
