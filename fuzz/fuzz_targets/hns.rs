//! No bytes make the readers of HNS documents panic, and an ACL that was read is written to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_hcn::setting::{
    DrMacAddress, HostRoute, OutBoundNat, ProviderAddress, RemoteSubnetRoute, SdnRoute, SetPolicy, Vsid,
};
use margay_hcn::{
    Acl, Door, Endpoint, Envelope, ErrorCode, ErrorRecord, Failure, Guid, Mac, Members, Network, Policy, Version,
    document, v1, v2,
};

/// Versions that an ACL which was read can be written for.
const NEWEST: Version = Version::new(16, 0);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (text.parse::<Guid>(), text.parse::<Mac>(), text.parse::<Version>());
    let _ = Failure { code: ErrorCode::UNSPECIFIED, record: text.into() }.to_string();
    let _ = ErrorRecord::read(text).map(|record| (record.code(), record.said()));
    let _ = Envelope::read(text).map(Envelope::output);
    let _ = document::read::<v2::Namespace>(text);
    let _ = document::read::<v2::Request>(text);
    let networks = [
        document::read(text).and_then(|document: v1::Network| Network::from_v1(&document)),
        document::read(text).and_then(|document: v2::Network| Network::from_v2(&document)),
    ];
    let endpoints = [
        document::read(text).and_then(|document: v1::Endpoint| Endpoint::from_v1(&document)),
        document::read(text).and_then(|document: v2::Endpoint| Endpoint::from_v2(&document)),
    ];
    networks.iter().flatten().flat_map(|network| &network.policies).for_each(look);
    endpoints.iter().flatten().flat_map(|endpoint| &endpoint.policies).for_each(look);
    if let Ok(members) = document::read::<Members>(text) {
        for door in Door::ALL {
            look(&Policy::read(door, &members));
        }
    }
});

/// Reads what a policy may be.
fn look(policy: &Policy) {
    let _ = (policy.setting::<DrMacAddress>(), policy.setting::<HostRoute>(), policy.setting::<OutBoundNat>());
    let _ = (policy.setting::<ProviderAddress>(), policy.setting::<RemoteSubnetRoute>(), policy.setting::<SdnRoute>());
    let _ = (policy.setting::<SetPolicy>(), policy.setting::<Vsid>());
    if let Some(acl) = policy.acl() {
        for door in Door::ALL {
            let written = acl.write(door, NEWEST).expect("what was read can be expressed");
            assert_eq!(Acl::read(door, &written).as_ref(), Ok(acl));
        }
    }
}
