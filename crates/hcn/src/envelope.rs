//! How HNS says no: the error record of V2 and the envelope of V1.

use crate::document::{documents, excerpt};
use crate::{DocumentError, ErrorCode, Failure};
use serde_json::Value;

documents! {
    /// The error record that comes with a failed call of V2 \[FIELD\].
    ErrorRecord {
        /// False.
        "Success" success: bool,
        /// What is wrong, in words, with a full stop and a space after them.
        "Error" error: String,
        /// The result as a number without sign, or with one.
        "ErrorCode" code: i64,
    }

    /// What V1 answers \[SRC\].
    Envelope {
        /// Whether it was done.
        "Success" success: bool,
        /// What is wrong, in words.
        "Error" error: String,
        /// The result, where there is one.
        "ErrorCode" code: i64,
        /// What was asked for.
        "Output" output: Value,
    }
}

/// What HNS says in English, and the code that goes with it \[FIELD\]: V1 may give the words alone.
const SENTENCES: [(&str, ErrorCode); 14] = [
    ("Element not found", ErrorCode::ELEMENT_NOT_FOUND),
    ("The network was not found", ErrorCode::NETWORK_NOT_FOUND),
    ("The endpoint was not found", ErrorCode::ENDPOINT_NOT_FOUND),
    ("The network does not have a subnet for this endpoint", ErrorCode::SUBNET_NOT_FOUND),
    ("The provided network configuration is invalid or missing parameters", ErrorCode::INVALID_NETWORK),
    ("The provided policy configuration is invalid or missing parameters", ErrorCode::INVALID_POLICY),
    ("This endpoint is already attached to the switch", ErrorCode::ENDPOINT_ALREADY_ATTACHED),
    ("The specified request is unsupported", ErrorCode::REQUEST_UNSUPPORTED),
    ("Invalid JSON document string", ErrorCode::INVALID_JSON),
    ("IP address is either invalid or not part of any configured subnet(s)", ErrorCode::INVALID_IP),
    ("An address provided is invalid or reserved", ErrorCode::ADDRESS_INVALID_OR_RESERVED),
    ("The object already exists", ErrorCode::OBJECT_ALREADY_EXISTS),
    ("The parameter is incorrect", ErrorCode::INVALID_PARAMETER),
    ("The RPC server is unavailable", ErrorCode::RPC_SERVER_UNAVAILABLE),
];

impl ErrorRecord {
    /// Reads an error record.
    ///
    /// # Errors
    /// What is no such document.
    pub fn read(text: &str) -> Result<Self, DocumentError> {
        crate::document::read(text)
    }

    /// What it says, without the white space around; `None` where that is nothing.
    pub fn said(&self) -> Option<String> {
        let said = self.error.as_deref().map(str::trim).filter(|said| !said.is_empty());
        said.map(excerpt)
    }

    /// The result, where the number is one.
    pub fn code(&self) -> Option<ErrorCode> {
        code(self.code)
    }
}

impl Envelope {
    /// Reads an answer of V1.
    ///
    /// # Errors
    /// What is no such document.
    pub fn read(text: &str) -> Result<Self, DocumentError> {
        let envelope: Self = crate::document::read(text)?;
        if envelope.success.is_none() {
            return Err(DocumentError::Missing { member: "Success" });
        }
        Ok(envelope)
    }

    /// What was asked for; `null` where there is nothing to give.
    ///
    /// # Errors
    /// Where it was not done. Without a code the one that goes with the words is given, else [`ErrorCode::UNSPECIFIED`].
    pub fn output(self) -> Result<Value, Failure> {
        if self.success == Some(true) {
            return Ok(self.output.unwrap_or_default());
        }
        let record = ErrorRecord { success: Some(false), error: self.error, code: self.code, ..ErrorRecord::default() };
        let said = record.said().unwrap_or_default();
        let known = SENTENCES.iter().find(|(sentence, _)| begins(&said, sentence)).map(|(_, code)| *code);
        let code = record.code().or(known).unwrap_or(ErrorCode::UNSPECIFIED);
        Err(Failure { code, record: crate::document::write(&record) })
    }
}

fn begins(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

/// A result as a number, with or without a sign; zero is none.
fn code(number: Option<i64>) -> Option<ErrorCode> {
    let number = number.filter(|number| *number != 0)?;
    let code = u32::try_from(number).or_else(|_| i32::try_from(number).map(|number| number as u32)).ok()?;
    Some(ErrorCode(code).canonical())
}
