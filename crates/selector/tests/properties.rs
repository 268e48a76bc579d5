//! Selectors made at random, against a reading of the language that shares nothing with the crate's own.

use std::collections::BTreeMap;

use margay_selector::{LabelSelector, Operator, Requirement, Selector};
use proptest::prelude::*;

type Labels = BTreeMap<String, String>;

/// A condition as a user might write it, far from normal form.
#[derive(Clone, Debug)]
enum Written {
    All,
    Global,
    Has(String),
    Compare(String, &'static str, String),
    Member(String, &'static str, Vec<String>),
    Not(Box<Written>),
    And(Vec<Written>),
    Or(Vec<Written>),
}

impl Written {
    /// Its text; `quote` and `space` are how strings are quoted and tokens spaced.
    fn text(&self, quote: char, space: &str) -> String {
        let join = |all: &[Self], sign: &str| {
            let texts: Vec<_> = all.iter().map(|one| format!("({space}{}{space})", one.text(quote, space))).collect();
            texts.join(&format!("{space}{sign}{space}"))
        };
        match self {
            Self::All => format!("all({space})"),
            Self::Global => format!("global({space})"),
            Self::Has(label) => format!("has({space}{label}{space})"),
            Self::Compare(label, operator, value) => format!("{label} {operator}{space}{quote}{value}{quote}"),
            Self::Member(label, operator, values) => {
                let values: Vec<_> = values.iter().map(|value| format!("{quote}{value}{quote}")).collect();
                format!("{label} {operator}{space}{{{space}{}{space}}}", values.join(&format!("{space},{space}")))
            }
            // Without parentheses where none are needed.
            Self::Not(inner) if matches!(**inner, Self::And(_) | Self::Or(_)) => {
                format!("!{space}({})", inner.text(quote, space))
            }
            Self::Not(inner) => format!("!{space}{}", inner.text(quote, space)),
            Self::And(all) => join(all, "&&"),
            Self::Or(all) => join(all, "||"),
        }
    }

    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::All => true,
            Self::Global => !labels.contains_key("projectcalico.org/namespace"),
            Self::Has(label) => labels.contains_key(label),
            Self::Compare(label, operator, value) => match (*operator, labels.get(label)) {
                ("!=", found) => found != Some(value),
                (_, None) => false,
                ("==", Some(found)) => found == value,
                ("contains", Some(found)) => found.contains(value),
                ("starts with" | "startswith", Some(found)) => found.starts_with(value),
                ("ends with" | "endswith", Some(found)) => found.ends_with(value),
                other => panic!("{other:?}"),
            },
            Self::Member(label, operator, values) => {
                let found = labels.get(label).is_some_and(|value| values.contains(value));
                if *operator == "in" { found } else { !found }
            }
            Self::Not(inner) => !inner.holds(labels),
            Self::And(all) => all.iter().all(|one| one.holds(labels)),
            Self::Or(all) => all.iter().any(|one| one.holds(labels)),
        }
    }
}

fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "in", "c.d/e-f_0", "has", "projectcalico.org/namespace"]).prop_map(String::from)
}

/// Few enough that values meet.
fn value() -> impl Strategy<Value = String> {
    "[xy]{0,2}"
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(label(), value(), 0..6)
}

fn written() -> impl Strategy<Value = Written> {
    let compare = prop::sample::select(vec![
        "==",
        "!=",
        "contains",
        "starts with",
        "startswith",
        "ends with",
        "endswith",
        "==",
        "!=",
    ]);
    let member = prop::sample::select(vec!["in", "not in", "notin", "not  \tin"]);
    let leaf = prop_oneof![
        1 => Just(Written::All),
        1 => Just(Written::Global),
        2 => label().prop_map(Written::Has),
        5 => (label(), compare, value()).prop_map(|(l, o, v)| Written::Compare(l, o, v)),
        3 => (label(), member, prop::collection::vec(value(), 0..4)).prop_map(|(l, o, v)| Written::Member(l, o, v)),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Written::Not(Box::new(one))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Written::And),
            prop::collection::vec(inner, 1..4).prop_map(Written::Or),
        ]
    })
}

fn parsed() -> impl Strategy<Value = (Written, Selector)> {
    (written(), prop::sample::select(vec!['"', '\'']), prop::sample::select(vec!["", " ", "\t "])).prop_map(
        |(written, quote, space)| {
            let text = written.text(quote, space);
            let selector = Selector::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            (written, selector)
        },
    )
}

