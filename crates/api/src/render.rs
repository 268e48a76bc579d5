use crate::document::lines;
use crate::{Problem, Severity};
use std::fmt::Write;

/// Characters of a source line that are shown; of a longer one, those around the problem.
const WIDTH: usize = 120;

pub(crate) fn render(problem: &Problem, source: &str, color: bool) -> String {
    let paint = |code: &'static str| if color { code } else { "" };
    let accent = paint(match problem.severity {
        Severity::Error => "\x1b[1;31m",
        Severity::Warning => "\x1b[1;33m",
        Severity::Note => "\x1b[1;36m",
    });
    let (bold, dim, reset) = (paint("\x1b[1m"), paint("\x1b[34m"), paint("\x1b[0m"));

    let mut out = String::new();
    let mut push = |line: std::fmt::Arguments<'_>| {
        // Writing to a String can't fail.
        let _ = writeln!(out, "{line}");
    };
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", clean(&problem.path)) };
    push(format_args!("{accent}{}{reset}{bold}: {path}{}{reset}", problem.severity, clean(&problem.message)));

    let (start, end) = (problem.span.start, problem.span.end);
    let margin = " ".repeat(start.line.max(1).ilog10() as usize + 1);
    let place = if start.line == 0 { String::new() } else { format!(":{}:{}", start.line, start.column) };
    let object = if problem.object.is_empty() { String::new() } else { format!(" ({})", clean(&problem.object)) };
    if !problem.file.is_empty() {
        push(format_args!("{margin}{dim}-->{reset} {}{place}{object}", clean(&problem.file)));
    }

    let line = (start.line as usize).checked_sub(1).and_then(|index| lines(source).nth(index));
    if let Some((_, line)) = line {
        let characters = line.chars().count();
        let first = (start.column.max(1) as usize - 1).min(characters);
        let last = if end.line == start.line { (end.column as usize).saturating_sub(1) } else { characters };
        let from = if characters <= WIDTH { 0 } else { first.saturating_sub(WIDTH / 3) };
        let shown: String = line.chars().skip(from).take(WIDTH).collect();
        let width = last.min(from + WIDTH).saturating_sub(first).max(1);
        push(format_args!("{margin} {dim}|{reset}"));
        push(format_args!("{dim}{} |{reset} {}", start.line, clean(shown.trim_end())));
        push(format_args!("{margin} {dim}|{reset} {}{accent}{}{reset}", " ".repeat(first - from), "^".repeat(width)));
    }
    if !problem.help.is_empty() {
        push(format_args!("{margin} {dim}={reset} help: {}", clean(&problem.help)));
    }
    out
}

/// The text with a space for each tab and a replacement character for every other control character, so that no file can steer a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}
