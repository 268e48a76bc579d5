use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::expr::Junction;
use crate::{BuildError, Expr, Labels, ParseError, Restriction, parse, restriction, simplify};

/// A condition on labels, in normal form. Cloning it shares it. Equality, order and hash are those of the normal form, and so
/// of the canonical text that it prints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector(Arc<Expr>);

impl Selector {
    /// Reads the text of a selector; the empty one is [`all`](Self::all).
    ///
    /// # Errors
    /// The first place where the text leaves the language, and what may stand there.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text).map(Self::from_normal)
    }

    /// `all()`: always true.
    pub fn all() -> Self {
        Self::from_normal(Expr::All)
    }

    /// `global()`: true of what is in no namespace.
    pub fn global() -> Self {
        Self::from_normal(Expr::Global)
    }

    /// `!all()`: never true.
    pub fn never() -> Self {
        Self::from_normal(Expr::never())
    }

    /// `has(label)`.
    ///
    /// # Errors
    /// A label that the language can't write; so for all constructors below, and for those with values also a value with
    /// both kinds of quote.
    pub fn has(label: &str) -> Result<Self, BuildError> {
        Ok(Self::from_normal(Expr::Has(parse::label(label)?)))
    }

    /// `label == "value"`.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn equals(label: &str, value: &str) -> Result<Self, BuildError> {
        let (label, value) = compared(label, value)?;
        Ok(Self::from_normal(Expr::Eq(label, value)))
    }

    /// `label != "value"`, true where the label is absent.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn not_equals(label: &str, value: &str) -> Result<Self, BuildError> {
        let (label, value) = compared(label, value)?;
        Ok(Self::from_normal(Expr::Ne(label, value)))
    }

    /// `label in {values}`; never true without values.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn is_in<V: AsRef<str>>(label: &str, values: impl IntoIterator<Item = V>) -> Result<Self, BuildError> {
        Self::member(label, values, false)
    }

    /// `label not in {values}`, true where the label is absent; always true without values.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn not_in<V: AsRef<str>>(label: &str, values: impl IntoIterator<Item = V>) -> Result<Self, BuildError> {
        Self::member(label, values, true)
    }

    fn member<V: AsRef<str>>(
        label: &str,
        values: impl IntoIterator<Item = V>,
        negated: bool,
    ) -> Result<Self, BuildError> {
        let label = parse::label(label)?;
        let values = values.into_iter().map(|value| writable(&label, value.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self::from_normal(Expr::member(label, values, negated)))
    }

    /// `label contains "part"`.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn contains(label: &str, part: &str) -> Result<Self, BuildError> {
        let (label, part) = compared(label, part)?;
        Ok(Self::from_normal(Expr::part(Expr::Contains, label, part)))
    }

    /// `label starts with "part"`.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn starts_with(label: &str, part: &str) -> Result<Self, BuildError> {
        let (label, part) = compared(label, part)?;
        Ok(Self::from_normal(Expr::part(Expr::StartsWith, label, part)))
    }

    /// `label ends with "part"`.
    ///
    /// # Errors
    /// As of [`has`](Self::has).
    pub fn ends_with(label: &str, part: &str) -> Result<Self, BuildError> {
        let (label, part) = compared(label, part)?;
        Ok(Self::from_normal(Expr::part(Expr::EndsWith, label, part)))
    }

    /// True where both are.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all_of([self, other])
    }

    /// True where either is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any_of([self, other])
    }

    /// True where this one isn't; also written `!selector`.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::from_normal(self.into_expr().negated())
    }

    /// True where all of them are; without any, always.
    pub fn all_of(selectors: impl IntoIterator<Item = Self>) -> Self {
        let operands = selectors.into_iter().map(Self::into_expr).collect();
        Self::from_normal(Expr::join(Junction::And, operands))
    }

    /// True where one of them is; without any, never.
    pub fn any_of(selectors: impl IntoIterator<Item = Self>) -> Self {
        let operands = selectors.into_iter().map(Self::into_expr).collect();
        Self::from_normal(Expr::join(Junction::Or, operands))
    }

    /// The condition, for engines that compile it.
    pub fn expr(&self) -> &Expr {
        &self.0
    }

    /// Whether the condition holds for a thing with these labels.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        self.0.matches(labels)
    }

    /// What every match requires: each restriction holds for all labels that the selector matches, so an index by label may
    /// follow any one of them. At most one for a label, sorted by label; none if nothing can be said, or if
    /// [`never_matches`](Self::never_matches).
    pub fn restrictions(&self) -> Vec<Restriction> {
        restriction::required(&self.0).unwrap_or_default()
    }

    /// Whether it is plain that nothing can match, as of `a in {}`, of `!all()`, and of `a == "x" && a == "y"`. `false` says
    /// nothing: not every contradiction is found.
    pub fn never_matches(&self) -> bool {
        restriction::required(&self.0).is_none()
    }

    /// The labels that decide: those it names, and [`NAMESPACE_LABEL`](crate::NAMESPACE_LABEL) for `global()`. A thing whose
    /// other labels change matches as before.
    pub fn labels(&self) -> BTreeSet<&str> {
        let mut labels = BTreeSet::new();
        self.0.collect_labels(&mut labels);
        labels
    }

    /// Whether `global()` is in it anywhere.
    pub fn contains_global(&self) -> bool {
        self.0.contains_global()
    }

    /// The selector with each label it names replaced, as by one with a prefix; `all()` and `global()` stay.
    ///
    /// # Errors
    /// A replacement that is no label, perhaps too long a one.
    pub fn map_labels(&self, mut map: impl FnMut(&str) -> SmolStr) -> Result<Self, BuildError> {
        map_labels(&self.0, &mut map).map(Self::from_normal)
    }

    /// The selector with the leaves replaced for which `replace` gives a selector. A negation stays around what replaces
    /// its leaf; `replace` sees the leaves of the normal form, so `!(a == "x")` as [`Expr::Ne`].
    #[must_use]
    pub fn rewrite(&self, mut replace: impl FnMut(&Expr) -> Option<Self>) -> Self {
        Self::from_normal(rewrite(&self.0, &mut replace))
    }

    /// The selector with what is always true or never folded: `all()`, sets without values, and a condition beside its
    /// opposite. It matches the same labels. For selectors that `all()` means "always" in, so after
    /// [`rewrite`](Self::rewrite).
    #[must_use]
    pub fn simplified(&self) -> Self {
        Self::from_normal(simplify::simplified(&self.0))
    }

    fn from_normal(expr: Expr) -> Self {
        Self(Arc::new(expr))
    }

    fn into_expr(self) -> Expr {
        Arc::unwrap_or_clone(self.0)
    }
}

