use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::{Labels, NAMESPACE_LABEL};

/// A condition in the normal form that [`Selector`](crate::Selector) holds (see the crate's front page), for engines that
/// compile it.
///
/// Of every expression in a selector: labels and values are such as the language can write; sets have no or at least two
/// values, sorted and distinct; `And` and `Or` have at least two operands, sorted and distinct, none of their own kind;
/// `Not` stands over `All`, `Global`, `Has`, `Contains`, `StartsWith` or `EndsWith` alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Expr {
    /// `all()`: always.
    All,
    /// `global()`: no label [`NAMESPACE_LABEL`].
    Global,
    /// `has(label)`.
    Has(SmolStr),
    /// `label == "value"`.
    Eq(SmolStr, SmolStr),
    /// `label != "value"`, true where the label is absent.
    Ne(SmolStr, SmolStr),
    /// `label in {values}`.
    In(SmolStr, Box<[SmolStr]>),
    /// `label not in {values}`, true where the label is absent.
    NotIn(SmolStr, Box<[SmolStr]>),
    /// `label contains "part"`; the part isn't empty.
    Contains(SmolStr, SmolStr),
    /// `label starts with "part"`; the part isn't empty.
    StartsWith(SmolStr, SmolStr),
    /// `label ends with "part"`; the part isn't empty.
    EndsWith(SmolStr, SmolStr),
    /// `!condition`.
    Not(Box<Self>),
    /// `condition && condition …`
    And(Box<[Self]>),
    /// `condition || condition …`
    Or(Box<[Self]>),
}

/// `&&` or `||`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Junction {
    And,
    Or,
}

impl Junction {
    /// The other one: what this is under a negation.
    pub(crate) fn dual(self) -> Self {
        match self {
            Self::And => Self::Or,
            Self::Or => Self::And,
        }
    }

    /// This one, or its dual under a negation.
    pub(crate) fn negated_if(self, negated: bool) -> Self {
        if negated { self.dual() } else { self }
    }
}

impl Expr {
    /// `all()` negated: never true.
    pub(crate) fn never() -> Self {
        Self::Not(Box::new(Self::All))
    }

    /// `in`, or `not in` if negated, in normal form.
    pub(crate) fn member(label: SmolStr, mut values: Vec<SmolStr>, negated: bool) -> Self {
        values.sort_unstable();
        values.dedup();
        if values.len() == 1 {
            return Self::compare(label, values.remove(0), negated);
        }
        let values = values.into_boxed_slice();
        if negated { Self::NotIn(label, values) } else { Self::In(label, values) }
    }

    /// `==`, or `!=` if negated.
    pub(crate) fn compare(label: SmolStr, value: SmolStr, negated: bool) -> Self {
        if negated { Self::Ne(label, value) } else { Self::Eq(label, value) }
    }

    /// `contains` and its kin: an empty part is in every text, so only the label must be there.
    pub(crate) fn part(kind: fn(SmolStr, SmolStr) -> Self, label: SmolStr, part: SmolStr) -> Self {
        if part.is_empty() { Self::Has(label) } else { kind(label, part) }
    }

    /// The normal form of operands, themselves in normal form, joined. Without operands: what changes nothing when joined,
    /// `all()` for `&&` and never for `||`.
    pub(crate) fn join(junction: Junction, operands: Vec<Self>) -> Self {
        let nested =
            |operand: &Self| matches!((junction, operand), (Junction::And, Self::And(_)) | (Junction::Or, Self::Or(_)));
        let mut flat = operands;
        if flat.iter().any(nested) {
            let mut all = Vec::with_capacity(flat.len() + 2);
            for operand in flat {
                match (junction, operand) {
                    (Junction::And, Self::And(inner)) | (Junction::Or, Self::Or(inner)) => all.extend(inner),
                    (_, operand) => all.push(operand),
                }
            }
            flat = all;
        }
        flat.sort_unstable();
        flat.dedup();
        match (flat.len(), junction) {
            (0, Junction::And) => Self::All,
            (0, Junction::Or) => Self::never(),
            (1, _) => flat.remove(0),
            (_, Junction::And) => Self::And(flat.into_boxed_slice()),
            (_, Junction::Or) => Self::Or(flat.into_boxed_slice()),
        }
    }

    /// The normal form of the negation: of a leaf its opposite, of a junction the dual of the negated operands.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Eq(label, value) => Self::Ne(label, value),
            Self::Ne(label, value) => Self::Eq(label, value),
            Self::In(label, values) => Self::NotIn(label, values),
            Self::NotIn(label, values) => Self::In(label, values),
            Self::Not(inner) => *inner,
            Self::And(operands) => Self::join(Junction::Or, operands.into_iter().map(Self::negated).collect()),
            Self::Or(operands) => Self::join(Junction::And, operands.into_iter().map(Self::negated).collect()),
            leaf => Self::Not(Box::new(leaf)),
        }
    }

    /// The negation if `negated`, else itself.
    pub(crate) fn negated_if(self, negated: bool) -> Self {
        if negated { self.negated() } else { self }
    }

    /// Whether the condition holds for these labels.
    pub fn matches<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        let value = |label: &SmolStr| labels.get(label);
        match self {
            Self::All => true,
            Self::Global => labels.get(NAMESPACE_LABEL).is_none(),
            Self::Has(label) => value(label).is_some(),
            Self::Eq(label, wanted) => value(label).is_some_and(|v| v == wanted),
            Self::Ne(label, unwanted) => value(label).is_none_or(|v| v != unwanted),
            Self::In(label, values) => value(label).is_some_and(|v| is_one_of(values, v)),
            Self::NotIn(label, values) => value(label).is_none_or(|v| !is_one_of(values, v)),
            Self::Contains(label, part) => value(label).is_some_and(|v| v.contains(part.as_str())),
            Self::StartsWith(label, part) => value(label).is_some_and(|v| v.starts_with(part.as_str())),
            Self::EndsWith(label, part) => value(label).is_some_and(|v| v.ends_with(part.as_str())),
            Self::Not(inner) => !inner.matches(labels),
            Self::And(operands) => operands.iter().all(|operand| operand.matches(labels)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(labels)),
        }
    }

    /// The expressions right inside this one: the operands, or what is negated; none of a leaf.
    pub fn children(&self) -> &[Self] {
        match self {
            Self::Not(inner) => std::slice::from_ref(inner),
            Self::And(operands) | Self::Or(operands) => operands,
            _ => &[],
        }
    }

    /// The label that a leaf reads; `None` of `all()` and of what has children.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Global => Some(NAMESPACE_LABEL),
            Self::Has(label)
            | Self::Eq(label, _)
            | Self::Ne(label, _)
            | Self::In(label, _)
            | Self::NotIn(label, _)
            | Self::Contains(label, _)
            | Self::StartsWith(label, _)
            | Self::EndsWith(label, _) => Some(label),
            Self::All | Self::Not(_) | Self::And(_) | Self::Or(_) => None,
        }
    }

    pub(crate) fn collect_labels<'a>(&'a self, labels: &mut BTreeSet<&'a str>) {
        labels.extend(self.label());
        for child in self.children() {
            child.collect_labels(labels);
        }
    }

    pub(crate) fn contains_global(&self) -> bool {
        matches!(self, Self::Global) || self.children().iter().any(Self::contains_global)
    }
}

/// Whether a sorted set of values has this one.
pub(crate) fn is_one_of(values: &[SmolStr], value: &str) -> bool {
    values.binary_search_by(|v| v.as_str().cmp(value)).is_ok()
}
