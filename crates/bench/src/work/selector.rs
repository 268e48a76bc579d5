//! Selectors by themselves.

use crate::measure::{Measured, Meter};
use margay_selector::Selector;
use std::hint::black_box;

const TEXT: &str = r#"! (a == "b"&&! c != "d") || !(a == "b" && !c != "d")"#;
const OPERATIONS: u32 = 100_000;

pub(crate) fn parse() -> Measured {
    let meter = Meter::start();
    for _ in 0..OPERATIONS {
        black_box(Selector::parse(black_box(TEXT)).is_ok());
    }
    meter.stop(0).each(OPERATIONS)
}

/// Whether a thing with two labels matches.
pub(crate) fn matches() -> Measured {
    let selector = Selector::parse(TEXT).expect("a selector");
    let labels = [("a", "b"), ("c", "e")];
    let meter = Meter::start();
    for _ in 0..OPERATIONS {
        black_box(selector.matches(black_box(&labels)));
    }
    meter.stop(0).each(OPERATIONS)
}
