use smol_str::SmolStr;

use crate::expr::Junction;
use crate::{BuildError, Expr, ParseError, ParseErrorKind};

/// How many bytes a label may have.
pub const MAX_LABEL: usize = 512;

/// How deep parentheses may nest in the text of a selector. Repeated `!` cost no depth.
pub const MAX_DEPTH: usize = 128;

const TERM: &str = "a condition";
const OPERATOR: &str = "an operator (==, !=, in, not in, contains, starts with or ends with) after the label";

/// The normal form of a text.
pub(crate) fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.skip_space();
    if parser.at == text.len() {
        return Ok(Expr::All);
    }
    let expr = parser.junction(Junction::Or, false)?;
    if parser.at < text.len() {
        return Err(parser.unexpected("&&, || or the end"));
    }
    Ok(expr)
}

/// The label, if it is one.
pub(crate) fn label(label: &str) -> Result<SmolStr, BuildError> {
    if (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(is_label_byte) {
        Ok(label.into())
    } else {
        Err(BuildError::Label { label: label.into() })
    }
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

/// Recursive descent in one pass. Each step leaves `at` behind the white space that follows what it took. Negations are
/// carried down to the leaves, so that what comes out is in normal form.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Operands joined by `||`, or by `&&` one level below.
    fn junction(&mut self, junction: Junction, negated: bool) -> Result<Expr, ParseError> {
        let operand = |parser: &mut Self| match junction {
            Junction::Or => parser.junction(Junction::And, negated),
            Junction::And => parser.term(negated),
        };
        let sign = match junction {
            Junction::Or => "||",
            Junction::And => "&&",
        };
        let first = operand(self)?;
        if !self.take(sign) {
            return Ok(first);
        }
        let mut operands = vec![first, operand(self)?];
        while self.take(sign) {
            operands.push(operand(self)?);
        }
        Ok(Expr::join(junction.negated_if(negated), operands))
    }

    /// A condition, negated any number of times: a comparison, a function, or something in parentheses.
    fn term(&mut self, mut negated: bool) -> Result<Expr, ParseError> {
        while self.take("!") {
            negated = !negated;
        }
        let start = self.at;
        if self.take("(") {
            if self.depth == MAX_DEPTH {
                return Err(ParseError::new(ParseErrorKind::TooDeep, start..start + 1));
            }
            self.depth += 1;
            let inner = self.junction(Junction::Or, negated)?;
            self.depth -= 1;
            if !self.take(")") {
                return Err(self.unexpected("&&, || or )"));
            }
            return Ok(inner);
        }
        let word = self.word();
        let function = self.text[self.at + word.len()..].starts_with('(');
        let leaf = match word {
            "" => return Err(self.unexpected(TERM)),
            "has" if function => {
                self.skip("has(".len());
                Expr::Has(self.label("a label")?)
            }
            "all" if function => {
                self.skip("all(".len());
                Expr::All
            }
            "global" if function => {
                self.skip("global(".len());
                Expr::Global
            }
            _ if function => return Err(self.unexpected("has(label), all() or global()")),
            _ => return self.comparison(negated),
        };
        self.expect(")")?;
        Ok(leaf.negated_if(negated))
    }

    /// A label, an operator, and what it is compared with.
    fn comparison(&mut self, negated: bool) -> Result<Expr, ParseError> {
        let label = self.label(TERM)?;
        if self.take("==") {
            return Ok(Expr::compare(label, self.string()?, negated));
        }
        if self.take("!=") {
            return Ok(Expr::compare(label, self.string()?, !negated));
        }
        let operator = self.at;
        let word = self.word();
        self.skip(word.len());
        let part: fn(SmolStr, SmolStr) -> Expr = match word {
            "in" => return Ok(Expr::member(label, self.set()?, negated)),
            "notin" => return Ok(Expr::member(label, self.set()?, !negated)),
            "not" if self.take_word("in") => return Ok(Expr::member(label, self.set()?, !negated)),
            "contains" => Expr::Contains,
            "startswith" => Expr::StartsWith,
            "endswith" => Expr::EndsWith,
            "starts" if self.take_word("with") => Expr::StartsWith,
            "ends" if self.take_word("with") => Expr::EndsWith,
            _ => {
                self.at = operator;
                return Err(self.unexpected(OPERATOR));
            }
        };
        Ok(Expr::part(part, label, self.string()?).negated_if(negated))
    }

    /// The strings of a set, with its braces.
    fn set(&mut self) -> Result<Vec<SmolStr>, ParseError> {
        if !self.take("{") {
            return Err(self.unexpected("{ and a list of quoted strings"));
        }
        let mut values = Vec::new();
        while !self.take("}") {
            if !self.rest().starts_with(['"', '\'']) {
                return Err(self.unexpected("a quoted string or }"));
            }
            values.push(self.string()?);
            if !self.take(",") && !self.rest().starts_with('}') {
                return Err(self.unexpected("a comma or }"));
            }
        }
        Ok(values)
    }

    /// The text between quotes.
    fn string(&mut self) -> Result<SmolStr, ParseError> {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return Err(self.unexpected("a quoted string after the operator"));
        };
        let inner = &self.rest()[1..];
        let Some(length) = inner.find(quote) else {
            return Err(ParseError::new(ParseErrorKind::Unterminated { quote }, self.at..self.text.len()));
        };
        self.skip(length + 2);
        Ok(inner[..length].into())
    }

    fn label(&mut self, expected: &'static str) -> Result<SmolStr, ParseError> {
        let word = self.word();
        match word.len() {
            0 => Err(self.unexpected(expected)),
            1..=MAX_LABEL => {
                self.skip(word.len());
                Ok(word.into())
            }
            length => Err(ParseError::new(ParseErrorKind::LabelTooLong { length }, self.at..self.at + length)),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The label characters that stand here, perhaps none.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.bytes().position(|byte| !is_label_byte(byte)).unwrap_or(rest.len())]
    }

    fn skip(&mut self, length: usize) {
        self.at += length;
        self.skip_space();
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes the sign if it stands here.
    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.skip(sign.len());
        }
        found
    }

    /// Takes the word if it, and no longer one, stands here.
    fn take_word(&mut self, word: &str) -> bool {
        let found = self.word() == word;
        if found {
            self.skip(word.len());
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), ParseError> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    /// The error that something else must stand here; it spans what does.
    fn unexpected(&self, expected: &'static str) -> ParseError {
        let rest = self.rest();
        if rest.starts_with(['\n', '\r']) {
            return ParseError::new(ParseErrorKind::LineBreak, self.at..self.at + 1);
        }
        let word = self.word().len();
        let length = match rest.chars().next() {
            Some(_) if word > 0 => word,
            Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |inner| inner + 2),
            Some(_) if ["==", "!=", "&&", "||"].iter().any(|sign| rest.starts_with(sign)) => 2,
            Some(other) => other.len_utf8(),
            None => 0,
        };
        let kind = ParseErrorKind::Unexpected { expected, found: shortened(&rest[..length]) };
        ParseError::new(kind, self.at..self.at + length)
    }
}

/// At most 32 characters, an ellipsis in place of the rest.
fn shortened(text: &str) -> SmolStr {
    match text.char_indices().nth(32) {
        Some((end, _)) => SmolStr::from_iter([&text[..end], "…"]),
        None => text.into(),
    }
}
