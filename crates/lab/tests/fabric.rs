use margay_lab::fabric::*;
use std::time::Instant;
fn topo(nodes: usize, pods: usize, wiring: Wiring) -> Topology {
    Topology {
        wiring,
        nodes: (0..nodes)
            .map(|i| Node {
                name: format!("n{i}"),
                addresses: vec![
                    format!("192.0.2.{}", i + 1).parse().unwrap(),
                    format!("2001:db8:1::{}", i + 1).parse().unwrap(),
                ],
                gateways: vec![],
                uplink: "eth0".into(),
            })
            .collect(),
        pods: (0..pods)
            .map(|i| Pod {
                id: format!("default/p{i}"),
                node: i % nodes,
                addresses: vec![
                    format!("10.1.{}.{}", i / 200, i % 200 + 1).parse().unwrap(),
                    format!("fd00::{}", i + 1).parse().unwrap(),
                ],
            })
            .collect(),
    }
}
#[test]
fn speed() {
    for (n, p) in [(2, 10), (2, 10), (2, 100), (5, 300)] {
        for w in [Wiring::Routed, Wiring::Bridge] {
            let t = Instant::now();
            let mut f = Fabric::build(&topo(n, p, w)).unwrap();
            let b = t.elapsed();
            let t = Instant::now();
            f.update(&topo(n, p + 1, w)).unwrap();
            let u = t.elapsed();
            let t = Instant::now();
            f.update(&topo(n, p, w)).unwrap();
            let r = t.elapsed();
            let t = Instant::now();
            drop(f);
            println!("{w:?} {n} {p}: build {b:?} add {u:?} remove {r:?} drop {:?}", t.elapsed());
        }
    }
}
