//! Time and allocations of parsing, validating nothing less than what parsing does. Prints the best of many rounds:
//! `cargo bench -p margay-selector`.

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use margay_selector::Selector;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TEXTS: [&str; 4] = [
    r#"! (a == "b"&& ! c != "d") || !(a == "b" && !c != "d")"#,
    r#"alpha == "beta" && has(ipset-17)"#,
    "projectcalico.org/namespace == 'kube-system' && k8s-app in {'kube-dns', 'coredns', 'node-local-dns'}",
    "",
];

#[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
fn main() {
    const ROUND: u32 = 1_000;
    for text in TEXTS {
        let region = Region::new(ALLOCATOR);
        black_box(Selector::parse(black_box(text)).is_ok());
        let allocations = region.change().allocations;
        let mut best = Duration::MAX;
        for _ in 0..200 {
            let start = Instant::now();
            for _ in 0..ROUND {
                black_box(Selector::parse(black_box(text)).is_ok());
            }
            best = best.min(start.elapsed() / ROUND);
        }
        println!("{:>6} ns {allocations:>3} allocations  {text:?}", best.as_nanos());
    }
}
