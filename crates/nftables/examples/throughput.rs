//! Times what a node's rules cost: a full load, one element, one rule. Runs in a network namespace of its own; needs
//! root.
//!
//! ```text
//! cargo run --release -p margay-nftables --example throughput
//! ```
#![allow(clippy::print_stdout, reason = "it is here to print")]

use margay_nftables::expr::{CtState, MetaKey, PayloadField};
use margay_nftables::*;
use std::time::{Duration, Instant};

const CHAINS: u32 = 1_000;
const ELEMENTS: u32 = 50_000;

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// The middle one of the times that the work takes.
fn median(rounds: usize, mut work: impl FnMut(u32)) -> Duration {
    let mut times: Vec<_> = (0..rounds).map(|round| time(|| work(round as u32)).0).collect();
    times.sort_unstable();
    times[rounds / 2]
}

fn chain(number: u32) -> String {
    format!("chain-{number}")
}

fn interface(number: u32) -> Data {
    Data::interface(&format!("cali{number}"))
}

/// Every fourth address, so that as many intervals of one address stay apart.
fn address(number: u32) -> [u8; 4] {
    (0x0a00_0000 + 4 * number).to_be_bytes()
}

fn build(batch: &mut Batch, table: &TableId) {
    batch.add_table(table, &Table::default());
    batch.add_set(table, &Set::new("addresses", FieldType::IPV4_ADDR));
    batch.add_elements(table, "addresses", (0..ELEMENTS).map(|n| Element::new(address(n))));
    batch.add_set(table, &Set::new("others", FieldType::IPV4_ADDR));
    batch.add_elements(table, "others", (0..ELEMENTS).map(|n| Element::new(address(n))));
    for number in 0..CHAINS {
        let name = chain(number);
        batch.add_chain(table, &Chain::regular(&name));
        let rules = [
            Rule::new().ct_state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept),
            Rule::new().ct_state(CtState::INVALID).verdict(Verdict::Drop),
            Rule::new().payload(PayloadField::IP_SADDR).lookup("addresses").verdict(Verdict::Accept),
            Rule::new().payload(PayloadField::IP_SADDR).lookup("others").verdict(Verdict::Accept),
            Rule::new()
                .meta(MetaKey::L4Proto)
                .eq(6)
                .payload(PayloadField::DPORT)
                .eq(Data::be16(443))
                .verdict(Verdict::Accept),
            Rule::new().counter().verdict(Verdict::Drop),
        ];
        rules.iter().for_each(|rule| batch.add_rule(table, &name, rule));
    }
    batch.add_set(table, &Set::verdict_map("dispatch", FieldType::IFNAME));
    let entry = |number| Element::new(interface(number)).to(Verdict::goto(chain(number)));
    batch.add_elements(table, "dispatch", (0..CHAINS).map(entry));
    batch.add_chain(table, &Chain::base("forward", BaseChain::filter(Hook::Forward, 0)));
    batch.add_rule(table, "forward", &Rule::new().meta(MetaKey::OifName).verdict_map("dispatch"));
}

fn main() -> Result<()> {
    if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
        println!("no network namespace can be made here: {error}");
        return Ok(());
    }
    let table = TableId::new(Family::Inet, "throughput");
    let mut connection = Connection::open()?;
    let mut batch = Batch::new();

    // Twice, since the first time pays for the memory.
    for _ in 0..2 {
        batch.clear();
        let (built, ()) = time(|| build(&mut batch, &table));
        let (committed, report) = time(|| connection.commit(&mut batch));
        let report = report?;
        println!(
            "full load: build {built:.1?}, commit {committed:.1?} ({} messages, {} bytes; {})",
            report.counts.total(),
            report.bytes,
            report.counts
        );
        let (read, ruleset) = time(|| connection.ruleset(&table));
        let ruleset = ruleset?.map_or(0, |ruleset| ruleset.rules.len());
        println!("read back: {read:.1?} ({ruleset} rules)");
        batch.clear();
        batch.delete_table(&table);
        connection.commit(&mut batch)?;
    }
    batch.clear();
    build(&mut batch, &table);
    connection.commit(&mut batch)?;

    let mut once = |fill: &mut dyn FnMut(&mut Batch)| {
        batch.clear();
        fill(&mut batch);
        if let Err(error) = connection.commit(&mut batch) {
            println!("failed: {error}");
        }
    };
    let element = |number| Element::new(address(ELEMENTS + number));
    println!(
        "one element more in a hash set of {ELEMENTS}: {:.1?}",
        median(1000, |n| {
            once(&mut |batch| batch.add_elements(&table, "addresses", [element(n)]));
        })
    );
    println!(
        "one element less: {:.1?}",
        median(1000, |n| {
            once(&mut |batch| batch.delete_elements(&table, "addresses", [element(n)]));
        })
    );
    println!(
        "a chain with two rules and its map entry: {:.1?}",
        median(100, |n| {
            once(&mut |batch| {
                let (number, name) = (CHAINS + n, chain(CHAINS + n));
                batch.add_chain(&table, &Chain::regular(&name));
                batch.add_rule(&table, &name, &Rule::new().counter());
                batch.add_rule(&table, &name, &Rule::new().verdict(Verdict::Drop));
                batch.add_elements(&table, "dispatch", [Element::new(interface(number)).to(Verdict::goto(&name))]);
            });
        })
    );

    let interval = |number: u32| Element::interval(address(number), address(number));
    once(&mut |batch| batch.add_set(&table, &Set::new("nets", FieldType::IPV4_ADDR).interval()));
    println!(
        "{ELEMENTS} intervals: {:.1?}",
        median(1, |_| {
            once(&mut |batch| batch.add_elements(&table, "nets", (0..ELEMENTS).flat_map(interval)));
        })
    );
    println!(
        "one interval more: {:.1?}",
        median(50, |n| {
            once(&mut |batch| batch.add_elements(&table, "nets", interval(ELEMENTS + n)));
        })
    );
    println!(
        "one interval less: {:.1?}",
        median(50, |n| {
            once(&mut |batch| batch.delete_elements(&table, "nets", interval(ELEMENTS + n)));
        })
    );
    Ok(())
}
