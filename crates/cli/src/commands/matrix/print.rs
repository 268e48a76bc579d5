//! A matrix for people and for programs.

use super::cells::{Cell, Matrix};
use crate::probes::{Connections, Probes};
use crate::streams::{Failure, Streams, Tone, clean};
use crate::table;
use serde::Serialize;
use std::io::{self, Write};

/// Columns that fit a page.
const MOST_COLUMNS: usize = 60;
/// Kinds of partial connections that have a letter; beyond, they share one sign.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

pub(super) fn table(matrix: &Matrix, probes: &Probes, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let rows = matrix.rows.len();
    if rows > MOST_COLUMNS {
        return Err(Failure::usage(format!(
            "{rows} rows are too wide for a table: choose with --namespace, or print them with -o csv or -o json"
        )));
    }
    let mut legend = Legend { probes, partial: Vec::new() };
    let mut header = vec!["FROM \\ TO".to_owned()];
    header.extend((1..=rows).map(|number| number.to_string()));
    let mut lines = Vec::new();
    for (number, (row, cells)) in (1..).zip(matrix.rows.iter().zip(&matrix.cells)) {
        let mut line = vec![table::Cell::from(format!("{number} {}", row.name))];
        line.extend(cells.iter().map(|cell| legend.cell(cell, matrix.compares)));
        lines.push(line);
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let paint = streams.paint();
    table::print(&header, &lines, paint, streams.stdout)?;
    writeln!(streams.stdout)?;
    let all = if legend.probes.is_complete() { "everything" } else { "all that was asked for" };
    writeln!(streams.stdout, "✓ {all}   ✗ nothing   · itself")?;
    for (index, connections) in legend.partial.iter().enumerate() {
        writeln!(streams.stdout, "{} {}", letter(index), probes.words(connections).join("; "))?;
    }
    if matrix.compares {
        changes(matrix, probes, streams)?;
    } else {
        streams.hint(
            "Next: `margay explain FROM TO:PORT` says why. `--with DIR` or `--staged` shows what would change.",
        )?;
    }
    Ok(())
}

/// Each edge that changes, in words.
fn changes(matrix: &Matrix, probes: &Probes, streams: &mut Streams<'_>) -> io::Result<()> {
    let words = |connections: &Option<Connections>| match connections {
        None => "not there".to_owned(),
        Some(connections) if Probes::is_none(connections) => "nothing".to_owned(),
        Some(connections) => probes.words(connections).join("; "),
    };
    writeln!(streams.stdout)?;
    if !matrix.changed() {
        return writeln!(streams.stdout, "Nothing would change.");
    }
    writeln!(streams.stdout, "Would change:")?;
    let paint = streams.paint();
    for (from, cells) in matrix.rows.iter().zip(&matrix.cells) {
        for (to, cell) in matrix.rows.iter().zip(cells).filter(|(_, cell)| cell.changed(true)) {
            let Cell::Open(before, after) = cell else { continue };
            let after_words = paint.apply(tone_of_change(before, after), &words(after));
            let edge = clean(&format!("{} → {}", from.name, to.name));
            writeln!(streams.stdout, "  {edge}: {} → {after_words}", words(before))?;
        }
    }
    Ok(())
}

/// What opens is what to look at twice.
fn tone_of_change(before: &Option<Connections>, after: &Option<Connections>) -> Tone {
    let open = |connections: &Option<Connections>, probe: usize| connections.as_ref().is_some_and(|c| c[probe]);
    let probes = before.as_ref().or(after.as_ref()).map_or(0, Vec::len);
    let opened = (0..probes).any(|probe| !open(before, probe) && open(after, probe));
    if opened { Tone::Bad } else { Tone::Good }
}

struct Legend<'p> {
    probes: &'p Probes,
    partial: Vec<Connections>,
}

impl Legend<'_> {
    fn cell(&mut self, cell: &Cell, compares: bool) -> table::Cell {
        let Cell::Open(before, after) = cell else { return table::Cell("·".to_owned(), Tone::Dim) };
        if !cell.changed(compares) {
            let (sign, tone) = self.sign(before);
            return table::Cell(sign, tone);
        }
        let text = format!("{}→{}", self.sign(before).0, self.sign(after).0);
        table::Cell(text, tone_of_change(before, after))
    }

    fn sign(&mut self, connections: &Option<Connections>) -> (String, Tone) {
        match connections {
            None => ("-".to_owned(), Tone::Dim),
            Some(connections) if Probes::is_all(connections) => ("✓".to_owned(), Tone::Good),
            Some(connections) if Probes::is_none(connections) => ("✗".to_owned(), Tone::Bad),
            Some(connections) => {
                let known = self.partial.iter().position(|partial| partial == connections);
                let index = known.unwrap_or_else(|| {
                    self.partial.push(connections.clone());
                    self.partial.len() - 1
                });
                (letter(index), Tone::Mixed)
            }
        }
    }
}

/// `a` to `Z`, then `a1` and so on.
fn letter(index: usize) -> String {
    let letter = char::from(LETTERS[index % LETTERS.len()]);
    match index / LETTERS.len() {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

#[derive(Serialize)]
struct MatrixReport<'a> {
    ends: Vec<EndReport<'a>>,
    pairs: Vec<Pair<'a>>,
}

#[derive(Serialize)]
struct EndReport<'a> {
    name: &'a str,
    members: &'a [String],
}

/// `allowed` is empty where nothing goes through, null where an end is not there.
#[derive(Serialize)]
struct Pair<'a> {
    from: &'a str,
    to: &'a str,
    allowed: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Option<Vec<String>>>,
}

fn pairs<'a>(matrix: &'a Matrix, probes: &Probes) -> Vec<Pair<'a>> {
    let words = |connections: &Option<Connections>| connections.as_ref().map(|connections| probes.words(connections));
    let mut pairs = Vec::new();
    for (from, cells) in matrix.rows.iter().zip(&matrix.cells) {
        for (to, cell) in matrix.rows.iter().zip(cells) {
            if let Cell::Open(before, after) = cell {
                let after = matrix.compares.then(|| words(after));
                pairs.push(Pair { from: &from.name, to: &to.name, allowed: words(before), after });
            }
        }
    }
    pairs
}

pub(super) fn json(matrix: &Matrix, probes: &Probes, out: &mut dyn Write) -> io::Result<()> {
    let ends = matrix.rows.iter().map(|row| EndReport { name: &row.name, members: &row.members }).collect();
    serde_json::to_writer_pretty(&mut *out, &MatrixReport { ends, pairs: pairs(matrix, probes) })?;
    writeln!(out)
}

pub(super) fn csv(matrix: &Matrix, probes: &Probes, out: &mut dyn Write) -> io::Result<()> {
    let words = |words: &Option<Vec<String>>| match words {
        None => "not there".to_owned(),
        Some(words) if words.is_empty() => "nothing".to_owned(),
        Some(words) => words.join("; "),
    };
    writeln!(out, "{}", if matrix.compares { "from,to,allowed,after" } else { "from,to,allowed" })?;
    for pair in pairs(matrix, probes) {
        write!(out, "{},{},{}", field(pair.from), field(pair.to), field(&words(&pair.allowed)))?;
        match &pair.after {
            Some(after) => writeln!(out, ",{}", field(&words(after)))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// A field of RFC 4180.
fn field(text: &str) -> String {
    let quoted = text.contains([',', '"', '\n', '\r']);
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
