use std::fmt::{self, Formatter, Write};

use smol_str::SmolStr;

use crate::{Expr, Selector};

/// The canonical text: the same for every selector that is the same condition in normal form, and parsed back to it.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.expr(), f)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({self})")
    }
}

/// As the language writes it.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::Global => f.write_str("global()"),
            Self::Has(label) => write!(f, "has({label})"),
            Self::Eq(label, value) => compare(f, label, " == ", value),
            Self::Ne(label, value) => compare(f, label, " != ", value),
            Self::Contains(label, part) => compare(f, label, " contains ", part),
            Self::StartsWith(label, part) => compare(f, label, " starts with ", part),
            Self::EndsWith(label, part) => compare(f, label, " ends with ", part),
            Self::In(label, values) => set(f, label, " in {", values),
            Self::NotIn(label, values) => set(f, label, " not in {", values),
            Self::Not(inner) if inner.children().is_empty() => write!(f, "!{inner}"),
            Self::Not(inner) => write!(f, "!({inner})"),
            Self::And(operands) => join(f, " && ", operands, |operand| matches!(operand, Self::Or(_))),
            Self::Or(operands) => join(f, " || ", operands, |_| false),
        }
    }
}

fn compare(f: &mut Formatter<'_>, label: &str, operator: &str, value: &str) -> fmt::Result {
    f.write_str(label)?;
    f.write_str(operator)?;
    quoted(f, value)
}

fn set(f: &mut Formatter<'_>, label: &str, operator: &str, values: &[SmolStr]) -> fmt::Result {
    f.write_str(label)?;
    f.write_str(operator)?;
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        quoted(f, value)?;
    }
    f.write_char('}')
}

/// In double quotes, or in single quotes if there is a double quote inside; a value never has both.
fn quoted(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    let quote = if value.contains('"') { '\'' } else { '"' };
    f.write_char(quote)?;
    f.write_str(value)?;
    f.write_char(quote)
}

fn join(f: &mut Formatter<'_>, operator: &str, operands: &[Expr], grouped: fn(&Expr) -> bool) -> fmt::Result {
    for (i, operand) in operands.iter().enumerate() {
        if i > 0 {
            f.write_str(operator)?;
        }
        if grouped(operand) {
            write!(f, "({operand})")?;
        } else {
            write!(f, "{operand}")?;
        }
    }
    Ok(())
}
