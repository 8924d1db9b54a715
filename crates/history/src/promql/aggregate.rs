//! Aggregations with their parameter and grouping.

use crate::error::Error;
use crate::labels::Quoted;

use super::ast::{Aggregate, AggregateOp, Expr, ExprKind, Type};
use super::words::Parser;

/// Whether labels are dropped, and which.
type Grouping = (bool, Vec<Box<str>>);

impl Parser<'_> {
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Result<Expr, Error> {
        let at = self.at;
        self.advance()?;
        let before = self.grouping()?;
        let mut args = self.args()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or_default(),
        };
        let wanted = 1 + usize::from(op.has_param());
        let name = Quoted(op.name());
        if args.len() != wanted {
            let text = format!("{name} wants {wanted} arguments, not {}", args.len());
            return Err(self.error(at, text));
        }
        let (Some(arg), param) = (args.pop(), args.pop()) else {
            return Err(self.wanted("an expression"));
        };
        if let Some(param) = &param {
            self.check_type(
                param,
                Type::Scalar,
                &format!("{name} wants a scalar as its parameter"),
            )?;
        }
        self.check_type(&arg, Type::Vector, &format!("{name} wants an instant vector"))?;
        let (without, labels) = (grouping.0, grouping.1.into());
        self.node(ExprKind::Aggregate(Aggregate { op, param, arg, without, labels }.into()), at)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, Error> {
        let without = self.is_word("without");
        if !without && !self.is_word("by") {
            return Ok(None);
        }
        self.advance()?;
        Ok(Some((without, self.label_names()?)))
    }
}
