//! Reads a query by recursive descent, and checks its types on the way.

use crate::error::{Error, Place};
use crate::labels::Quoted;
use crate::limits::Limits;
use crate::selector::Selector;

use super::ast::{AggregateOp, BinaryOp, Call, Expr, ExprKind, Selection, Type};
use super::function::{Function, UNSUPPORTED};
use super::token::Token;
use super::words::Parser;

/// A query that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) expr: Expr,
    /// What its selectors ask for, in the order of their numbers.
    pub(crate) selections: Box<[Selection]>,
}

pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Parsed, Error> {
    let mut parser = Parser::new(text, limits)?;
    let expr = parser.expression(0)?;
    parser.expect_end()?;
    Ok(Parsed { expr, selections: parser.selections.into() })
}

pub(crate) fn parse_selector(text: &str) -> Result<Selector, Error> {
    let limits = Limits::default();
    let mut parser = Parser::new(text, &limits)?;
    let selector = parser.selector()?;
    parser.expect_end()?;
    Ok(selector)
}

impl<'a> Parser<'a> {
    /// A node, unless the tree is too deep with it.
    pub(super) fn node(&self, kind: ExprKind, at: usize) -> Result<Expr, Error> {
        let expr = Expr::new(kind, at);
        match expr.depth() <= self.limits.depth {
            true => Ok(expr),
            false => Err(self.too_deep(at)),
        }
    }

    fn too_deep(&self, at: usize) -> Error {
        let error = self.limits.reached("an expression", "depth", self.limits.depth as u64);
        error.at(Place::of(self.text, at))
    }

