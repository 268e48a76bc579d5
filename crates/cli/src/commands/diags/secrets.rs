//! What may not leave: removed by its name, or by its look. Rather too much than too little.

use serde_json::Value;

/// What stands in the place of it.
pub(super) const REMOVED: &str = "(removed)";
/// Parts of names, in lower case, of what is secret.
const NAMES: &[&str] =
    &["token", "secret", "password", "passwd", "credential", "authorization", "cert", "private", "apikey", "accesskey"];
/// Annotations that are kept: what Margay writes.
const OURS: &str = "margay.io/";

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    NAMES.iter().any(|part| plain.contains(part)) || plain.ends_with("key")
}

/// Removes from a document: values of secret names, those of `env` entries that have one, annotations but Margay's own, managed fields; and from every text what looks like a secret.
pub(super) fn value_without(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("managedFields");
            if let Some(Value::Object(annotations)) = fields.get_mut("annotations") {
                annotations.retain(|name, _| name.starts_with(OURS));
            }
            // An entry of `env`, or of a list like it.
            let is_entry = fields.get("name").and_then(Value::as_str).is_some_and(is_secret);
            for (name, value) in fields.iter_mut() {
                let is_leaf = value.is_string() || value.is_number();
                if is_leaf && (is_secret(name) || is_entry && name == "value") {
                    *value = REMOVED.into();
                } else {
                    value_without(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(value_without),
        Value::String(text) => *text = text_without(text),
        _ => {}
    }
}

/// Removes from a text what looks like a secret: PEM blocks, what follows `Bearer`, JSON web tokens, and what is assigned to a secret name.
pub(super) fn text_without(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_pem = false;
    for line in text.split_inclusive('\n') {
        let (begins, ends) = (line.contains("-----BEGIN "), line.contains("-----END "));
        if begins || in_pem {
            if begins {
                kept.push_str(REMOVED);
                kept.push('\n');
            }
            in_pem = !ends;
            continue;
        }
        line_without(line, &mut kept);
    }
    if !text.ends_with('\n') && kept.ends_with('\n') {
        kept.pop();
    }
    kept
}

fn line_without(line: &str, kept: &mut String) {
    let mut secret_next = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let space = &word[bare.len()..];
        let (name, value) = bare.split_once(['=', ':']).unwrap_or((bare, ""));
        let is_name = is_secret(name) && bare.len() > name.len();
        if secret_next && !bare.is_empty() || looks_secret(bare) {
            kept.push_str(REMOVED);
        } else if is_name && !value.is_empty() {
            kept.push_str(&bare[..=name.len()]);
            kept.push_str(REMOVED);
        } else {
            kept.push_str(bare);
        }
        kept.push_str(space);
        // `token: x`, `Authorization: Bearer x`
        let is_bearer = bare.trim_matches(|c: char| !c.is_ascii_alphanumeric()).eq_ignore_ascii_case("bearer");
        secret_next = is_bearer || is_name && value.is_empty() || secret_next && bare.is_empty();
    }
}

/// Three parts of base64 with dots between them, the first of which is JSON.
fn looks_secret(word: &str) -> bool {
    let Some(at) = word.find("eyJ") else { return false };
    let token = word[at..].split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).next();
    token.is_some_and(|token| token.len() > 40 && token.matches('.').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::{text_without, value_without};
    use serde_json::json;

    #[test]
    fn texts() {
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}.sig", "x".repeat(40));
        for (text, expected) in [
            ("nothing here\n", "nothing here\n"),
            ("Authorization: Bearer abc", "Authorization: (removed) (removed)"),
            ("sent bearer abc def", "sent bearer (removed) def"),
            ("token=abc rest", "token=(removed) rest"),
            ("token: abc\nnode: n", "token: (removed)\nnode: n"),
            ("a\n-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\nb\n", "a\n(removed)\nb\n"),
            (&format!("401 for {jwt}, again"), "401 for (removed) again"),
            ("NetworkPolicy shop/web: rule 3", "NetworkPolicy shop/web: rule 3"),
        ] {
            assert_eq!(text_without(text), expected);
        }
    }

    #[test]
    fn documents() {
        let mut value = json!({
            "metadata": {"name": "agent", "managedFields": [1], "annotations": {"margay.io/config": "1", "x": "y"}},
            "spec": {"env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "NODE", "value": "n"}]},
            "clientSecret": "x", "certificateAuthorityData": "x", "note": "Bearer x", "endpoints": 3,
        });
        value_without(&mut value);
        let expected = json!({
            "metadata": {"name": "agent", "annotations": {"margay.io/config": "1"}},
            "spec": {"env": [{"name": "DB_PASSWORD", "value": "(removed)"}, {"name": "NODE", "value": "n"}]},
            "clientSecret": "(removed)", "certificateAuthorityData": "(removed)", "note": "Bearer (removed)", "endpoints": 3,
        });
        assert_eq!(value, expected);
    }
}
