//! Whatever the text, reading it returns, and gives no more than it holds.

use margay_api::document::{Limits, documents};
use margay_api::{Decoded, read};
use proptest::prelude::*;

const VALID: &str = r#"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop, labels: &labels {app: web}}
spec:
  podSelector: {matchLabels: *labels}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {namespaceSelector: {}}]
    ports: [{port: 80, endPort: 90}, {port: http, protocol: UDP}]
---
{"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": "p"}, "spec": {
  "order": 1.5, "selector": "has(a) && b in {'c'}", "egress": [
    {"action": "Allow", "protocol": "TCP", "destination": {"ports": ["80:90", 443], "notNets": ["10.0.0.0/8"]}},
    {"action": "Deny", "protocol": 1, "icmp": {"type": 8}, "source": {"namespaceSelector": "global()"}}]}}
---
apiVersion: v1
kind: List
items:
- apiVersion: policy.networking.k8s.io/v1alpha2
  kind: ClusterNetworkPolicy
  metadata: {name: c}
  spec:
    tier: Admin
    priority: 5
    subject: {namespaces: {}}
    egress:
    - action: Pass
      to: [{networks: [0.0.0.0/0]}]
      protocols: [tcp: {destinationPort: {range: {start: 1, end: 9}}}]
- apiVersion: v1
  kind: Pod
  metadata: {name: p, creationTimestamp: "2024-01-01T00:00:00Z"}
  spec: {nodeName: n1, containers: [{ports: [{name: http, containerPort: 80}]}]}
  status: {podIPs: [{ip: 10.0.0.1}]}
"#;

/// A problem stands in the text that it is of; an object has a key; what could not be read has a reason.
fn check(text: &str) -> Vec<Decoded> {
    let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap();
    let decoded = read(text, "f");
    for one in &decoded {
        assert!(one.object.is_none() || one.key.is_some());
        assert!(one.object.is_some() || !one.problems.is_empty());
        assert_eq!(one.object.as_ref().map(|object| object.key()), one.key.as_ref().filter(|_| one.object.is_some()));
        for problem in &one.problems {
            assert!(problem.span.start.line <= lines, "{problem}");
            let printed = problem.render(text, false);
            assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
        }
    }
    decoded
}

#[test]
fn the_valid_text_is_valid() {
    let decoded = check(VALID);
    assert_eq!(decoded.len(), 4);
    assert!(decoded.iter().all(|one| one.problems.is_empty()), "{decoded:#?}");
}

/// Pieces that mean something in YAML, JSON or the kinds.
fn piece() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "- ",
        ": ",
        "\n",
        "\n  ",
        "\n- ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "\\u",
        "|",
        ">",
        "&a ",
        "*a",
        "!!str ",
        "!x ",
        "? ",
        "<<: ",
        "# ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "null",
        "~",
        "yes",
        "0x",
        "1e9999",
        ".inf",
        "apiVersion: v1",
        "kind: Pod",
        "kind: NetworkPolicy",
        "metadata:",
        "name: a",
        "spec:",
        "ingress:",
        "from",
        "items:",
        "List",
        "global()",
        "10.0.0.0/8",
        "::/0",
        "80:90",
        "\u{feff}",
        "\u{0}",
        "ä",
        "😀",
        "\r",
    ]);
    prop_oneof![4 => word.prop_map(str::to_string), 1 => any::<String>()]
}

/// Replaces ranges of the valid text with pieces.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..20, piece());
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, piece) in edits {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_pieces_are_read(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_mutation_is_read(text in mutated()) {
        check(&text);
    }

    #[test]
    fn any_value_anywhere_is_read(at in any::<prop::sample::Index>(), value in prop::sample::select(vec![
        "null", "{}", "[]", "[null]", "[[]]", "{a: b}", "''", "x", "-1", "1.5", "true", "99999999999999999999", "[{}]", "{a: {b: [1]}}",
    ])) {
        // Every place where a value starts, cut to the end of what it spans there.
        let starts: Vec<usize> = VALID.match_indices(": ").map(|(start, _)| start + 2).collect();
        let start = starts[at.index(starts.len())];
        let length = VALID[start..].find([',', '}', ']', '\n']).unwrap();
        check(&format!("{}{value}{}", &VALID[..start], &VALID[start + length..]));
    }
}

/// Texts that are long in one way. Each is read in time that grows with its length, not with its square.
#[test]
fn long_texts_are_read() {
    let n = 20_000;
    for text in [
        "[".repeat(n),
        "{\"a\":".repeat(n),
        "- ".repeat(n),
        "? ".repeat(n),
        "a: ".repeat(n),
        "&a ".repeat(n),
        "---\n".repeat(n),
        "a: b\n".repeat(n),
        "\"a\" \n".repeat(n),
        "#\n".repeat(n),
        "\n".repeat(n),
        "- a\n".repeat(n),
        format!("[{}]", "1,".repeat(n)),
        format!("{{\"a\": [{}1]}}", "1, ".repeat(n)),
        format!("\"{}\"", "\\u00e4".repeat(n)),
        format!("a: |\n{}", "  x\n".repeat(n)),
        format!("a: '{}'", "''".repeat(n)),
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {}}}", "a".repeat(n)),
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{{}}}}}",
            (0..n).map(|i| format!("a{i}: b,")).collect::<String>()
        ),
        format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: t}}\nspec: {{{}}}",
            "oder: 1,".repeat(n)
        ),
        format!(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: t}}\nspec: {{selector: '{}'}}",
            "(".repeat(n)
        ),
        format!(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: t}}\nspec: {{ingress: [{}]}}",
            "{},".repeat(n)
        ),
    ] {
        check(&text);
    }
}

/// The classic bombs of aliases: wide, and deep.
#[test]
fn aliases_are_bounded() {
    let wide = (1..40).fold("a0: &a0 [x]\n".to_string(), |text, i| {
        let before = format!("*a{},", i - 1).repeat(9);
        format!("{text}a{i}: &a{i} [{before}]\n")
    });
    let deep = (1..1000).fold("a0: &a0 [x]\n".to_string(), |text, i| format!("{text}a{i}: &a{i} [*a{}]\n", i - 1));
    for text in [wide, deep] {
        let first = documents(&text, &Limits::default()).next().unwrap();
        let message = first.unwrap_err().message;
        assert!(message.contains("at most"), "{message}");
    }
}
