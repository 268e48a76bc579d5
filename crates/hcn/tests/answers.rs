//! How HNS says no, through either door.

use margay_hcn::{Envelope, ErrorCode, ErrorRecord, Failure};
use serde_json::json;

#[test]
fn error_records() {
    for (record, code, said) in [
        (
            r#"{"Success":false,"Error":"Element not found. ","ErrorCode":2147943568}"#,
            Some(0x8007_0490),
            Some("Element not found."),
        ),
        (
            r#"{"Success":false,"Error":"Invalid JSON document string. {{CreateWithCompartment,UnknownField}}","ErrorCode":2151350299}"#,
            Some(0x803b_001b),
            Some("Invalid JSON document string. {{CreateWithCompartment,UnknownField}}"),
        ),
        (r#"{"Error":"","ErrorCode":-2143617023}"#, Some(0x803b_0001), None),
        (r#"{"ErrorCode":1168,"More":[]}"#, Some(0x8007_0490), None),
        (r#"{"ErrorCode":0}"#, None, None),
        (r#"{"ErrorCode":99999999999}"#, None, None),
    ] {
        let read = ErrorRecord::read(record).unwrap();
        assert_eq!((read.code().map(|code| code.0), read.said().as_deref()), (code, said), "{record}");
    }
    for text in ["", "[]", "Element not found", r#"{"ErrorCode":"1"}"#] {
        assert!(ErrorRecord::read(text).is_err(), "{text}");
    }
}

#[test]
fn failures_in_words() {
    for (code, record, expected) in [
        (0x490, "", "HNS answered 0x00000490: the object was not found"),
        (
            0x803b_000d,
            r#"{"Success":false,"Error":"The provided policy configuration is invalid or missing parameters. "}"#,
            "HNS answered 0x803b000d: the policy's configuration is invalid or incomplete (it says: The provided policy configuration is \
             invalid or missing parameters.)",
        ),
        (0x1234_5678, "no JSON", "HNS answered 0x12345678"),
    ] {
        assert_eq!(Failure { code: ErrorCode(code), record: record.into() }.to_string(), expected);
    }
}

#[test]
fn envelopes() {
    for (envelope, expected) in [
        (r#"{"Success":true,"Output":{"Major":9,"Minor":5}}"#, Ok(json!({ "Major": 9, "Minor": 5 }))),
        (r#"{"Success":true}"#, Ok(json!(null))),
        (r#"{"Success":false,"Error":"The specified request is unsupported. "}"#, Err(ErrorCode::REQUEST_UNSUPPORTED)),
        (r#"{"Success":false,"Error":"Element not found. "}"#, Err(ErrorCode::ELEMENT_NOT_FOUND)),
        (r#"{"Success":false,"Error":"Nicht gefunden","ErrorCode":1168}"#, Err(ErrorCode::ELEMENT_NOT_FOUND)),
        (r#"{"Success":false,"Error":"?"}"#, Err(ErrorCode::UNSPECIFIED)),
    ] {
        let output = Envelope::read(envelope).unwrap().output();
        assert_eq!(output.map_err(|failure| failure.code), expected, "{envelope}");
    }
    for text in ["", "null", "{}", r#"{"Success":"yes"}"#] {
        assert!(Envelope::read(text).is_err(), "{text}");
    }
}

#[test]
fn what_a_code_means_for_the_caller() {
    for (code, not_found, disconnected, may_pass) in [
        (ErrorCode(0x490), true, false, true),
        (ErrorCode::NETWORK_NOT_FOUND, true, false, true),
        (ErrorCode::POLICY_NOT_FOUND, false, false, true),
        (ErrorCode(0x6be), false, true, true),
        (ErrorCode::INVALID_POLICY, false, false, false),
        (ErrorCode::BUFFER_OVERFLOW, false, false, false),
        (ErrorCode(0x1234_5678), false, false, true),
    ] {
        assert_eq!(
            (code.is_not_found(), code.is_disconnected(), code.may_pass()),
            (not_found, disconnected, may_pass),
            "{code}"
        );
    }
}
