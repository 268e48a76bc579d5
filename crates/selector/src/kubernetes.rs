use std::fmt;

use smol_str::SmolStr;

use crate::{BuildError, Selector};

/// A Kubernetes label selector (`meta/v1` LabelSelector): all its requirements together. Without any it selects
/// everything; what an *absent* selector means is for the field it is absent from.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LabelSelector {
    /// `matchLabels`: labels and the values they must have.
    pub match_labels: Vec<(SmolStr, SmolStr)>,
    /// `matchExpressions`.
    pub match_expressions: Vec<Requirement>,
}

/// One of a label selector's `matchExpressions`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The label.
    pub key: SmolStr,
    /// How it is compared.
    pub operator: Operator,
    /// With what: at least one for `In` and `NotIn`, none for the others.
    pub values: Vec<SmolStr>,
}

/// How a requirement compares a label.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operator {
    /// The label is there, with one of the values.
    In,
    /// The label is absent, or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl LabelSelector {
    /// The same condition as a selector.
    ///
    /// # Errors
    /// A key or a value that a selector can't hold, which Kubernetes wouldn't take either; or values where the operator
    /// takes none, or none where it needs some.
    pub fn to_selector(&self) -> Result<Selector, BuildError> {
        let labels = self.match_labels.iter().map(|(key, value)| Selector::equals(key, value));
        let expressions = self.match_expressions.iter().map(Requirement::to_selector);
        Ok(Selector::all_of(labels.chain(expressions).collect::<Result<Vec<_>, _>>()?))
    }
}

impl Requirement {
    /// `key in (values)`.
    pub fn is_in<V: Into<SmolStr>>(key: impl Into<SmolStr>, values: impl IntoIterator<Item = V>) -> Self {
        Self { key: key.into(), operator: Operator::In, values: values.into_iter().map(Into::into).collect() }
    }

    /// `key notin (values)`.
    pub fn not_in<V: Into<SmolStr>>(key: impl Into<SmolStr>, values: impl IntoIterator<Item = V>) -> Self {
        Self { operator: Operator::NotIn, ..Self::is_in(key, values) }
    }

    /// `key` is there.
    pub fn exists(key: impl Into<SmolStr>) -> Self {
        Self { key: key.into(), operator: Operator::Exists, values: Vec::new() }
    }

    /// `key` is absent.
    pub fn does_not_exist(key: impl Into<SmolStr>) -> Self {
        Self { operator: Operator::DoesNotExist, ..Self::exists(key) }
    }

    fn to_selector(&self) -> Result<Selector, BuildError> {
        let Self { key, operator, values } = self;
        match (operator, values.is_empty()) {
            (Operator::In, false) => Selector::is_in(key, values),
            (Operator::NotIn, false) => Selector::not_in(key, values),
            (Operator::Exists, true) => Selector::has(key),
            (Operator::DoesNotExist, true) => Selector::has(key).map(Selector::negated),
            (Operator::In | Operator::NotIn, true) => {
                Err(BuildError::NoValues { label: key.clone(), operator: *operator })
            }
            (Operator::Exists | Operator::DoesNotExist, false) => {
                Err(BuildError::UnwantedValues { label: key.clone(), operator: *operator })
            }
        }
    }
}

/// As the Kubernetes API spells it.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
        })
    }
}