proptest! {
    #[test]
    fn means_what_is_written((written, selector) in parsed(), labels in labels()) {
        let expected = written.holds(&labels);
        prop_assert_eq!(selector.matches(&labels), expected);
        prop_assert_eq!((!selector.clone()).matches(&labels), !expected);
        prop_assert_eq!(selector.simplified().matches(&labels), expected);
    }

    #[test]
    fn prints_what_it_parses((_, selector) in parsed()) {
        prop_assert_eq!(selector.to_string().parse::<Selector>(), Ok(selector.clone()));
        prop_assert_eq!(selector.simplified().simplified(), selector.simplified());
        prop_assert_eq!(!!selector.clone(), selector);
    }

    #[test]
    fn order_and_grouping_are_not_meaning((_, a) in parsed(), (_, b) in parsed(), (_, c) in parsed()) {
        let [a, b, c] = [a, b, c].map(|selector| move || selector.clone());
        prop_assert_eq!(a().and(b()).and(c()), c().and(a().and(b()).and(a())));
        prop_assert_eq!(a().or(b()).or(c()), c().or(b().or(a())).or(b()));
        prop_assert_eq!(!a().and(b()), (!a()).or(!b()));
        prop_assert_eq!(Selector::all_of([a(), b(), c()]), a().and(b().and(c())));
        // What is combined is in normal form, as if it had been written.
        let text = format!("({}) && !(({}) || ({}))", a(), b(), c());
        prop_assert_eq!(Selector::parse(&text), Ok(a().and(!b().or(c()))));
    }

    #[test]
    fn restrictions_are_necessary((_, selector) in parsed(), labels in labels()) {
        let restrictions = selector.restrictions();
        if selector.matches(&labels) {
            prop_assert!(!selector.never_matches());
            prop_assert!(restrictions.iter().all(|restriction| restriction.holds(&labels)), "{:?}", restrictions);
        }
        prop_assert!(restrictions.windows(2).all(|pair| pair[0].label < pair[1].label));
        prop_assert!(restrictions.iter().all(|one| selector.labels().contains(one.label.as_str())));
    }

    #[test]
    fn other_labels_do_not_decide((_, selector) in parsed(), labels in labels()) {
        let named: Labels = labels.iter().filter(|(label, _)| selector.labels().contains(label.as_str()))
            .map(|(label, value)| (label.clone(), value.clone())).collect();
        prop_assert_eq!(selector.matches(&labels), selector.matches(&named));
    }

    #[test]
    fn renamed_labels_match_renamed_things((_, selector) in parsed(), labels in labels()) {
        // global() reads a label that isn't renamed; written as what it means, it is.
        let plain = selector.rewrite(|leaf| match leaf {
            margay_selector::Expr::Global => Some(!Selector::has("projectcalico.org/namespace").unwrap()),
            _ => None,
        });
        prop_assert!(!plain.contains_global());
        let renamed = plain.map_labels(|label| format!("pcns.{label}").into()).unwrap();
        let things: Labels = labels.iter().map(|(label, value)| (format!("pcns.{label}"), value.clone())).collect();
        prop_assert_eq!(renamed.matches(&things), selector.matches(&labels));
        prop_assert_eq!(renamed.to_string().parse::<Selector>(), Ok(renamed));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any_text()) {
        match Selector::parse(&text) {
            Ok(selector) => prop_assert_eq!(selector.to_string().parse::<Selector>(), Ok(selector)),
            Err(error) => {
                prop_assert!(text.get(error.span()).is_some(), "{:?}", error.span());
                let place = format!("at byte {}", error.position());
                prop_assert!(error.to_string().ends_with(&place), "{}", error);
            }
        }
    }

    #[test]
    fn label_selectors(
        match_labels in prop::collection::vec((label(), value()), 0..3),
        match_expressions in prop::collection::vec((label(), 0..4u8, prop::collection::vec(value(), 1..4)), 0..4),
        labels in labels(),
    ) {
        let selector = LabelSelector {
            match_labels: match_labels.iter().map(|(key, value)| (key.into(), value.into())).collect(),
            match_expressions: match_expressions.iter().map(|(key, operator, values)| match operator {
                0 => Requirement::is_in(key, values),
                1 => Requirement::not_in(key, values),
                2 => Requirement::exists(key),
                _ => Requirement::does_not_exist(key),
            }).collect(),
        };
        let expected = selector.match_labels.iter().all(|(key, value)| labels.get(key.as_str()).is_some_and(|v| v == value))
            && selector.match_expressions.iter().all(|Requirement { key, operator, values }| {
                let found = labels.get(key.as_str());
                match operator {
                    Operator::In => found.is_some_and(|value| values.iter().any(|v| v == value)),
                    Operator::NotIn => found.is_none_or(|value| values.iter().all(|v| v != value)),
                    Operator::Exists => found.is_some(),
                    Operator::DoesNotExist => found.is_none(),
                }
            });
        prop_assert_eq!(selector.to_selector().unwrap().matches(&labels), expected);
    }
}

/// Anything at all, and runs of the language's own tokens.
fn any_text() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a", "b/c", "has(", "all()", "global()", "(", ")", "!", "==", "!=", "=", "&&", "||", "&", "in", "not", "notin",
        "{", "}", ",", "'x'", "\"y'\"", "''", "'", "\"", "contains", "starts", "with", "endswith", " ", " ", "\t",
        "\n", "é", "🐈",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())]
}
