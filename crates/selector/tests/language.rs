//! The language by example: what is written, the canonical text it comes out as, and the errors.

use margay_selector::{LabelSelector, MAX_DEPTH, Operator, ParseErrorKind, Requirement, Restriction, Selector};

/// Text, canonical text.
#[test]
fn canonical_text() {
    for (text, expected) in [
        ("", "all()"),
        (" \t ", "all()"),
        ("all()", "all()"),
        ("all(  )", "all()"),
        ("global( )", "global()"),
        ("!global()", "!global()"),
        ("has(a)", "has(a)"),
        ("has( a\t)", "has(a)"),
        ("!!has(a)", "has(a)"),
        ("! ! !has(a)", "!has(a)"),
        ("a=='b'", r#"a == "b""#),
        ("a==\"it's\"", r#"a == "it's""#),
        ("a == '\"'", r#"a == '"'"#),
        ("a == ''", r#"a == """#),
        ("a == 'x\ny && \u{1f408}'", "a == \"x\ny && \u{1f408}\""),
        ("a != 'b'", r#"a != "b""#),
        ("!a == 'b'", r#"a != "b""#),
        ("!a != 'b'", r#"a == "b""#),
        ("a in{'b','a','b'}", r#"a in {"a", "b"}"#),
        ("a in {'b', 'a',}", r#"a in {"a", "b"}"#),
        ("a in {'b'}", r#"a == "b""#),
        ("a in {}", "a in {}"),
        ("a notin {}", "a not in {}"),
        ("a not in {'b'}", r#"a != "b""#),
        ("a not\t in {'c','b'}", r#"a not in {"b", "c"}"#),
        ("a notin {'c','b'}", r#"a not in {"b", "c"}"#),
        ("!a notin {'c','b'}", r#"a in {"b", "c"}"#),
        ("a contains'b'", r#"a contains "b""#),
        ("!a contains ''", "!has(a)"),
        ("a starts with 'b'", r#"a starts with "b""#),
        ("a startswith 'b'", r#"a starts with "b""#),
        ("a ends \t with 'b'", r#"a ends with "b""#),
        ("a endswith''", "has(a)"),
        // Keywords are labels where a label stands.
        ("in in {'in', 'not'}", r#"in in {"in", "not"}"#),
        ("has == 'has(a)'", r#"has == "has(a)""#),
        ("all != 'x' && global contains 'x'", r#"all != "x" && global contains "x""#),
        ("contains contains 'contains'", r#"contains contains "contains""#),
        ("has(has)", "has(has)"),
        ("-_./09 == 'x'", r#"-_./09 == "x""#),
        // && binds tighter than ||, ! tighter than both.
        ("has(a) || has(b) && has(c)", "has(a) || has(b) && has(c)"),
        ("(has(b) || has(a)) && has(c)", "has(c) && (has(a) || has(b))"),
        ("!has(a) && has(b)", "has(b) && !has(a)"),
        ("!(has(a) && has(b))", "!has(a) || !has(b)"),
        ("!(a == 'x' || !(has(b) && c in {}))", r#"has(b) && a != "x" && c in {}"#),
        // Order, repetition and grouping are not meaning.
        ("has(b)&&has(a)&&has(b)", "has(a) && has(b)"),
        ("((has(b)) && (has(a) && has(c)))", "has(a) && has(b) && has(c)"),
        ("has(b) || (has(c) || has(a)) || has(c)", "has(a) || has(b) || has(c)"),
        ("(has(a) || has(b)) && (has(b) || has(a))", "has(a) || has(b)"),
        // all() stays: in a namespace selector it means "in any namespace".
        ("all() && has(a)", "all() && has(a)"),
        ("all() || global()", "all() || global()"),
        (r#"! (a == "b"&&! c != "d") || !(a == "b" && !c != "d")"#, r#"a != "b" || c != "d""#),
    ] {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(selector.to_string(), expected, "{text:?}");
        assert_eq!(selector, expected.parse().unwrap(), "{text:?}");
    }
}

/// Text, the part that is underlined, message.
#[test]
fn errors() {
    const OPERATOR: &str = "an operator (==, !=, in, not in, contains, starts with or ends with) after the label";
    let long = format!("has({})", "a".repeat(513));
    let word = format!("a == {}", "b".repeat(40));
    for (text, underlined, expected) in [
        ("a", "", format!("expected {OPERATOR}, found the end at byte 1")),
        ("a = 'b'", "=", format!("expected {OPERATOR}, found `=` at byte 2")),
        ("a like 'b'", "like", format!("expected {OPERATOR}, found `like` at byte 2")),
        ("a inside {'b'}", "inside", format!("expected {OPERATOR}, found `inside` at byte 2")),
        ("a not {'b'}", "not", format!("expected {OPERATOR}, found `not` at byte 2")),
        ("a starts 'b'", "starts", format!("expected {OPERATOR}, found `starts` at byte 2")),
        ("has (a)", "(", format!("expected {OPERATOR}, found `(` at byte 4")),
        ("a !in {'b'}", "!", format!("expected {OPERATOR}, found `!` at byte 2")),
        ("a == b", "b", "expected a quoted string after the operator, found `b` at byte 5".into()),
        (
            &word,
            &word[5..],
            format!("expected a quoted string after the operator, found `{}…` at byte 5", "b".repeat(32)),
        ),
        ("a == ", "", "expected a quoted string after the operator, found the end at byte 5".into()),
        ("a contains {'b'}", "{", "expected a quoted string after the operator, found `{` at byte 11".into()),
        ("a in 'b'", "'b'", "expected { and a list of quoted strings, found `'b'` at byte 5".into()),
        ("a in {b}", "b", "expected a quoted string or }, found `b` at byte 6".into()),
        ("a in {,}", ",", "expected a quoted string or }, found `,` at byte 6".into()),
        ("a in {'b',,}", ",", "expected a quoted string or }, found `,` at byte 10".into()),
        ("a in {'b' 'c'}", "'c'", "expected a comma or }, found `'c'` at byte 10".into()),
        ("a in {'b'", "", "expected a comma or }, found the end at byte 9".into()),
        ("a in {'b',", "", "expected a quoted string or }, found the end at byte 10".into()),
        ("a == 'b", "'b", "the string has no closing quote ('), opened at byte 5".into()),
        ("a == \"b'", "\"b'", "the string has no closing quote (\"), opened at byte 5".into()),
        ("()", ")", "expected a condition, found `)` at byte 1".into()),
        ("'a' == 'b'", "'a'", "expected a condition, found `'a'` at byte 0".into()),
        ("!", "", "expected a condition, found the end at byte 1".into()),
        ("== 'b'", "==", "expected a condition, found `==` at byte 0".into()),
        ("has(a) &&", "", "expected a condition, found the end at byte 9".into()),
        ("has(a) && || has(b)", "||", "expected a condition, found `||` at byte 10".into()),
        ("has(a) & has(b)", "&", "expected &&, || or the end, found `&` at byte 7".into()),
        ("has(a) has(b)", "has", "expected &&, || or the end, found `has` at byte 7".into()),
        ("has(a))", ")", "expected &&, || or the end, found `)` at byte 6".into()),
        ("(has(a)", "", "expected &&, || or ), found the end at byte 7".into()),
        ("(has(a) has(b))", "has", "expected &&, || or ), found `has` at byte 8".into()),
        ("has()", ")", "expected a label, found `)` at byte 4".into()),
        ("has('a')", "'a'", "expected a label, found `'a'` at byte 4".into()),
        ("has(a b)", "b", "expected ), found `b` at byte 6".into()),
        ("all(a)", "a", "expected ), found `a` at byte 4".into()),
        ("any()", "any", "expected has(label), all() or global(), found `any` at byte 0".into()),
        ("caf\u{e9} == 'x'", "\u{e9}", format!("expected {OPERATOR}, found `\u{e9}` at byte 3")),
        ("has(a)\u{7}", "\u{7}", "expected &&, || or the end, found `\\u{7}` at byte 6".into()),
        ("has(a)\n", "\n", "a selector is one line, found a line break at byte 6".into()),
        ("a ==\r\n'b'", "\r", "a selector is one line, found a line break at byte 4".into()),
        (&long, &long[4..517], "a label has at most 512 bytes, this one has 513 at byte 4".into()),
    ] {
        let error = Selector::parse(text).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text:?}");
        assert_eq!(&text[error.span()], underlined, "{text:?}");
        assert_eq!(error.position(), error.span().start, "{text:?}");
    }
}

/// Text, labels, whether they match.
#[test]
fn matching() {
    const POD: &[(&str, &str)] = &[("a", "bcd"), ("empty", ""), ("projectcalico.org/namespace", "ns")];
    for (text, labels, expected) in [
        ("", &[][..], true),
        ("global()", &[], true),
        ("global()", POD, false),
        ("!global()", POD, true),
        ("a == 'bcd'", POD, true),
        ("a == 'BCD'", POD, false),
        ("b == ''", POD, false),
        ("empty == ''", POD, true),
        ("has(empty)", POD, true),
        ("has(b)", POD, false),
        ("b != 'x'", POD, true),
        ("a != 'bcd'", POD, false),
        ("b not in {'x', 'y'}", POD, true),
        ("a in {'x', 'bcd'}", POD, true),
        ("a not in {'x', 'bcd'}", POD, false),
        ("a in {}", POD, false),
        ("b not in {}", POD, true),
        ("a contains 'c'", POD, true),
        ("a starts with 'bc'", POD, true),
        ("a starts with 'cd'", POD, false),
        ("a ends with 'cd'", POD, true),
        ("a ends with 'bc'", POD, false),
        ("b contains ''", POD, false),
        ("!b contains 'x'", POD, true),
        ("has(b) || a == 'bcd' && has(empty)", POD, true),
        ("(has(b) || a == 'bcd') && has(c)", POD, false),
    ] {
        assert_eq!(Selector::parse(text).unwrap().matches(labels), expected, "{text:?}");
    }
}

/// Text, what every match requires; `None` if nothing can match.
#[test]
fn restrictions() {
    let present = |label: &'static str| Restriction::present(label);
    let one_of = |label: &'static str, values: &[&'static str]| Restriction::one_of(label, values.iter().copied());
    for (text, expected) in [
        ("all()", Some(vec![])),
        ("global()", Some(vec![])),
        ("!global()", Some(vec![present("projectcalico.org/namespace")])),
        ("a == 'x'", Some(vec![one_of("a", &["x"])])),
        ("!(a != 'x')", Some(vec![one_of("a", &["x"])])),
        ("a in {'x','y'}", Some(vec![one_of("a", &["x", "y"])])),
        ("a starts with 'x'", Some(vec![present("a")])),
        ("a != 'x' && b not in {'y','z'} && !has(c)", Some(vec![])),
        ("a == 'x' && has(b)", Some(vec![one_of("a", &["x"]), present("b")])),
        ("a in {'x','y'} && a in {'y','z'} && has(a)", Some(vec![one_of("a", &["y"])])),
        ("a == 'x' || a in {'y','z'}", Some(vec![one_of("a", &["x", "y", "z"])])),
        ("a == 'x' || has(a)", Some(vec![present("a")])),
        ("a == 'x' || has(b)", Some(vec![])),
        ("a == 'x' && has(b) || a == 'y' && has(c)", Some(vec![one_of("a", &["x", "y"])])),
        ("a in {} || b == 'x'", Some(vec![one_of("b", &["x"])])),
        ("a in {}", None),
        ("!all()", None),
        ("a == 'x' && a == 'y'", None),
        ("has(a) && (b in {} || c in {})", None),
    ] {
        let selector = Selector::parse(text).unwrap();
        assert_eq!(selector.never_matches(), expected.is_none(), "{text:?}");
        assert_eq!(selector.restrictions(), expected.unwrap_or_default(), "{text:?}");
    }
}

#[test]
fn simplifying() {
    for (text, expected) in [
        ("all() && has(a)", "has(a)"),
        ("all() || has(a)", "all()"),
        ("!all() || has(a)", "has(a)"),
        ("!all() && has(a)", "!all()"),
        ("a in {} || has(a)", "has(a)"),
        ("a not in {} && b == 'x'", r#"b == "x""#),
        ("has(a) && !has(a)", "!all()"),
        ("global() || !global()", "all()"),
        ("a == 'x' || a != 'x'", "all()"),
        ("(all() && has(a)) || (b in {} && has(c)) || (has(a) && (all() || has(d)))", "has(a)"),
        ("has(b) && (has(a) || all() && has(c))", "has(b) && (has(a) || has(c))"),
        ("a == 'x' && a == 'y'", r#"a == "x" && a == "y""#),
    ] {
        assert_eq!(Selector::parse(text).unwrap().simplified().to_string(), expected, "{text:?}");
    }
}

#[test]
fn rewriting_a_namespace_selector() {
    let in_namespace = Selector::has("projectcalico.org/namespace").unwrap();
    for (text, expected) in [
        ("all()", "has(projectcalico.org/namespace)"),
        ("global()", "!has(projectcalico.org/namespace)"),
        ("!global()", "has(projectcalico.org/namespace)"),
        ("all() || global()", "!has(projectcalico.org/namespace) || has(projectcalico.org/namespace)"),
        ("!(a == 'x' && all())", r#"!has(projectcalico.org/namespace) || pcns.a != "x""#),
        ("has(b) && a in {'x','y'}", r#"has(pcns.b) && pcns.a in {"x", "y"}"#),
    ] {
        let selector = Selector::parse(text).unwrap();
        let prefixed = selector.map_labels(|label| format!("pcns.{label}").into()).unwrap();
        let rewritten = prefixed.rewrite(|leaf| match leaf {
            margay_selector::Expr::All => Some(in_namespace.clone()),
            margay_selector::Expr::Global => Some(!in_namespace.clone()),
            _ => None,
        });
        let mut parts: Vec<_> = rewritten.to_string().split(" || ").map(String::from).collect();
        parts.sort();
        let mut wanted: Vec<_> = expected.split(" || ").map(String::from).collect();
        wanted.sort();
        assert_eq!(parts, wanted, "{text:?}");
        assert_eq!(selector.contains_global(), text.contains("global"), "{text:?}");
    }
}

#[test]
fn labels_that_decide() {
    for (text, expected) in [
        ("all()", &[][..]),
        ("global()", &["projectcalico.org/namespace"]),
        ("b == 'x' && (has(a) || !c contains 'x') && b != 'y'", &["a", "b", "c"]),
    ] {
        assert_eq!(Vec::from_iter(Selector::parse(text).unwrap().labels()), expected, "{text:?}");
    }
}

#[test]
fn what_the_language_cannot_write_is_not_built() {
    let long = "a".repeat(513);
    for (built, expected) in [
        (Selector::has(""), r#""" is not a label: 1 to 512 of the characters A-Z a-z 0-9 _ . / -"#.to_string()),
        (Selector::has("a b"), r#""a b" is not a label: 1 to 512 of the characters A-Z a-z 0-9 _ . / -"#.into()),
        (Selector::has(&long), format!("{long:?} is not a label: 1 to 512 of the characters A-Z a-z 0-9 _ . / -")),
        (
            Selector::equals("a", "'\""),
            r#"the value "'\"" of the label a has both single and double quotes, which a selector can't hold"#.into(),
        ),
        (
            Selector::not_in("a", ["b", "'\""]),
            r#"the value "'\"" of the label a has both single and double quotes, which a selector can't hold"#.into(),
        ),
        (
            Selector::has(&long[1..]).unwrap().map_labels(|label| format!("p{label}").into()),
            format!("\"p{}\" is not a label: 1 to 512 of the characters A-Z a-z 0-9 _ . / -", &long[1..]),
        ),
        (requirement(Operator::In, &[]), "In on the label k needs at least one value".into()),
        (requirement(Operator::NotIn, &[]), "NotIn on the label k needs at least one value".into()),
        (requirement(Operator::Exists, &["v"]), "Exists on the label k takes no values".into()),
        (requirement(Operator::DoesNotExist, &["v"]), "DoesNotExist on the label k takes no values".into()),
    ] {
        assert_eq!(built.unwrap_err().to_string(), expected);
    }
}

fn requirement(operator: Operator, values: &[&str]) -> Result<Selector, margay_selector::BuildError> {
    let values = values.iter().copied().map(Into::into).collect();
    let requirement = Requirement { key: "k".into(), operator, values };
    LabelSelector { match_labels: vec![], match_expressions: vec![requirement] }.to_selector()
}

#[test]
fn joining_nothing() {
    assert_eq!(Selector::all_of([]), Selector::all());
    assert_eq!(Selector::any_of([]), Selector::never());
    assert_eq!(LabelSelector::default().to_selector(), Ok(Selector::all()));
}

/// On a small stack: whatever recursed without bound would overflow it.
#[test]
fn deep_and_long_text_is_bounded() {
    let run = || {
        const MANY: usize = 100_000;
        let too_deep = |text: String, at: usize| {
            let error = Selector::parse(&text).unwrap_err();
            assert_eq!((error.kind(), error.position()), (&ParseErrorKind::TooDeep, at));
        };
        too_deep("(".repeat(MANY), MAX_DEPTH);
        too_deep("!(".repeat(MANY), 2 * MAX_DEPTH + 1);
        too_deep("(has(a)&&".repeat(MANY), 9 * MAX_DEPTH);
        assert_eq!(Selector::parse(&format!("{}has(a)", "!".repeat(MANY))).unwrap().to_string(), "has(a)");
        assert_eq!(Selector::parse(&format!("{}has(a)", "! ".repeat(MANY + 1))).unwrap().to_string(), "!has(a)");
        let wide = format!("has(z){}", " && (has(a)) || (has(b))".repeat(MANY));
        assert_eq!(Selector::parse(&wide).unwrap().to_string(), "has(b) || has(a) && has(b) || has(a) && has(z)");
        let alternatives: Vec<_> = (0..MANY).map(|i| format!("a == 'x{i:06}'")).collect();
        let any = Selector::parse(&alternatives.join("||")).unwrap();
        assert_eq!(any.restrictions(), [Restriction::one_of("a", (0..MANY).map(|i| format!("x{i:06}")))]);
        assert!((!any).simplified().matches(&[("a", "y")]));

        // As deep as may be, and really a tree: && and || by turns.
        let mut deepest = "has(a)".to_string();
        for level in 0..MAX_DEPTH {
            let sign = if level % 2 == 0 { "&&" } else { "||" };
            deepest = format!("({deepest}) {sign} has(l{level})");
        }
        let selector = Selector::parse(&deepest).unwrap();
        assert_eq!(selector, selector.to_string().parse().unwrap());
        assert_eq!(selector.clone().negated().negated(), selector);
        assert!(selector.matches(&[("a", ""), ("l127", "")]));
        assert_eq!(selector.labels().len(), MAX_DEPTH + 1);
        assert_eq!((selector.simplified(), selector.restrictions()), (selector.clone(), vec![]));
        too_deep(format!("({deepest}) && has(b)"), MAX_DEPTH);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}
