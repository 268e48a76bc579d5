use crate::Expr;
use crate::expr::Junction;

/// The condition with constants folded, in normal form: `all()` and its negation remain only as the whole.
pub(crate) fn simplified(expr: &Expr) -> Expr {
    match expr {
        Expr::In(_, values) if values.is_empty() => Expr::never(),
        Expr::NotIn(_, values) if values.is_empty() => Expr::All,
        Expr::And(operands) => folded(Junction::And, operands),
        Expr::Or(operands) => folded(Junction::Or, operands),
        leaf => leaf.clone(),
    }
}

fn folded(junction: Junction, operands: &[Expr]) -> Expr {
    // What decides the whole, and what its negation, dropped, decides nothing.
    let decisive = match junction {
        Junction::And => Expr::never(),
        Junction::Or => Expr::All,
    };
    let neutral = decisive.clone().negated();
    let mut rest: Vec<_> = operands.iter().map(simplified).filter(|operand| *operand != neutral).collect();
    rest.sort_unstable();
    let decided = rest.contains(&decisive)
        || rest.iter().any(|operand| {
            // Opposites of leaves only: of a junction it would cost a copy, and is rarely written.
            let leaf = !matches!(operand, Expr::And(_) | Expr::Or(_));
            leaf && rest.binary_search(&operand.clone().negated()).is_ok()
        });
    if decided { decisive } else { Expr::join(junction, rest) }
}
