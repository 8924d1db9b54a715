//! Selectors with their matchers, ranges and offsets.

use crate::error::Error;
use crate::labels::METRIC_NAME;
use crate::selector::{MatchOp, Matcher, Selector};

use super::ast::{Expr, ExprKind, Selection};
use super::token::Token;
use super::words::Parser;

impl Parser<'_> {
    pub(super) fn selection(&mut self) -> Result<Expr, Error> {
        let at = self.at;
        let selector = self.selector()?;
        let range_ms = if self.is("[") { self.range()? } else { 0 };
        let offset_ms = if self.take_word("offset")? { self.offset()? } else { 0 };
        if self.is("[") {
            return Err(self.error(self.at, "a range stands before the offset, and once"));
        }
        let number = self.selections.len();
        self.selections.push(Selection { selector, range_ms, offset_ms });
        let kind = if range_ms == 0 { ExprKind::Vector(number) } else { ExprKind::Matrix(number) };
        self.node(kind, at)
    }

    pub(super) fn selector(&mut self) -> Result<Selector, Error> {
        let (at, mut matchers) = (self.at, Vec::new());
        if let Token::Name(name) = self.token {
            matchers.push(Matcher::new(METRIC_NAME, MatchOp::Equal, name)?);
            self.advance()?;
        }
        if matchers.is_empty() || self.is("{") {
            self.matchers(&mut matchers)?;
        }
        let selector = Selector::new(matchers);
        if selector.matches_everything() {
            let text = "a selector needs a name or a matcher that the empty value does not match";
            return Err(self.error(at, text));
        }
        Ok(selector)
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Error> {
        self.expect("{")?;
        let named = !matchers.is_empty();
        while let Token::Name(name) = self.token {
            if name.contains(':') {
                return Err(self.error(self.at, format!("{name:?} is no name of a label")));
            }
            if named && name == METRIC_NAME {
                return Err(self.error(self.at, "the metric has a name already; take one out"));
            }
            matchers.push(self.matcher(name)?);
            if !self.take(",")? {
                break;
            }
        }
        self.expect("}")
    }

    fn matcher(&mut self, name: &str) -> Result<Matcher, Error> {
        self.advance()?;
        let op = match self.token {
            Token::Sign("=") => MatchOp::Equal,
            Token::Sign("!=") => MatchOp::NotEqual,
            Token::Sign("=~") => MatchOp::Regex,
            Token::Sign("!~") => MatchOp::NotRegex,
            _ => return Err(self.wanted("=, !=, =~ or !~")),
        };
        self.advance()?;
        let at = self.at;
        if !matches!(self.token, Token::Text(_)) {
            return Err(self.wanted("a text between quotes"));
        }
        match self.advance()? {
            Token::Text(value) => {
                Matcher::new(name, op, &value).map_err(|error| self.error(at, error.to_string()))
            }
            _ => Err(self.wanted("a text between quotes")),
        }
    }

    fn range(&mut self) -> Result<i64, Error> {
        self.advance()?;
        let range_ms = self.duration()?;
        if matches!(self.token, Token::Name(name) if name.starts_with(':')) {
            let text = "a subquery is not supported; a range is one duration, as in `[5m]`";
            return Err(self.unsupported(self.at, text));
        }
        self.expect("]")?;
        Ok(range_ms)
    }

    fn offset(&mut self) -> Result<i64, Error> {
        let negative = self.take("-")?;
        let offset_ms = self.duration()?;
        Ok(if negative { -offset_ms } else { offset_ms })
    }

    fn duration(&mut self) -> Result<i64, Error> {
        match self.token {
            Token::Duration(milliseconds) => {
                self.advance()?;
                Ok(milliseconds)
            }
            _ => Err(self.wanted("a duration, as 5m,")),
        }
    }
}
