use super::{Entry, Limits, Node, Position, Span, SyntaxError, Value};
use smol_str::SmolStr;

/// The JSON values of a text, one after the other with only white space between, and the error that ended them.
pub(super) fn parse(text: &str, line: u32, limits: &Limits) -> (Vec<Node>, Option<SyntaxError>) {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, here: Position { line, column: 1 }, limits };
    let mut values = Vec::new();
    loop {
        reader.skip_space();
        if reader.peek().is_none() {
            return (values, None);
        }
        match reader.value(0) {
            Ok(value) => values.push(value),
            Err(error) => return (values, Some(error)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    here: Position,
    limits: &'a Limits,
}

type Read<T> = Result<T, SyntaxError>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes one byte; columns count characters, so the later bytes of one don't count.
    fn bump(&mut self) {
        match self.bytes[self.at] {
            b'\n' => self.here = Position { line: self.here.line + 1, column: 1 },
            byte if byte & 0xC0 == 0x80 => {}
            _ => self.here.column += 1,
        }
        self.at += 1;
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.bump();
        }
    }

    fn error<T>(&self, message: impl Into<String>) -> Read<T> {
        Err(SyntaxError { message: message.into(), position: self.here })
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return self.error(format!("expected `{}` here, as JSON has it", char::from(byte)));
        }
        self.bump();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        let start = self.here;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth == self.limits.depth => {
                return self.error(format!("lists and mappings nest at most {} deep", self.limits.depth));
            }
            Some(b'{') => self.map(depth + 1)?,
            Some(b'[') => self.list(depth + 1)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { value, span: Span { start, end: self.here } })
    }

    fn map(&mut self, depth: usize) -> Read<Value> {
        self.expect(b'{')?;
        let mut entries = Vec::new();
        self.skip_space();
        while self.peek() != Some(b'}') {
            if !entries.is_empty() {
                self.expect(b',')?;
                self.skip_space();
            }
            let start = self.here;
            if self.peek() != Some(b'"') {
                return self.error("expected a key in double quotes here, as JSON has it");
            }
            let key = self.string()?;
            let span = Span { start, end: self.here };
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            entries.push(Entry { key, span, value: self.value(depth)? });
            self.skip_space();
        }
        self.bump();
        Ok(Value::Map(entries))
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_space();
        while self.peek() != Some(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
                self.skip_space();
            }
            items.push(self.value(depth)?);
            self.skip_space();
        }
        self.bump();
        Ok(Value::List(items))
    }

    fn string(&mut self) -> Read<SmolStr> {
        self.expect(b'"')?;
        let mut start = self.at;
        let mut unescaped = String::new();
        loop {
            match self.peek() {
                None => return self.error("the string has no closing quote"),
                Some(b'"') => {
                    let last = &self.text[start..self.at];
                    self.bump();
                    return Ok(if unescaped.is_empty() { last.into() } else { (unescaped + last).into() });
                }
                Some(b'\\') => {
                    unescaped.push_str(&self.text[start..self.at]);
                    self.bump();
                    unescaped.push(self.escape()?);
                    start = self.at;
                }
                Some(byte) if byte < 0x20 => return self.error("a string has no line breaks or control characters"),
                Some(_) => self.bump(),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let Some(byte) = self.peek() else { return self.error("the string has no closing quote") };
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.bump();
                return self.unicode();
            }
            _ => return self.error("no escape that JSON has"),
        };
        self.bump();
        Ok(plain)
    }

    fn unicode(&mut self) -> Read<char> {
        let mut code = self.hex()?;
        if (0xD800..0xDC00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
            self.bump();
            self.bump();
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            }
        }
        match char::from_u32(code) {
            Some(found) => Ok(found),
            None => self.error("half of a surrogate pair"),
        }
    }

    fn hex(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.error("expected four hexadecimal digits after \\u");
            };
            code = code * 16 + digit;
            self.bump();
        }
        Ok(code)
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.bump();
        }
        let digits = &self.text[start..self.at];
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        let plain = unsigned.starts_with(|c: char| c.is_ascii_digit())
            && (!unsigned.starts_with('0') || !unsigned[1..].starts_with(|c: char| c.is_ascii_digit()));
        match (digits.parse(), digits.parse()) {
            (Ok(value), _) if plain => Ok(Value::Int(value)),
            (_, Ok(value)) if plain => Ok(Value::Float(value)),
            _ => self.error("no number that JSON has"),
        }
    }

    fn word(&mut self) -> Read<Value> {
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if self.text[self.at..].starts_with(word) {
                word.bytes().for_each(|_| self.bump());
                return Ok(value);
            }
        }
        self.error("expected a value here, as JSON has it")
    }
}
