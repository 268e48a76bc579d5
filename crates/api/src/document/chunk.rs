/// The documents of a stream, cut at the lines that start with `---` or `...`, each with the number of its first line.
///
/// Such a line can't be inside a document: YAML forbids it even in quoted and block scalars, and JSON has no line breaks in strings.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a str, u32);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (text, first) = (self.rest, self.line);
        let mut end = 0;
        // Directives and comments belong to the document that the next `---` starts.
        let mut begun = false;
        for line in text.split_inclusive('\n') {
            if is_marker(line, "...") {
                self.line += 1;
                self.rest = &text[end + line.len()..];
                return Some((&text[..end], first));
            }
            let start = is_marker(line, "---");
            if start && begun {
                break;
            }
            begun |= start || !matches!(line.trim_start().as_bytes().first(), None | Some(b'#' | b'%'));
            end += line.len();
            self.line += 1;
        }
        self.rest = &text[end..];
        Some((&text[..end], first))
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, u32)]) {
        assert_eq!(Chunks::new(text).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn a_stream_is_cut_at_its_markers() {
        check("", &[]);
        check("a: 1\n", &[("a: 1\n", 1)]);
        check("a: 1\n---\nb: 2", &[("a: 1\n", 1), ("---\nb: 2", 2)]);
        check("---\na: 1\n---\n---\nb: 2\n", &[("---\na: 1\n", 1), ("---\n", 3), ("---\nb: 2\n", 4)]);
        check("# licence\n%YAML 1.1\n---\na: 1\n", &[("# licence\n%YAML 1.1\n---\na: 1\n", 1)]);
        check("a: 1\n...\nb: 2\n", &[("a: 1\n", 1), ("b: 2\n", 3)]);
        check("a: 1\r\n---\r\nb: 2", &[("a: 1\r\n", 1), ("---\r\nb: 2", 2)]);
        check("a: |\n  ---\n----\n---x\n", &[("a: |\n  ---\n----\n---x\n", 1)]);
        check("--- {a: 1}\n--- {b: 2}\n", &[("--- {a: 1}\n", 1), ("--- {b: 2}\n", 2)]);
    }
}
