//! Columns of text that line up.

use crate::streams::{Paint, Tone, clean};
use std::io::{self, Write};

/// A cell: its text, and how it looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell(pub(crate) String, pub(crate) Tone);

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self(clean(&text.to_string()), Tone::Plain)
    }
}

/// Prints rows under a header, columns two spaces apart, without white space at the ends of lines.
pub(crate) fn print(header: &[&str], rows: &[Vec<Cell>], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let header: Vec<Cell> = header.iter().map(|name| Cell((*name).to_owned(), Tone::Bold)).collect();
    let width_of = |cell: &Cell| cell.0.chars().count();
    let mut widths: Vec<usize> = header.iter().map(width_of).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(cell));
        }
    }
    for row in std::iter::once(&header).chain(rows) {
        let last = row.iter().rposition(|cell| !cell.0.is_empty()).unwrap_or(0);
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate().take(last + 1) {
            let padding = if column == last { 0 } else { width - width_of(cell) + 2 };
            write!(out, "{}{:padding$}", paint.apply(cell.1, &cell.0), "")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
