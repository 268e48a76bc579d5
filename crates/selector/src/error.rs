use std::fmt::{self, Write};
use std::ops::Range;

use smol_str::SmolStr;

use crate::{MAX_DEPTH, MAX_LABEL, Operator};

/// Why a text is no selector, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind} at byte {}", span.start)]
pub struct ParseError {
    kind: ParseErrorKind,
    span: Range<usize>,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, span: Range<usize>) -> Self {
        Self { kind, span }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// Where it is, in bytes from the start of the text; the length of the text if that ended too soon.
    pub fn position(&self) -> usize {
        self.span.start
    }

    /// The bytes of the text to underline: a slice of the text, on character boundaries; empty at the text's end.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// What can be wrong with the text of a selector.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Something else must stand here.
    #[error("expected {expected}, found {}", Found(found))]
    Unexpected {
        /// What may stand here, in words.
        expected: &'static str,
        /// What stands here instead, shortened; empty at the end of the text.
        found: SmolStr,
    },
    /// A quote is opened and never closed.
    #[error("the string has no closing quote ({quote}), opened")]
    Unterminated {
        /// The quote that opens it, and would close it.
        quote: char,
    },
    /// A line break outside quotes.
    #[error("a selector is one line, found a line break")]
    LineBreak,
    /// A label longer than the language allows.
    #[error("a label has at most {MAX_LABEL} bytes, this one has {length}")]
    LabelTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Parentheses too deep.
    #[error("parentheses nest at most {MAX_DEPTH} deep")]
    TooDeep,
}

/// Prints what was found, with what can't be seen escaped.
struct Found<'a>(&'a str);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the end");
        }
        f.write_char('`')?;
        for character in self.0.chars() {
            match character {
                '"' | '\'' | '\\' => f.write_char(character)?,
                other => write!(f, "{}", other.escape_debug())?,
            }
        }
        f.write_char('`')
    }
}

/// Why a selector can't be built from parts: the language could not write it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Not a label.
    #[error("{label:?} is not a label: 1 to {MAX_LABEL} of the characters A-Z a-z 0-9 _ . / -")]
    Label {
        /// What was given as the label.
        label: SmolStr,
    },
    /// A value with both kinds of quote, which the language has no way to write. No value of a Kubernetes label has a quote,
    /// so such a condition is a mistake, not a wish.
    #[error("the value {value:?} of the label {label} has both single and double quotes, which a selector can't hold")]
    Value {
        /// The label it is compared with.
        label: SmolStr,
        /// The value.
        value: SmolStr,
    },
    /// A Kubernetes requirement `In` or `NotIn` without values.
    #[error("{operator} on the label {label} needs at least one value")]
    NoValues {
        /// The requirement's key.
        label: SmolStr,
        /// The requirement's operator.
        operator: Operator,
    },
    /// A Kubernetes requirement `Exists` or `DoesNotExist` with values.
    #[error("{operator} on the label {label} takes no values")]
    UnwantedValues {
        /// The requirement's key.
        label: SmolStr,
        /// The requirement's operator.
        operator: Operator,
    },
}
