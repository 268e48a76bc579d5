//! Rows as text.

use crate::beat::Beat;
use crate::measure::Measured;
use anyhow::Result;
use serde_json::json;

/// One JSON object.
pub(crate) fn json(name: &str, measured: &Measured, beat: Option<Beat>) -> Result<String> {
    let mut row = serde_json::to_value(measured)?;
    row["name"] = name.into();
    row["beat"] = beat.map_or(
        json!(null),
        |beat| json!({ "seconds": beat.seconds, "heap": beat.heap, "allocations": beat.allocations }),
    );
    Ok(row.to_string())
}

/// One line, with the ratio of the figure to beat to each measure: above 1 is better than it.
pub(crate) fn line(name: &str, measured: &Measured, beat: Option<Beat>) -> String {
    let beat = beat.unwrap_or_default();
    let ratio = |figure: f64, ours: f64| {
        if figure > 0.0 && ours > 0.0 { format!(" ({:.1}×)", figure / ours) } else { String::new() }
    };
    if measured.cpu == 0.0 {
        return of_clock(name, measured, &beat);
    }
    let seconds = measured.cpu;
    let mut parts = vec![
        format!("{name:<26} cpu {}{}", time(seconds), ratio(beat.seconds, seconds)),
        format!("allocations {}{}", count(measured.allocations), ratio(beat.allocations, measured.allocations)),
    ];
    if measured.operations == 0 {
        parts.insert(1, format!("wall {}", time(measured.wall)));
        parts.insert(2, format!("heap {}{}", size(measured.heap), ratio(beat.heap, measured.heap as f64)));
        parts.insert(3, format!("peak {}", size(measured.peak)));
    }
    parts.push(format!("deltas {}", count(measured.deltas)));
    if !measured.note.is_empty() {
        parts.push(measured.note.clone());
    }
    parts.join("  ")
}

/// The line of a row that is measured by the clock, beside what takes the least.
fn of_clock(name: &str, measured: &Measured, beat: &Beat) -> String {
    let felix = if measured.felix > 0.0 { measured.felix } else { beat.seconds };
    let mut parts = vec![format!("{name:<26} {}", time(measured.wall))];
    if measured.least > 0.0 {
        parts.push(format!("at the least {} ({:.2}×)", time(measured.least), measured.wall / measured.least));
    }
    if felix > 0.0 {
        parts.push(format!("Felix {} ({:.1}×)", time(felix), felix / measured.wall));
    }
    parts.push(measured.note.clone());
    parts.join("  ")
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

fn size(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn count(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.1} k", n / 1e3),
        n if n >= 100.0 || n.fract() == 0.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}
