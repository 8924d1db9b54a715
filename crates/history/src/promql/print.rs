//! A query as text again, with every parenthesis that its meaning has.

use std::fmt;

use super::ast::{Aggregate, Binary, Card, Expr, ExprKind, Selection};
use super::parser::Parsed;

/// Shows an expression.
pub(crate) struct Printed<'a> {
    pub(crate) expr: &'a Expr,
    pub(crate) selections: &'a [Selection],
}

impl fmt::Display for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printed { expr: &self.expr, selections: &self.selections }.fmt(f)
    }
}

impl<'a> Printed<'a> {
    fn of(&self, expr: &'a Expr) -> Printed<'a> {
        Printed { expr, selections: self.selections }
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, exprs: &'a [Expr]) -> fmt::Result {
        for (index, expr) in exprs.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, self.of(expr))?;
        }
        Ok(())
    }

    fn aggregate(&self, f: &mut fmt::Formatter<'_>, aggregate: &'a Aggregate) -> fmt::Result {
        f.write_str(aggregate.op.name())?;
        if aggregate.without || !aggregate.labels.is_empty() {
            f.write_str(if aggregate.without { " without " } else { " by " })?;
            names(f, &aggregate.labels)?;
            f.write_str(" ")?;
        }
        f.write_str("(")?;
        if let Some(param) = &aggregate.param {
            write!(f, "{}, ", self.of(param))?;
        }
        write!(f, "{})", self.of(&aggregate.arg))
    }

    fn binary(&self, f: &mut fmt::Formatter<'_>, binary: &'a Binary) -> fmt::Result {
        write!(f, "({} {}", self.of(&binary.left), binary.op.name())?;
        if binary.bool {
            f.write_str(" bool")?;
        }
        let matching = binary.matching();
        if matching.on || !matching.labels.is_empty() || matching.card != Card::OneToOne {
            f.write_str(if matching.on { " on " } else { " ignoring " })?;
            names(f, &matching.labels)?;
        }
        if matching.card != Card::OneToOne {
            let left = matching.card == Card::ManyToOne;
            f.write_str(if left { " group_left " } else { " group_right " })?;
            names(f, &matching.include)?;
        }
        write!(f, " {})", self.of(&binary.right))
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr.kind {
            ExprKind::Number(number) => number_text(f, *number),
            ExprKind::Vector(number) | ExprKind::Matrix(number) => {
                selection(f, &self.selections[*number])
            }
            ExprKind::Negate(inner) => write!(f, "(-{})", self.of(inner)),
            ExprKind::Paren(inner) => self.of(inner).fmt(f),
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name())?;
                self.list(f, &call.args)?;
                f.write_str(")")
            }
            ExprKind::Aggregate(aggregate) => self.aggregate(f, aggregate),
            ExprKind::Binary(binary) => self.binary(f, binary),
        }
    }
}

fn names(f: &mut fmt::Formatter<'_>, names: &[Box<str>]) -> fmt::Result {
    write!(f, "({})", names.join(", "))
}

fn number_text(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    match number.is_infinite() {
        true => f.write_str(if number > 0.0 { "Inf" } else { "(-Inf)" }),
        false if number.is_sign_negative() && !number.is_nan() => write!(f, "({number:?})"),
        false => write!(f, "{number:?}"),
    }
}

fn selection(f: &mut fmt::Formatter<'_>, selection: &Selection) -> fmt::Result {
    write!(f, "{}", selection.selector)?;
    if selection.range_ms != 0 {
        write!(f, "[{}ms]", selection.range_ms)?;
    }
    match selection.offset_ms {
        0 => Ok(()),
        ms if ms < 0 => write!(f, " offset -{}ms", -ms),
        ms => write!(f, " offset {ms}ms"),
    }
}
