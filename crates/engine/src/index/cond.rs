//! Selectors over interned labels.

use super::labels::Labels;
use margay_selector::{Expr, NAMESPACE_LABEL, Selector};

/// A condition on labels, as compared with the labels of a class: keys and (key, value) pairs are ids.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cond {
    All,
    /// The key, which is that of the namespace, is not there.
    Global {
        key: u32,
    },
    /// The key is there.
    Has {
        key: u32,
    },
    /// The key is there with the value of this pair, or (`want` false) is not.
    Is {
        key: u32,
        pair: u32,
        want: bool,
    },
    /// The key is there with the value of one of these pairs (sorted), or (`want` false) is not.
    In {
        key: u32,
        pairs: Box<[u32]>,
        want: bool,
    },
    /// The key is there, and its text is so.
    Text {
        key: u32,
        test: TextTest,
        part: Box<str>,
    },
    Not(Box<Cond>),
    And(Box<[Cond]>),
    Or(Box<[Cond]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

impl Cond {
    /// Compiles a selector. Each mention of a key and of a pair holds it: see [`Cond::release`].
    pub(crate) fn new(expr: &Expr, labels: &mut Labels) -> Self {
        let all = |list: &[Expr], labels: &mut Labels| list.iter().map(|expr| Self::new(expr, labels)).collect();
        let text = |labels: &mut Labels, key: &str, test, part: &str| Self::Text {
            key: labels.key(key),
            test,
            part: part.into(),
        };
        match expr {
            Expr::All => Self::All,
            Expr::Global => Self::Global { key: labels.key(NAMESPACE_LABEL) },
            Expr::Has(key) => Self::Has { key: labels.key(key) },
            Expr::Eq(key, value) => Self::is(key, value, true, labels),
            Expr::Ne(key, value) => Self::is(key, value, false, labels),
            Expr::In(key, values) => Self::one_of(key, values, true, labels),
            Expr::NotIn(key, values) => Self::one_of(key, values, false, labels),
            Expr::Contains(key, part) => text(labels, key, TextTest::Contains, part),
            Expr::StartsWith(key, part) => text(labels, key, TextTest::StartsWith, part),
            Expr::EndsWith(key, part) => text(labels, key, TextTest::EndsWith, part),
            Expr::Not(inner) => Self::Not(Box::new(Self::new(inner, labels))),
            Expr::And(list) => Self::And(all(list, labels)),
            Expr::Or(list) => Self::Or(all(list, labels)),
        }
    }

    fn is(key: &str, value: &str, want: bool, labels: &mut Labels) -> Self {
        let key = labels.key(key);
        Self::Is { key, pair: labels.pair_of(key, value), want }
    }

    fn one_of(key: &str, values: &[impl AsRef<str>], want: bool, labels: &mut Labels) -> Self {
        let key = labels.key(key);
        let mut pairs: Box<[u32]> = values.iter().map(|value| labels.pair_of(key, value.as_ref())).collect();
        pairs.sort_unstable();
        Self::In { key, pairs, want }
    }

    /// Lets go of the keys and pairs that it mentions.
    pub(crate) fn release(&self, labels: &mut Labels) {
        match self {
            Self::All => {}
            Self::Global { key } | Self::Has { key } | Self::Text { key, .. } => labels.release_key(*key),
            Self::Is { key, pair, .. } => {
                labels.release_pair(*pair);
                labels.release_key(*key);
            }
            Self::In { key, pairs, .. } => {
                pairs.iter().for_each(|pair| labels.release_pair(*pair));
                labels.release_key(*key);
            }
            Self::Not(inner) => inner.release(labels),
            Self::And(list) | Self::Or(list) => list.iter().for_each(|cond| cond.release(labels)),
        }
    }

    /// The selector that it was compiled from.
    pub(crate) fn selector(&self, labels: &Labels) -> Selector {
        let all = |list: &[Self]| list.iter().map(|cond| cond.selector(labels)).collect::<Vec<_>>();
        let built = match self {
            Self::All => Ok(Selector::all()),
            Self::Global { .. } => Ok(Selector::global()),
            Self::Has { key } => Selector::has(labels.key_text(*key)),
            Self::Is { key, pair, want: true } => Selector::equals(labels.key_text(*key), labels.value(*pair)),
            Self::Is { key, pair, want: false } => Selector::not_equals(labels.key_text(*key), labels.value(*pair)),
            Self::In { key, pairs, want } => {
                let values = pairs.iter().map(|pair| labels.value(*pair));
                if *want {
                    Selector::is_in(labels.key_text(*key), values)
                } else {
                    Selector::not_in(labels.key_text(*key), values)
                }
            }
            Self::Text { key, test, part } => {
                let build = match test {
                    TextTest::Contains => Selector::contains,
                    TextTest::StartsWith => Selector::starts_with,
                    TextTest::EndsWith => Selector::ends_with,
                };
                build(labels.key_text(*key), part)
            }
            Self::Not(inner) => Ok(inner.selector(labels).negated()),
            Self::And(list) => Ok(Selector::all_of(all(list))),
            Self::Or(list) => Ok(Selector::any_of(all(list))),
        };
        built.expect("what came from a selector can be written as one")
    }

    /// What every match needs, by key ascending, each key once; `None` where nothing can match. A class that does not fulfil a need need not be
    /// compared.
    pub(crate) fn needs(&self) -> Option<Vec<(u32, Need)>> {
        Some(match self {
            Self::Has { key } | Self::Text { key, .. } => vec![(*key, Need::Present)],
            Self::Is { key, pair, want: true } => vec![(*key, Need::OneOf(vec![*pair]))],
            Self::In { pairs, want: true, .. } if pairs.is_empty() => return None,
            Self::In { key, pairs, want: true } => vec![(*key, Need::OneOf(pairs.to_vec()))],
            Self::Not(inner) => match &**inner {
                Self::All => return None,
                Self::Global { key } => vec![(*key, Need::Present)],
                _ => Vec::new(),
            },
            Self::All | Self::Global { .. } | Self::Is { .. } | Self::In { .. } => Vec::new(),
            Self::And(list) => {
                let mut all = Vec::new();
                for cond in list {
                    all.extend(cond.needs()?);
                }
                return merged(all, 1, Need::and);
            }
            Self::Or(list) => {
                let branches: Vec<_> = list.iter().filter_map(Self::needs).collect();
                let count = branches.len();
                let all: Vec<_> = branches.into_iter().flatten().collect();
                return if count == 0 { None } else { merged(all, count, Need::or) };
            }
        })
    }

    /// Every key that it mentions; some perhaps more than once.
    pub(crate) fn keys(&self, keys: &mut Vec<u32>) {
        match self {
            Self::All => {}
            Self::Global { key }
            | Self::Has { key }
            | Self::Is { key, .. }
            | Self::In { key, .. }
            | Self::Text { key, .. } => {
                keys.push(*key);
            }
            Self::Not(inner) => inner.keys(keys),
            Self::And(list) | Self::Or(list) => list.iter().for_each(|cond| cond.keys(keys)),
        }
    }

    /// Whether it holds, where `value` gives the pair that a key has.
    pub(crate) fn holds(&self, labels: &Labels, value: &impl Fn(u32) -> Option<u32>) -> bool {
        match self {
            Self::All => true,
            Self::Not(inner) => !inner.holds(labels, value),
            Self::And(list) => list.iter().all(|cond| cond.holds(labels, value)),
            Self::Or(list) => list.iter().any(|cond| cond.holds(labels, value)),
            Self::Global { key }
            | Self::Has { key }
            | Self::Is { key, .. }
            | Self::In { key, .. }
            | Self::Text { key, .. } => self.holds_with(labels, value(*key)),
        }
    }

    /// Whether it holds, where only the value of one key is known; `None` where it depends on others too.
    pub(crate) fn known(&self, labels: &Labels, known: u32, value: Option<u32>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::Not(inner) => inner.known(labels, known, value).map(|holds| !holds),
            Self::And(list) => decided(list, false, |cond| cond.known(labels, known, value)),
            Self::Or(list) => decided(list, true, |cond| cond.known(labels, known, value)),
            Self::Global { key }
            | Self::Has { key }
            | Self::Is { key, .. }
            | Self::In { key, .. }
            | Self::Text { key, .. } => (*key == known).then(|| self.holds_with(labels, value)),
        }
    }

    /// A condition on one key, given the pair that the key has.
    fn holds_with(&self, labels: &Labels, value: Option<u32>) -> bool {
        match self {
            Self::Global { .. } => value.is_none(),
            Self::Has { .. } => value.is_some(),
            Self::Is { pair, want, .. } => (value == Some(*pair)) == *want,
            Self::In { pairs, want, .. } => value.is_some_and(|pair| pairs.binary_search(&pair).is_ok()) == *want,
            Self::Text { test, part, .. } => value.is_some_and(|pair| {
                let text = labels.value(pair);
                match test {
                    TextTest::Contains => text.contains(&**part),
                    TextTest::StartsWith => text.starts_with(&**part),
                    TextTest::EndsWith => text.ends_with(&**part),
                }
            }),
            Self::All | Self::Not(_) | Self::And(_) | Self::Or(_) => true,
        }
    }
}

