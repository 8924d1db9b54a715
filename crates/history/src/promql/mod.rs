//! PromQL: from text to a tree that was checked.

mod aggregate;
pub(crate) mod ast;
mod binary;
pub(crate) mod function;
mod parser;
mod print;
mod selection;
mod token;
mod words;

pub(crate) use parser::{Parsed, parse, parse_selector};
