//! Selectors over interned labels.

use super::labels::Labels;
use margay_selector::{Expr, NAMESPACE_LABEL};

/// A condition on labels, as compared with the labels of a class: keys and (key, value) pairs are ids.
#[derive(Debug)]
pub(crate) enum Cond {
    All,
    /// The key is there, or (`want` false) is not.
    Has {
        key: u32,
        want: bool,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            Expr::Global => Self::Has { key: labels.key(NAMESPACE_LABEL), want: false },
            Expr::Has(key) => Self::Has { key: labels.key(key), want: true },
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
            Self::Has { key, .. } | Self::Text { key, .. } => labels.release_key(*key),
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

    /// Every key that it mentions; some perhaps more than once.
    pub(crate) fn keys(&self, keys: &mut Vec<u32>) {
        match self {
            Self::All => {}
            Self::Has { key, .. } | Self::Is { key, .. } | Self::In { key, .. } | Self::Text { key, .. } => {
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
            Self::Has { key, .. } | Self::Is { key, .. } | Self::In { key, .. } | Self::Text { key, .. } => {
                self.holds_with(labels, value(*key))
            }
        }
    }

    /// Whether it holds, where only the value of one key is known; `None` where it depends on others too.
    pub(crate) fn known(&self, labels: &Labels, known: u32, value: Option<u32>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::Not(inner) => inner.known(labels, known, value).map(|holds| !holds),
            Self::And(list) => decided(list, false, |cond| cond.known(labels, known, value)),
            Self::Or(list) => decided(list, true, |cond| cond.known(labels, known, value)),
            Self::Has { key, .. } | Self::Is { key, .. } | Self::In { key, .. } | Self::Text { key, .. } => {
                (*key == known).then(|| self.holds_with(labels, value))
            }
        }
    }

    /// A condition on one key, given the pair that the key has.
    fn holds_with(&self, labels: &Labels, value: Option<u32>) -> bool {
        match self {
            Self::Has { want, .. } => value.is_some() == *want,
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
