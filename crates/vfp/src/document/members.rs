//! The members of a JSON object, strictly or leniently.

use crate::document::refusal::{Answer, Refusal};
use margay_hcn::{ErrorCode, Guid};
use serde_json::{Map, Value};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The longest document that is read, in bytes. No bound of HNS is known \[UNK\]; this one is the emulator's own.
pub(crate) const LONGEST: usize = 8 << 20;

/// Reads a document. Nothing is `null`, as a request without a body is.
pub(crate) fn read(text: &str) -> Answer<Value> {
    let refusal = |why: String| Refusal::new(ErrorCode::INVALID_JSON, why);
    if text.len() > LONGEST {
        return Err(refusal(format!("the document has {} bytes, more than {LONGEST}", text.len())));
    }
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| refusal(error.to_string()))
}

/// A JSON object whose members are asked for by name. One that is `null` is absent.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    object: &'a Object,
    /// Numbers and truth values may be written as text, as V1 takes them.
    lenient: bool,
}

impl<'a> Members<'a> {
    /// Of V2: a member that is not among `known` is refused \[FIELD\]. `name` is where the object stands.
    pub(crate) fn strict(value: &'a Value, name: &str, known: &[&str]) -> Answer<Self> {
        let object = value.as_object().ok_or_else(|| Refusal::invalid_member(name))?;
        match object.keys().find(|member| !known.contains(&member.as_str())) {
            Some(member) => Err(Refusal::unknown_member(member)),
            None => Ok(Self { object, lenient: false }),
        }
    }

    /// Of V1: any members.
    pub(crate) fn lenient(value: &'a Value, name: &str) -> Answer<Self> {
        let wrong = || Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{name}: no object"));
        Ok(Self { object: value.as_object().ok_or_else(wrong)?, lenient: true })
    }

    /// A member that is not of the right kind: V1 calls it an incorrect parameter \[FIELD: of a bad network\].
    fn wrong(&self, name: &str) -> Refusal {
        match self.lenient {
            true => Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{name}: not of the right kind")),
            false => Refusal::invalid_member(name),
        }
    }

    pub(crate) fn object(&self) -> &'a Object {
        self.object
    }

    /// A member of any kind.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A member of text; empty text is as good as none.
    pub(crate) fn text(&self, name: &str) -> Answer<Option<&'a str>> {
        let text = self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name)));
        Ok(text.transpose()?.filter(|text| !text.is_empty()))
    }

    /// A number, at most `most`.
    pub(crate) fn number(&self, name: &str, most: u64) -> Answer<Option<u64>> {
        let read = |value: &Value| match value {
            Value::String(text) if self.lenient => text.parse().ok(),
            value => value.as_u64(),
        };
        let number = |value| read(value).filter(|number| *number <= most).ok_or_else(|| self.wrong(name));
        self.get(name).map(number).transpose()
    }

    /// A port.
    pub(crate) fn port(&self, name: &str) -> Answer<Option<u16>> {
        Ok(self.number(name, u64::from(u16::MAX))?.map(|number| number as u16))
    }

    /// Flags.
    pub(crate) fn flags(&self, name: &str) -> Answer<u32> {
        Ok(self.number(name, u64::from(u32::MAX))?.unwrap_or(0) as u32)
    }

    /// `true` or `false`; absent is `false`.
    pub(crate) fn truth(&self, name: &str) -> Answer<bool> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(*truth),
            Some(Value::String(text)) if self.lenient => Ok(text.eq_ignore_ascii_case("true")),
            Some(Value::Number(number)) if self.lenient => Ok(number.as_u64() != Some(0)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A list; absent is empty.
    pub(crate) fn list(&self, name: &str) -> Answer<&'a [Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A list of text; absent is empty.
    pub(crate) fn texts(&self, name: &str) -> Answer<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(name));
        self.list(name)?.iter().map(text).collect()
    }

    /// The id of an object; text that is none is 0x803b0019 \[INF: from the code's name\].
    pub(crate) fn guid(&self, name: &str) -> Answer<Option<Guid>> {
        let read = |text: &str| {
            text.parse::<Guid>().map_err(|e| Refusal::new(ErrorCode::GUID_CONVERSION_FAILURE, format!("{name}: {e}")))
        };
        self.text(name)?.map(read).transpose()
    }
}

/// An object of those members that have a value.
pub(crate) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Object {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// As a member's value, where there is any.
pub(crate) fn some(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::from(text))
}
