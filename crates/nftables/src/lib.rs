//! nf_tables by netlink: batches, extended acknowledgement, dump
