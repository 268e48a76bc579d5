use smol_str::SmolStr;

/// A value of a document, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The text it was read from. Of a block list or mapping, from its first entry to its last.
    pub span: Span,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A number with a fraction or an exponent, or an integer beyond 64 bits.
    Float(f64),
    Text(SmolStr),
    List(Vec<Node>),
    /// In the order of the text; a key that is written twice is here twice, for the reader of the mapping to refuse.
    Map(Vec<Entry>),
}

/// A key of a mapping, and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: SmolStr,
    /// Where the key stands.
    pub span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of a key, the first where it is written twice; `None` for absent keys and of what is no mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The text of a string; `None` of anything else.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How many values there are in it, itself included.
    pub(super) fn count(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.value.count()).sum::<usize>(),
            _ => 1,
        }
    }

    /// How many lists and mappings deep it is.
    pub(super) fn depth(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl Value {
    /// What it is, in words: `a string`, `a list`.
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1; 0 means that the place is not known.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Position {
    /// The byte offset of the place in the text that it was read from, or the text's end.
    pub fn offset(self, text: &str) -> usize {
        let start = lines(text).nth(self.line.saturating_sub(1) as usize).map_or(text.len(), |(start, _)| start);
        let rest = &text[start..];
        let column = self.column.saturating_sub(1) as usize;
        start + rest.char_indices().nth(column).map_or(rest.len(), |(offset, _)| offset)
    }
}

/// The lines of a text as YAML breaks them (`\n`, `\r\n` or `\r`), each with its byte offset and without its break.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &text[start..];
        let (line, taken) = match rest.find(['\n', '\r']) {
            None => (rest, None),
            Some(end) => (&rest[..end], Some(end + if rest[end..].starts_with("\r\n") { 2 } else { 1 })),
        };
        next = taken.map(|length| start + length);
        Some((start, line))
    })
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Its first character.
    pub start: Position,
    /// The character after its last.
    pub end: Position,
}
