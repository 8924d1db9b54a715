//! Operators with two sides, and which series of the sides belong together.

use crate::error::Error;
use crate::labels::Quoted;

use super::ast::{Binary, BinaryOp, Card, Expr, ExprKind, Matching, Type};
use super::words::Parser;

impl Parser<'_> {
    /// What follows `left`, beginning with the operator at hand.
    pub(super) fn binary(&mut self, left: Expr, op: BinaryOp) -> Result<Expr, Error> {
        let (at, start) = (self.at, left.at());
        self.advance()?;
        let bool = self.take_word("bool")?;
        let matching = self.matching(op)?;
        // The power alone groups from the right.
        let right = self.expression(op.binding() + u8::from(op != BinaryOp::Pow))?;
        self.check_binary(&left, op, &right, bool, matching.is_some(), at)?;
        let written = matching.map(Box::new);
        self.node(ExprKind::Binary(Binary { op, left, right, bool, written }.into()), start)
    }

    fn matching(&mut self, op: BinaryOp) -> Result<Option<Matching>, Error> {
        let on = self.is_word("on");
        if !on && !self.is_word("ignoring") {
            return Ok(None);
        }
        self.advance()?;
        let labels = self.label_names()?;
        let at = self.at;
        let card = match () {
            () if self.is_word("group_left") => Card::ManyToOne,
            () if self.is_word("group_right") => Card::OneToMany,
            () => {
                let (card, include) = (Card::OneToOne, Vec::new());
                return Ok(Some(Matching { on, labels, card, include }));
            }
        };
        self.advance()?;
        let include = if self.is("(") { self.label_names()? } else { Vec::new() };
        if op.is_set() {
            let text = format!("{} takes no grouping; take it out", Quoted(op.name()));
            return Err(self.error(at, text));
        }
        if let Some(both) = include.iter().find(|label| on && labels.contains(label)) {
            let text = format!("the label {both:?} is in \"on\" and in the grouping; take one out");
            return Err(self.error(at, text));
        }
        Ok(Some(Matching { on, labels, card, include }))
    }

    fn check_binary(
        &self,
        left: &Expr,
        op: BinaryOp,
        right: &Expr,
        bool: bool,
        matching: bool,
        at: usize,
    ) -> Result<(), Error> {
        let name = Quoted(op.name());
        let types = (left.value_type(), right.value_type());
        for side in [left, right] {
            if side.value_type() == Type::Matrix {
                let text =
                    format!("{name} takes no range vector; apply a function of a range to it");
                return Err(self.error(side.at(), text));
            }
            if op.is_set() {
                self.check_type(side, Type::Vector, &format!("{name} wants instant vectors"))?;
            }
        }
        if bool && !op.is_comparison() {
            return Err(self.error(at, format!("{name} takes no \"bool\"; comparisons alone do")));
        }
        if matching && types != (Type::Vector, Type::Vector) {
            let text = "\"on\" and \"ignoring\" stand between instant vectors alone; take them out";
            return Err(self.error(at, text));
        }
        if types == (Type::Scalar, Type::Scalar) && op.is_comparison() && !bool {
            let text =
                format!("{name} between scalars wants \"bool\", as in `1 {} bool 2`", op.name());
            return Err(self.error(at, text));
        }
        Ok(())
    }
}