/// What a match needs of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is there.
    Present,
    /// It is there with the value of one of these pairs: at least one.
    OneOf(Vec<u32>),
}

impl Need {
    /// Both; `None` where that can't be.
    fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Need::Present, need) | (need, Need::Present) => Some(need),
            (Need::OneOf(mut pairs), Need::OneOf(others)) => {
                pairs.retain(|pair| others.contains(pair));
                (!pairs.is_empty()).then_some(Need::OneOf(pairs))
            }
        }
    }

    /// Either.
    fn or(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Need::OneOf(mut pairs), Need::OneOf(others)) => {
                pairs.extend(others);
                Need::OneOf(pairs)
            }
            _ => Need::Present,
        })
    }
}

/// Needs of one key joined, where at least so many conditions need something of it; `None` where some can't be.
fn merged(mut all: Vec<(u32, Need)>, least: usize, join: fn(Need, Need) -> Option<Need>) -> Option<Vec<(u32, Need)>> {
    all.sort_by_key(|(key, _)| *key);
    let mut merged: Vec<(u32, Need)> = Vec::new();
    let mut all = all.into_iter().peekable();
    while let Some((key, mut need)) = all.next() {
        let mut count = 1;
        while let Some((_, other)) = all.next_if(|(next, _)| *next == key) {
            need = join(need, other)?;
            count += 1;
        }
        if let Need::OneOf(pairs) = &mut need {
            pairs.sort_unstable();
            pairs.dedup();
        }
        if count >= least {
            merged.push((key, need));
        }
    }
    Some(merged)
}

/// What a list of conditions comes to, one of which decides the whole where it is `decisive`.
fn decided(list: &[Cond], decisive: bool, known: impl Fn(&Cond) -> Option<bool>) -> Option<bool> {
    let mut all_known = true;
    for cond in list {
        match known(cond) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}
