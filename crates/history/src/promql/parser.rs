//! Reads a query by recursive descent, and checks its types on the way.

use crate::error::{Error, ErrorKind, Place};
use crate::labels::Quoted;
use crate::limits::Limits;
use crate::selector::Selector;

use super::ast::{AggregateOp, BinaryOp, Expr, ExprKind, Selection, Type};
use super::function::{Function, UNSUPPORTED};
use super::token::{Lexer, Token};

/// A query that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) expr: Expr,
    /// What its selectors ask for, in the order of their numbers.
    pub(crate) selections: Vec<Selection>,
}

/// Reads one word ahead.
pub(super) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    /// Where `token` begins.
    pub(super) at: usize,
    depth: usize,
    limits: &'a Limits,
    pub(super) selections: Vec<Selection>,
}

pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Parsed, Error> {
    let mut parser = Parser::new(text, limits)?;
    let expr = parser.expression(0)?;
    parser.expect_end()?;
    Ok(Parsed { expr, selections: parser.selections })
}

pub(crate) fn parse_selector(text: &str) -> Result<Selector, Error> {
    let limits = Limits::default();
    let mut parser = Parser::new(text, &limits)?;
    let selector = parser.selector()?;
    parser.expect_end()?;
    Ok(selector)
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Result<Parser<'a>, Error> {
        if text.len() > limits.text_bytes {
            let what = format!("a query of {} bytes", text.len());
            return Err(limits.reached(&what, "text_bytes", limits.text_bytes as u64));
        }
        let (token, lexer, selections) = (Token::End, Lexer::new(text), Vec::new());
        let mut parser = Parser { text, lexer, token, at: 0, depth: 0, limits, selections };
        parser.advance()?;
        Ok(parser)
    }

    /// Goes on to the next word; returns the one that was there.
    pub(super) fn advance(&mut self) -> Result<Token<'a>, Error> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    pub(super) fn error(&self, at: usize, text: impl Into<Box<str>>) -> Error {
        Error::new(ErrorKind::Syntax, text).at(Place::of(self.text, at))
    }

    pub(super) fn unsupported(&self, at: usize, text: impl Into<Box<str>>) -> Error {
        Error::new(ErrorKind::Unsupported, text).at(Place::of(self.text, at))
    }

    /// What is wrong here is that `wanted` should be.
    pub(super) fn wanted(&self, wanted: &str) -> Error {
        let found = match &self.token {
            Token::Name(name) => format!("{name:?}"),
            Token::Number(number) => format!("the number {number}"),
            Token::Duration(_) => "a duration".into(),
            Token::Text(text) => format!("the text {}", Quoted(text)),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::End => "the end".into(),
        };
        self.error(self.at, format!("{wanted} is wanted, not {found}"))
    }

    pub(super) fn is(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(own) if own == sign)
    }

    /// Takes `sign` if it is there.
    pub(super) fn take(&mut self, sign: &str) -> Result<bool, Error> {
        let there = self.is(sign);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Error> {
        match self.take(sign)? {
            true => Ok(()),
            false => Err(self.wanted(&format!("{sign:?}"))),
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.token, Token::Name(own) if own.eq_ignore_ascii_case(word))
    }

    pub(super) fn take_word(&mut self, word: &str) -> Result<bool, Error> {
        let there = self.is_word(word);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn expect_end(&self) -> Result<(), Error> {
        match &self.token {
            Token::End => Ok(()),
            Token::Sign("@") => Err(self.unsupported(self.at, "the modifier @ is not supported")),
            _ => Err(self.wanted("an operator or the end")),
        }
    }

    /// A node, unless the tree is too deep with it.
    pub(super) fn node(&self, kind: ExprKind, at: usize) -> Result<Expr, Error> {
        let expr = Expr::new(kind, at);
        match expr.depth <= self.limits.depth {
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
        self.node(ExprKind::Call(function, args), at)
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
        Err(self.error(expr.at, format!("{what}, not {found}; {remedy}")))
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

    /// Names of labels between parentheses.
    pub(super) fn label_names(&mut self) -> Result<Vec<Box<str>>, Error> {
        self.expect("(")?;
        let mut names = Vec::new();
        while let Token::Name(name) = self.token {
            if name.contains(':') {
                return Err(self.error(self.at, format!("{name:?} is no name of a label")));
            }
            names.push(name.into());
            self.advance()?;
            if !self.take(",")? {
                break;
            }
        }
        self.expect(")")?;
        Ok(names)
    }
}
