//! The words of a query, one ahead, and what is said when another was wanted.

use crate::error::{Error, ErrorKind, Place};
use crate::labels::Quoted;
use crate::limits::Limits;

use super::ast::Selection;
use super::token::{Lexer, Token};

/// Reads one word ahead.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    /// Where `token` begins.
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) limits: &'a Limits,
    pub(super) selections: Vec<Selection>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Result<Parser<'a>, Error> {
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
            Token::Sign("@") => {
                return self.unsupported(self.at, "the modifier @ is not supported");
            }
            Token::Name("atan2") => {
                return self.unsupported(self.at, "the operator \"atan2\" is not supported");
            }
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

    pub(super) fn expect_end(&self) -> Result<(), Error> {
        match self.token {
            Token::End => Ok(()),
            _ => Err(self.wanted("an operator or the end")),
        }
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
