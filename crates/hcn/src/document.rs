//! JSON documents of HNS: read within bounds, written back with everything that was in them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The members of a JSON object, in their order.
pub type Members = serde_json::Map<String, Value>;

/// Bytes of a document; what is longer is refused unread. Hundreds of endpoints with hundreds of ACLs each fit.
pub const MAX_DOCUMENT: usize = 64 << 20;

/// Bytes of an odd value or a parser's complaint that an error repeats.
const EXCERPT: usize = 200;

/// Why a document can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is too long.
    #[error("the document has {bytes} bytes; at most {MAX_DOCUMENT} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is no JSON, or a member has the wrong type.
    #[error("the document can't be read: {problem}")]
    Syntax {
        /// What is wrong, and where.
        problem: String,
    },
    /// A member must be there and is not.
    #[error("the document has no member {member}")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A member's text means nothing.
    #[error("the member {member} is {value:?}: {problem}")]
    Member {
        /// Its name.
        member: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reads a document. Nesting is bounded by the parser, length by [`MAX_DOCUMENT`].
///
/// # Errors
/// What is too long, no JSON, or no such document.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, DocumentError> {
    if text.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLong { bytes: text.len() });
    }
    serde_json::from_str(text).map_err(|error| syntax(&error))
}

/// Reads a document that is parsed already.
///
/// # Errors
/// What is no such document.
pub(crate) fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, DocumentError> {
    serde_json::from_value(value).map_err(|error| syntax(&error))
}

/// Writes a document on one line.
///
/// # Panics
/// Never for the documents of this crate, whose maps all have text for keys.
pub fn write<T: Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("every key is a text")
}

/// The members of a document that is an object.
pub(crate) fn members<T: Serialize>(document: &T) -> Members {
    match serde_json::to_value(document) {
        Ok(Value::Object(members)) => members,
        _ => Members::new(),
    }
}

fn syntax(error: &serde_json::Error) -> DocumentError {
    DocumentError::Syntax { problem: excerpt(&error.to_string()) }
}

/// The beginning of a text that may be long.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

/// Reads the text of a member; absent and empty are the same, as in what HNS prints.
pub(crate) fn parse<T>(member: &'static str, text: Option<&String>) -> Result<Option<T>, DocumentError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|error: T::Err| DocumentError::Member {
        member,
        value: excerpt(text),
        problem: excerpt(&error.to_string()),
    })
}

/// Declares documents: structs of optional members under the names that HNS gives them. What is not named is kept in `other`; a member that is `null` is
/// the same as an absent one.
macro_rules! documents {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $member:literal $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $(
                $(#[$doc])*
                #[serde(rename = $member, default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
            /// Every other member, as it was.
            #[serde(flatten)]
            pub other: $crate::document::Members,
        }
    )*};
}
pub(crate) use documents;
