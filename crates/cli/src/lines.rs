//! JSON lines in and out: each line of the output is its line of the input with the answer added.

use serde::Serialize;
use std::io::{self, BufRead, Write};

/// The longest line that is read; a flow takes some hundred bytes.
const LONGEST: usize = 1 << 20;

/// Members that an answer adds. A line that has them already (the output of an earlier run) loses them first.
const ANSWERED: [&str; 9] =
    ["verdict", "egress", "ingress", "by", "backends", "predicted", "measured", "unmeasured", "error"];

/// Lines of a text, numbered from 1, none of them kept: the memory needed is that of the longest.
pub struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines that a reader gives.
    pub fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, with its number; a line that is no text, or too long, is an error in its place.
    ///
    /// # Errors
    /// The reader's.
    #[allow(clippy::should_implement_trait, reason = "the line borrows the buffer")]
    pub fn next(&mut self) -> io::Result<Option<(u64, Result<&str, String>)>> {
        loop {
            self.buffer.clear();
            let read = io::Read::take(&mut self.from, LONGEST as u64 + 1).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read > LONGEST && self.buffer.last() != Some(&b'\n') {
                self.skip_line()?;
                return Ok(Some((self.number, Err(format!("the line is longer than {LONGEST} bytes")))));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let line = std::str::from_utf8(self.buffer.trim_ascii());
        Ok(Some((self.number, line.map_err(|error| format!("the line is not UTF-8: {error}")))))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.from.fill_buf()?;
            if chunk.is_empty() {
                return Ok(());
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.from.consume(taken);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// Writes a line of the input, which must be a JSON object, with the members of an answer added.
///
/// The text of the line stays as it is, unless it has a member that is an answer's.
///
/// # Errors
/// The writer's.
pub fn write_answered(out: &mut dyn Write, line: &str, answer: &impl Serialize) -> io::Result<()> {
    let members = serde_json::to_vec(answer)?;
    let stripped;
    let line = if is_plain(line) {
        line
    } else {
        stripped = without_answer(line)?;
        &stripped
    };
    let object = line.trim_end().strip_suffix('}').unwrap_or(line).trim_end();
    out.write_all(object.as_bytes())?;
    out.write_all(if object.ends_with('{') { b"" } else { b"," })?;
    out.write_all(&members[1..])?;
    out.write_all(b"\n")
}

/// Writes that a line could not be answered.
///
/// # Errors
/// The writer's.
pub fn write_error(out: &mut dyn Write, number: u64, error: &str) -> io::Result<()> {
    #[derive(Serialize)]
    struct Bad<'a> {
        error: &'a str,
        line: u64,
    }
    serde_json::to_writer(&mut *out, &Bad { error, line: number })?;
    out.write_all(b"\n")
}

/// Whether no member of the line can be an answer's. A backslash may hide one.
fn is_plain(line: &str) -> bool {
    !line.contains('\\') && !ANSWERED.iter().any(|name| line.contains(&format!("\"{name}\"")))
}

fn without_answer(line: &str) -> io::Result<String> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)?;
    for name in ANSWERED {
        object.shift_remove(name);
    }
    Ok(serde_json::to_string(&object)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_bounded() {
        let long = "x".repeat(LONGEST + 1);
        let text = [b"a\n\n  b \r\n", long.as_bytes(), b"\n\xff\nlast"].concat();
        let mut lines = Lines::new(text.as_slice());
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push(format!("{number} {}", line.map_or_else(|error| error, str::to_owned)));
        }
        let expected = [
            "1 a",
            "3 b",
            "4 the line is longer than 1048576 bytes",
            "5 the line is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0",
            "6 last",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_answer_is_added_to_the_line_as_it_is() {
        #[derive(Serialize)]
        struct Answer {
            verdict: &'static str,
        }
        for (line, expected) in [
            (r#"{"from" : "a",  "n":1.50}"#, r#"{"from" : "a",  "n":1.50,"verdict":"deny"}"#),
            (r#"{"from":"a" } "#, r#"{"from":"a","verdict":"deny"}"#),
            ("{ }", r#"{"verdict":"deny"}"#),
            (r#"{"from":"a","verdict":"allow","x":[{"by":1}]}"#, r#"{"from":"a","x":[{"by":1}],"verdict":"deny"}"#),
            (r#"{"\u0076erdict":"allow","from":"verdict"}"#, r#"{"from":"verdict","verdict":"deny"}"#),
        ] {
            let mut out = Vec::new();
            write_answered(&mut out, line, &Answer { verdict: "deny" }).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}\n"));
        }
    }
}
