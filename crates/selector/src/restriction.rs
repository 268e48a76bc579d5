use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::expr::is_one_of;
use crate::{Expr, Labels, NAMESPACE_LABEL};

/// A condition on one label that every match of a selector fulfils.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Restriction {
    /// The label.
    pub label: SmolStr,
    /// What is required of it.
    pub kind: RestrictionKind,
}

/// What is required of a label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RestrictionKind {
    /// It is there, with one of these values: sorted, distinct, never none.
    OneOf(Box<[SmolStr]>),
    /// It is there.
    Present,
}

impl Restriction {
    /// That the label has one of these values, given in any order.
    pub fn one_of<V: Into<SmolStr>>(label: impl Into<SmolStr>, values: impl IntoIterator<Item = V>) -> Self {
        let mut values: Vec<SmolStr> = values.into_iter().map(Into::into).collect();
        values.sort_unstable();
        values.dedup();
        Self { label: label.into(), kind: RestrictionKind::OneOf(values.into()) }
    }

    /// That the label is there.
    pub fn present(label: impl Into<SmolStr>) -> Self {
        Self { label: label.into(), kind: RestrictionKind::Present }
    }

    /// The label and the values it may have, `None` if any.
    fn into_values(self) -> (SmolStr, Option<Vec<SmolStr>>) {
        match self.kind {
            RestrictionKind::OneOf(values) => (self.label, Some(values.into_vec())),
            RestrictionKind::Present => (self.label, None),
        }
    }

    /// Whether it holds for these labels.
    pub fn holds<L: Labels + ?Sized>(&self, labels: &L) -> bool {
        labels.get(&self.label).is_some_and(|value| match &self.kind {
            RestrictionKind::OneOf(values) => is_one_of(values, value),
            RestrictionKind::Present => true,
        })
    }
}

/// What a match of the condition requires, sorted by label; `None` if there can be no match.
pub(crate) fn required(expr: &Expr) -> Option<Vec<Restriction>> {
    Some(match expr {
        Expr::All | Expr::Global | Expr::Ne(..) | Expr::NotIn(..) => Vec::new(),
        Expr::Eq(label, value) => {
            vec![Restriction { label: label.clone(), kind: RestrictionKind::OneOf([value.clone()].into()) }]
        }
        Expr::In(_, values) if values.is_empty() => return None,
        Expr::In(label, values) => {
            vec![Restriction { label: label.clone(), kind: RestrictionKind::OneOf(values.clone()) }]
        }
        Expr::Has(label) | Expr::Contains(label, _) | Expr::StartsWith(label, _) | Expr::EndsWith(label, _) => {
            vec![Restriction::present(label.clone())]
        }
        Expr::Not(inner) => match &**inner {
            Expr::All => return None,
            Expr::Global => vec![Restriction::present(NAMESPACE_LABEL)],
            _ => Vec::new(),
        },
        Expr::And(operands) => return of_all(operands),
        Expr::Or(operands) => return of_any(operands),
    })
}

/// All that any operand requires; of one label, what all of them allow.
fn of_all(operands: &[Expr]) -> Option<Vec<Restriction>> {
    let mut merged = BTreeMap::<SmolStr, RestrictionKind>::new();
    for operand in operands {
        for Restriction { label, kind } in required(operand)? {
            let tighter = match (merged.remove(&label), kind) {
                (None | Some(RestrictionKind::Present), kind) | (Some(kind), RestrictionKind::Present) => kind,
                (Some(RestrictionKind::OneOf(values)), RestrictionKind::OneOf(others)) => {
                    let both: Box<[_]> = values.into_iter().filter(|value| is_one_of(&others, value)).collect();
                    if both.is_empty() {
                        return None;
                    }
                    RestrictionKind::OneOf(both)
                }
            };
            merged.insert(label, tighter);
        }
    }
    Some(merged.into_iter().map(|(label, kind)| Restriction { label, kind }).collect())
}

/// The labels that every operand restricts; of one label, what any of them allows. Operands that can't match have no say.
fn of_any(operands: &[Expr]) -> Option<Vec<Restriction>> {
    // Values are gathered first and sorted once, so that a thousand alternatives cost no million steps.
    let mut matching = operands.iter().filter_map(required);
    let mut merged: BTreeMap<_, _> = matching.next()?.into_iter().map(Restriction::into_values).collect();
    for branch in matching {
        let mut kept = BTreeMap::new();
        for (label, values) in branch.into_iter().map(Restriction::into_values) {
            let Some(before) = merged.remove(&label) else { continue };
            let either = before.zip(values).map(|(mut before, values)| {
                before.extend(values);
                before
            });
            kept.insert(label, either);
        }
        merged = kept;
    }
    let restriction = |(label, values)| match values {
        Some(values) => Restriction::one_of(label, values),
        None => Restriction::present(label),
    };
    Some(merged.into_iter().map(restriction).collect())
}