    /// An expression of operators that bind at least as tightly as `binding`.
    pub(super) fn expression(&mut self, binding: u8) -> Result<Expr, Error> {
        // Counted here too: parentheses and signs that are still open are no nodes yet.
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(self.too_deep(self.at));
        }
        let mut left = self.signed()?;
        while let Some(op) = self.operator().filter(|op| op.binding() >= binding) {
            left = self.binary(left, op)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<BinaryOp> {
        match self.token {
            Token::Sign(name) | Token::Name(name) => BinaryOp::named(name),
            _ => None,
        }
    }

    fn signed(&mut self) -> Result<Expr, Error> {
        let (at, minus) = (self.at, self.is("-"));
        if !minus && !self.is("+") {
            return self.primary();
        }
        self.advance()?;
        let operand = self.expression(BinaryOp::POWER)?;
        if operand.value_type() == Type::Matrix {
            return Err(self.error(at, "a range vector has no sign; apply a function to it first"));
        }
        match operand.kind {
            ExprKind::Number(number) if minus => self.node(ExprKind::Number(-number), at),
            _ if minus => self.node(ExprKind::Negate(operand.into()), at),
            _ => Ok(operand),
        }
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let at = self.at;
        match self.token {
            Token::Number(number) => {
                self.advance()?;
                self.node(ExprKind::Number(number), at)
            }
            Token::Sign("(") => self.paren(),
            Token::Sign("{") => self.selection(),
            Token::Name(name) => self.named(name),
            Token::Text(_) => Err(self.unsupported(at, "a text as a value is not supported")),
            _ => Err(self.wanted("an expression")),
        }
    }

    fn paren(&mut self) -> Result<Expr, Error> {
        let at = self.at;
        self.advance()?;
        let inner = self.expression(0)?;
        self.expect(")")?;
        if self.is("[") {
            return Err(self.unsupported(
                self.at,
                "a subquery is not supported; a range belongs to a selector",
            ));
        }
        self.node(ExprKind::Paren(inner.into()), at)
    }

    /// A name is a function, an aggregation or a metric; what follows tells.
    fn named(&mut self, name: &'a str) -> Result<Expr, Error> {
        let mut ahead = Parser::new(&self.text[self.at + name.len()..], self.limits);
        let next = ahead
            .as_mut()
            .map(|ahead| (ahead.is("("), ahead.is_word("by") || ahead.is_word("without")));
        let (call, grouping) = next.unwrap_or_default();
        match AggregateOp::named(name) {
            Some(op) if call || grouping => self.aggregate(op),
            _ if call => self.call(name),
            _ if ["bool", "on", "ignoring", "group_left", "group_right"].contains(&name) => {
                Err(self.wanted("an expression"))
            }
            _ => self.selection(),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expr, Error> {
        let at = self.at;
        let function = Function::named(name).ok_or_else(|| self.no_function(name))?;
        self.advance()?;
        let args = self.args()?;
        let (most, name) = (function.args(), Quoted(function.name()));
        if args.len() > most.len() || args.len() + function.optional() < most.len() {
            let least = most.len() - function.optional();
            let number = match least == most.len() {
                true => format!("{least}"),
                false => format!("{least} to {}", most.len()),
            };
            let text = format!("{name} wants {number} arguments, not {}", args.len());
            return Err(self.error(at, text));
        }
        for (index, (arg, wanted)) in args.iter().zip(most).enumerate() {
            self.check_type(
                arg,
                *wanted,
                &format!("{name} wants {wanted} as argument {}", index + 1),
            )?;
        }
        self.node(ExprKind::Call(Call { function, args: args.into() }.into()), at)
    }

    fn no_function(&self, name: &str) -> Error {
        if UNSUPPORTED.contains(&name) {
            return self.unsupported(self.at, format!("the function {name:?} is not supported"));
        }
        self.error(self.at, format!("there is no function {name:?}"))
    }

    pub(super) fn check_type(&self, expr: &Expr, wanted: Type, what: &str) -> Result<(), Error> {
        let found = expr.value_type();
        if found == wanted {
            return Ok(());
        }
        let remedy = match (wanted, found) {
            (Type::Matrix, _) => "write a range behind the selector, as in `x[1m]`",
            (Type::Vector, Type::Matrix) => "apply a function of a range to it, as `rate`",
            (Type::Vector, _) => "make it one by `vector`",
            (Type::Scalar, _) => "make it one by `scalar`",
        };
        Err(self.error(expr.at(), format!("{what}, not {found}; {remedy}")))
    }

    /// Arguments between parentheses.
    pub(super) fn args(&mut self) -> Result<Vec<Expr>, Error> {
        self.expect("(")?;
        let mut args = Vec::new();
        if self.take(")")? {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if !self.take(",")? {
                self.expect(")")?;
                return self.no_subquery(args);
            }
        }
    }

    fn no_subquery(&self, args: Vec<Expr>) -> Result<Vec<Expr>, Error> {
        if self.is("[") {
            let text = "a subquery is not supported; a range belongs to a selector";
            return Err(self.unsupported(self.at, text));
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let parsed = parse(text, &Limits::default());
        assert_eq!(
            parsed.map(|parsed| parsed.to_string()).map_err(|e| e.to_string()),
            Ok(expect.into())
        );
    }

    fn check_error(text: &str, expect: &str) {
        let error = parse(text, &Limits::default()).map(|parsed| parsed.to_string()).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }

    #[test]
    fn operators_bind_as_in_prometheus() {
        check("1 + 2 * 3", "(1.0 + (2.0 * 3.0))");
        check("1 - 2 - 3", "((1.0 - 2.0) - 3.0)");
        check("2 ^ 3 ^ 2", "(2.0 ^ (3.0 ^ 2.0))");
        check("-x ^ 2 * 3", "((-({__name__=\"x\"} ^ 2.0)) * 3.0)");
        check("2 ^ -1", "(2.0 ^ (-1.0))");
        check("1 + 2 > bool 3 == bool 0", "(((1.0 + 2.0) > bool 3.0) == bool 0.0)");
        let (x, y, z) = ("{__name__=\"x\"}", "{__name__=\"y\"}", "{__name__=\"z\"}");
        check("x or y and z", &format!("({x} or ({y} and {z}))"));
        check("x and y unless z", &format!("(({x} and {y}) unless {z})"));
    }

    #[test]
    fn a_keyword_can_be_a_metric() {
        check("sum", "{__name__=\"sum\"}");
        check("sum(by)", "sum({__name__=\"by\"})");
        check("offset offset 5m", "{__name__=\"offset\"} offset 300000ms");
    }

    #[test]
    fn groupings_and_matchings_are_kept() {
        check("sum(x) by (a, b,)", "sum by (a, b) ({__name__=\"x\"})");
        check("SUM without () (x)", "sum without () ({__name__=\"x\"})");
        check(
            "x / on (a) group_left (b) y",
            "({__name__=\"x\"} / on (a) group_left (b) {__name__=\"y\"})",
        );
        check("x > bool ignoring (a) y", "({__name__=\"x\"} > bool ignoring (a) {__name__=\"y\"})");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_a_remedy() {
        check_error("sum(x", "line 1, column 6: \")\" is wanted, not the end");
        check_error("x +\n  rat(y[1m])", "line 2, column 3: there is no function \"rat\"");
        check_error(
            "1 > 2",
            "line 1, column 3: \">\" between scalars wants \"bool\", as in `1 > bool 2`",
        );
        check_error(
            "rate(x[5m:])",
            "line 1, column 10: a subquery is not supported; a range is one duration, as in `[5m]`",
        );
        check_error("x @ 5", "line 1, column 3: the modifier @ is not supported");
        check_error(
            "{a=\"\"}",
            "line 1, column 1: a selector needs a name or a matcher that the empty value does not match",
        );
    }
}
