//! A virtual cluster of network namespaces with the real data plane
