//! How many packets a port judges in a second: by its rules alone, and with flows.
//!
//! `cargo run --release -p margay-vfp --example verdicts`

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use margay_hcn::{Failure, Kind, Service};
use margay_vfp::{Config, Direction, Emulator, NetworkKind, Packet};
use serde_json::{Value, json};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// Packets of each measurement, drawn from so many connections.
const PACKETS: u32 = 2_000_000;
const CONNECTIONS: u32 = 10_000;

fn main() -> Result<(), Failure> {
    println!("{:>6} {:>9} {:>14} {:>14} {:>12}", "ACLs", "prefixes", "rules/s", "flows/s", "write");
    for (acls, prefixes) in [(2, 1), (20, 10), (100, 100), (100, 4000), (1000, 10)] {
        measure(acls, prefixes)?;
    }
    Ok(())
}

/// ACLs in, each of so many prefixes that no packet is from, then one that lets all through: the worst case of a first packet.
fn policies(acls: u32, prefixes: u32) -> String {
    let prefix = |acl: u32, n: u32| Ipv4Addr::from_bits(0xac10_0000 + acl.wrapping_mul(8192) + 2 * n).to_string();
    let acl = |at: u32| {
        let remote = (0..prefixes).map(|n| prefix(at, n)).collect::<Vec<_>>().join(",");
        json!({ "Type": "ACL", "Settings": { "Action": "Block", "Direction": "In", "Protocols": "6", "RuleType": "Switch",
            "Priority": 1000 + at, "RemoteAddresses": remote, "LocalPorts": "80,443,8000-9000" } })
    };
    let all = |direction: &str| json!({ "Type": "ACL", "Settings": { "Action": "Allow", "Direction": direction, "Protocols": "256", "RuleType": "Switch", "Priority": 65000 } });
    let policies: Vec<Value> = (0..acls).map(acl).chain([all("In"), all("Out")]).collect();
    json!({ "ResourceType": "Policy", "RequestType": "Update", "Settings": { "Policies": policies } }).to_string()
}

fn measure(acls: u32, prefixes: u32) -> Result<(), Failure> {
    let hns = Emulator::new(Config::default());
    let subnet = "10.0.0.0/16".parse().expect("a prefix");
    let network = hns.add_network(NetworkKind::L2Bridge, "net", &[subnet])?;
    let pod = hns.add_endpoint(network, "pod", &[])?;
    let document = policies(acls, prefixes);
    let start = Instant::now();
    hns.modify(Kind::Endpoint, pod, &document)?;
    let write = start.elapsed();

    let packet = |n: u32| {
        let source: IpAddr = Ipv4Addr::from_bits(0x0a00_0000 + n % CONNECTIONS).into();
        Packet::tcp((source, 1024), (Ipv4Addr::new(10, 0, 0, 2).into(), 80))
    };
    let rules = hns.rules(pod).expect("the pod has a port");
    let by_rules = rate(|n| rules.decide(Direction::In, &packet(n)).allowed());
    let with_flows = rate(|n| hns.process(pod, Direction::In, &packet(n)).allowed());
    println!("{acls:>6} {prefixes:>9} {by_rules:>14.0} {with_flows:>14.0} {write:>12.2?}");
    Ok(())
}

fn rate(judge: impl Fn(u32) -> bool) -> f64 {
    let start = Instant::now();
    let allowed = (0..PACKETS).filter(|n| black_box(judge(*n))).count();
    assert_eq!(allowed, PACKETS as usize);
    f64::from(PACKETS) / start.elapsed().as_secs_f64()
}