/// As [`Selector::parse`].
/// As it is stored: its canonical text.
impl TryFrom<String> for Selector {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl FromStr for Selector {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// As [`Selector::negated`].
impl std::ops::Not for Selector {
    type Output = Self;

    fn not(self) -> Self {
        self.negated()
    }
}

/// A label and a value that can stand in the text of a selector.
fn compared(label: &str, value: &str) -> Result<(SmolStr, SmolStr), BuildError> {
    let label = parse::label(label)?;
    let value = writable(&label, value)?;
    Ok((label, value))
}

fn writable(label: &SmolStr, value: &str) -> Result<SmolStr, BuildError> {
    if value.contains('"') && value.contains('\'') {
        return Err(BuildError::Value { label: label.clone(), value: value.into() });
    }
    Ok(value.into())
}

fn map_labels(expr: &Expr, map: &mut impl FnMut(&str) -> SmolStr) -> Result<Expr, BuildError> {
    let mut new = |label: &SmolStr| parse::label(&map(label));
    Ok(match expr {
        Expr::All | Expr::Global => expr.clone(),
        Expr::Has(label) => Expr::Has(new(label)?),
        Expr::Eq(label, value) => Expr::Eq(new(label)?, value.clone()),
        Expr::Ne(label, value) => Expr::Ne(new(label)?, value.clone()),
        Expr::In(label, values) => Expr::In(new(label)?, values.clone()),
        Expr::NotIn(label, values) => Expr::NotIn(new(label)?, values.clone()),
        Expr::Contains(label, part) => Expr::Contains(new(label)?, part.clone()),
        Expr::StartsWith(label, part) => Expr::StartsWith(new(label)?, part.clone()),
        Expr::EndsWith(label, part) => Expr::EndsWith(new(label)?, part.clone()),
        Expr::Not(inner) => map_labels(inner, map)?.negated(),
        Expr::And(operands) => Expr::join(Junction::And, map_all(operands, map)?),
        Expr::Or(operands) => Expr::join(Junction::Or, map_all(operands, map)?),
    })
}

fn map_all(operands: &[Expr], map: &mut impl FnMut(&str) -> SmolStr) -> Result<Vec<Expr>, BuildError> {
    operands.iter().map(|operand| map_labels(operand, map)).collect()
}

fn rewrite(expr: &Expr, replace: &mut impl FnMut(&Expr) -> Option<Selector>) -> Expr {
    let mut all = |operands: &[Expr]| operands.iter().map(|operand| rewrite(operand, replace)).collect();
    match expr {
        Expr::And(operands) => Expr::join(Junction::And, all(operands)),
        Expr::Or(operands) => Expr::join(Junction::Or, all(operands)),
        Expr::Not(inner) => rewrite(inner, replace).negated(),
        leaf => replace(leaf).map_or_else(|| leaf.clone(), Selector::into_expr),
    }
}
