//! No calls by either door make the emulator panic, and no frames.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use margay_hcn::{Guid, Kind, Service, Version};
use margay_vfp::{Config, Direction, Emulator, NetworkKind};

#[derive(Arbitrary, Debug)]
enum Call<'a> {
    V1 { method: u8, path: u8, other: &'a str, body: &'a str },
    V2 { verb: u8, kind: u8, there: bool, body: &'a str },
    Frame { out: bool, bytes: &'a [u8] },
    Command(&'a str),
}

const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "PUT"];
const PATHS: [&str; 8] = [
    "/networks/",
    "/endpoints/",
    "/namespaces/",
    "/policylists/",
    "/networks/N",
    "/endpoints/E",
    "/endpoints/E/attach",
    "/endpoints/E/detach",
];

fuzz_target!(|input: (u8, Vec<Call<'_>>)| {
    let (version, calls) = input;
    let version = Version::KNOWN[usize::from(version) % Version::KNOWN.len()];
    let hns = Emulator::new(Config::new(version));
    let subnet = "10.0.0.0/24".parse().expect("a prefix");
    let network = hns.add_network(NetworkKind::L2Bridge, "net", &[subnet]).expect("a network");
    let endpoint = hns.add_endpoint(network, "pod", &[]).expect("an endpoint");
    for call in calls {
        match call {
            Call::V1 { method, path, other, body } => {
                let path = PATHS.get(usize::from(path)).unwrap_or(&other);
                let path = path.replace('N', &network.to_string()).replace('E', &endpoint.to_string());
                let _ = hns.call(METHODS[usize::from(method) % METHODS.len()], &path, body);
            }
            Call::V2 { verb, kind, there, body } => v2(&hns, verb, kind, there, body, [network, endpoint]),
            Call::Frame { out, bytes } => {
                let way = if out { Direction::Out } else { Direction::In };
                let _ = hns.process_frame(endpoint, way, bytes);
            }
            Call::Command(text) => {
                let _ = hns.vfpctrl(&text.split('|').collect::<Vec<_>>());
            }
        }
    }
    let _ = hns.dump();
});

fn v2(hns: &Emulator, verb: u8, kind: u8, there: bool, body: &str, [network, endpoint]: [Guid; 2]) {
    let kind = Kind::ALL[usize::from(kind) % Kind::ALL.len()];
    let id = match kind {
        Kind::Network if there => network,
        Kind::Endpoint if there => endpoint,
        _ => Guid::ZERO,
    };
    let _ = match verb % 5 {
        0 => hns.enumerate(kind, body).map(drop),
        1 => hns.query(kind, id, body).map(drop),
        2 => hns.create(kind, Some(network), Guid::ZERO, body).map(drop),
        3 => hns.modify(kind, id, body),
        _ => hns.delete(kind, id),
    };
}
