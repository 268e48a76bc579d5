//! Prints what so many cases cover and how fast they are: `cargo run --release -p margay-generator --example cases -- 300`.
//! With `case NUMBER` it prints one of them.

use margay_generator::{Coverage, Shape, strategy};
use margay_spec::{Settings, World};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::{Duration, Instant};

#[allow(clippy::print_stdout)]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| words.get(i).and_then(|word| word.parse::<usize>().ok());
    let shape = if words.iter().any(|word| word == "lab") { Shape::lab() } else { Shape::default() };
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = strategy(shape);
    let mut draw = || strategy.new_tree(&mut runner).map(|tree| tree.current());
    if words.first().is_some_and(|word| word == "case") {
        if let Some(Ok(case)) = (0..=number(1).unwrap_or(0)).map(|_| draw()).last() {
            println!("{case}");
        }
        return;
    }
    let mut coverage = Coverage::default();
    let (mut drawing, mut decoding, mut judging) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..number(0).unwrap_or(300) {
        let start = Instant::now();
        let Ok(case) = draw() else { continue };
        let drawn = Instant::now();
        let objects = case.cluster.objects();
        let decoded = Instant::now();
        let world = World::new(&objects, Settings::default());
        let verdicts: Vec<_> = case.flows.iter().map(|flow| world.verdict(flow)).collect();
        drawing += drawn - start;
        decoding += decoded - drawn;
        judging += decoded.elapsed();
        coverage.observe(&case.cluster, &case.flows, &verdicts);
    }
    println!("{coverage}");
    println!("never: {:?}", coverage.missing());
    println!("drawing {drawing:?}, decoding {decoding:?}, judging {judging:?}");
}
