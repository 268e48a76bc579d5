use super::Value;
use smol_str::SmolStr;

/// What an unquoted scalar means, by YAML 1.1 as Kubernetes' reader has it.
pub(super) fn resolve(text: &str) -> Value {
    let Some(&first) = text.as_bytes().first() else { return Value::Null };
    let value = match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text),
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        _ => None,
    };
    value.unwrap_or_else(|| Value::Text(SmolStr::new(text)))
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Value> {
    let (sign, unsigned) = match text.as_bytes()[0] {
        b'+' => (1.0, &text[1..]),
        b'-' => (-1.0, &text[1..]),
        _ => (1.0, text),
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits: String;
    let plain = if unsigned.contains('_') {
        digits = unsigned.replace('_', "");
        &digits
    } else {
        unsigned
    };
    integer(plain, sign < 0.0).map(Value::Int).or_else(|| float(plain).map(|value| Value::Float(sign * value)))
}

/// An integer without its sign: decimal, or with a prefix for another base (`0x`, `0o`, `0b`, and `0` alone for octal).
fn integer(digits: &str, negative: bool) -> Option<i64> {
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// A decimal number without its sign: digits with at most one point, and an exponent.
fn float(digits: &str) -> Option<f64> {
    let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_scalars_are_what_kubernetes_makes_of_them() {
        let text = |text: &str| Value::Text(text.into());
        for (written, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("nULL", text("nULL")),
            ("yes", Value::Bool(true)),
            ("On", Value::Bool(true)),
            ("y", Value::Bool(true)),
            ("off", Value::Bool(false)),
            ("FALSE", Value::Bool(false)),
            ("fALSE", text("fALSE")),
            ("80", Value::Int(80)),
            ("-7", Value::Int(-7)),
            ("+7", Value::Int(7)),
            ("1_000", Value::Int(1000)),
            ("0x1F", Value::Int(31)),
            ("0o17", Value::Int(15)),
            ("017", Value::Int(15)),
            ("0b101", Value::Int(5)),
            ("0", Value::Int(0)),
            ("09", Value::Float(9.0)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9223372036854775808", Value::Float(9223372036854775808.0)),
            ("1.5", Value::Float(1.5)),
            ("-1e3", Value::Float(-1000.0)),
            (".5", Value::Float(0.5)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("10.0.0.1", text("10.0.0.1")),
            ("80:90", text("80:90")),
            ("-", text("-")),
            (".", text(".")),
            ("--1", text("--1")),
            ("2024-01-02T03:04:05Z", text("2024-01-02T03:04:05Z")),
            ("1e", text("1e")),
            ("infinity", text("infinity")),
            ("Ünder", text("Ünder")),
        ] {
            assert_eq!(resolve(written), expected, "{written:?}");
        }
        assert!(matches!(resolve(".nan"), Value::Float(value) if value.is_nan()));
    }
}
