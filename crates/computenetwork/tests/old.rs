//! An HNS from before V2: computenetwork.dll has nothing to say, and vmcompute.dll does it all.

#![cfg(windows)]
#![allow(unsafe_code, clippy::print_stdout, reason = "functions of a DLL; what is left out is said")]

mod emulated;

use emulated::{emulated, open_handles, pod};
use margay_hcn::{Acl, Door, ErrorCode, Hns, Kind, Options, Policy, Service, Version};
use std::sync::Arc;

#[test]
fn v1_is_enough() {
    let Some(emulated) = emulated(Version::new(7, 0)) else { return };
    let (_, pod) = pod(&emulated.emulator);
    let refused = emulated.dll.query(Kind::Endpoint, pod, "").expect_err("there is no V2");
    assert_eq!(refused.code, ErrorCode::NOT_IMPLEMENTED);
    let hns = Hns::open(Arc::new(emulated.dll), Options::default()).expect("HNS tells its version");
    assert_eq!((hns.version(), hns.door()), (Version::new(7, 0), Door::V1));
    let acl = r#"{"Type":"ACL","Action":"Allow","Direction":"In","Protocol":6,"LocalPort":80,"RuleType":"Switch","Priority":1000}"#;
    let acl = Acl::read(Door::V1, &serde_json::from_str(acl).expect("JSON")).expect("an ACL");
    hns.replace_acls(pod, &[acl.clone().into()]).expect("it is taken");
    let endpoint = hns.endpoint(pod).expect("it is there");
    assert_eq!(endpoint.acls().filter_map(Policy::acl).collect::<Vec<_>>(), [&acl]);
    hns.delete(Kind::Endpoint, pod).expect("it goes");
    assert!(hns.endpoint(pod).expect_err("it is gone").is_not_found());
    assert_eq!(open_handles(), 0);
    drop(emulated.server);
}
