//! From a text to the nodes that are rendered.

use super::functions;
use super::lex::{Token, tokens};

/// How deep actions and parentheses may lie in one another.
const DEEPEST: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(Box<str>),
    Show(Pipeline),
    Set(Box<str>, Pipeline),
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
}

/// Commands, each of which has the result of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline(pub(super) Vec<Command>);

/// A value, or a function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) function: Option<Box<str>>,
    pub(super) operands: Vec<Operand>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(Box<str>),
    Number(f64),
    Bool(bool),
    Nil,
    /// `.` or `$name` (an empty name is `$`), then fields.
    Dot(Vec<Box<str>>),
    Variable(Box<str>, Vec<Box<str>>),
    Call(Box<Command>),
    Nested(Box<Pipeline>, Vec<Box<str>>),
}

/// A piece of the text between two actions, or an action.
enum Piece<'a> {
    Text(&'a str),
    Action(Vec<Token>),
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let pieces = pieces(text)?;
    let mut parser = Parser { pieces: pieces.into_iter(), depth: 0 };
    let (nodes, end) = parser.nodes()?;
    match end {
        None => Ok(nodes),
        Some(word) => Err(format!("{{{{ {} }}}} without an if: take it out", word.name())),
    }
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("{{") {
        let action = &rest[at + 2..];
        let trims_before = action.starts_with("- ");
        let before = if trims_before { rest[..at].trim_end() } else { &rest[..at] };
        pieces.push(Piece::Text(before));
        let end = end_of(action).ok_or("{{ without }}: close it")?;
        let (inner, after) = (&action[..end], &action[end + 2..]);
        let trims_after = inner.ends_with(" -");
        let inner = inner.strip_prefix("- ").unwrap_or(inner);
        let inner = inner.strip_suffix(" -").unwrap_or(inner).trim();
        rest = if trims_after { after.trim_start() } else { after };
        if !(inner.starts_with("/*") && inner.ends_with("*/")) {
            pieces.push(Piece::Action(tokens(inner)?));
        }
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Where `}}` is, outside of quoted texts.
fn end_of(action: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in action.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, '}') if action[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    None
}

struct Parser<'a> {
    pieces: std::vec::IntoIter<Piece<'a>>,
    depth: usize,
}

/// What ended a list of nodes.
enum End {
    End,
    Else(Vec<Token>),
}

impl End {
    fn name(&self) -> &'static str {
        match self {
            End::End => "end",
            End::Else(_) => "else",
        }
    }
}

impl Parser<'_> {
    fn nodes(&mut self) -> Result<(Vec<Node>, Option<End>), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} actions inside one another: make it flatter"));
        }
        let mut nodes = Vec::new();
        let mut end = None;
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text("") => {}
                Piece::Text(text) => nodes.push(Node::Text(text.into())),
                Piece::Action(tokens) => match self.action(tokens)? {
                    Ok(node) => nodes.push(node),
                    Err(ended) => {
                        end = Some(ended);
                        break;
                    }
                },
            }
        }
        self.depth -= 1;
        Ok((nodes, end))
    }

    fn action(&mut self, tokens: Vec<Token>) -> Result<Result<Node, End>, String> {
        match tokens.first() {
            Some(Token::Word(word)) if word == "end" => Ok(Err(End::End)),
            Some(Token::Word(word)) if word == "else" => Ok(Err(End::Else(tokens[1..].to_vec()))),
            Some(Token::Word(word)) if word == "if" || word == "with" => {
                let is_if = word == "if";
                self.branch(is_if, &tokens[1..]).map(Ok)
            }
            Some(Token::Word(word))
                if ["range", "define", "template", "block"].contains(&&**word) =>
            {
                Err(format!("{{{{ {word} }}}} is not supported here"))
            }
            Some(Token::Variable(name)) if tokens.get(1) == Some(&Token::Assign) => {
                Ok(Ok(Node::Set(name.as_str().into(), pipeline(&tokens[2..])?)))
            }
            _ => Ok(Ok(Node::Show(pipeline(&tokens)?))),
        }
    }

    fn branch(&mut self, is_if: bool, condition: &[Token]) -> Result<Node, String> {
        let condition = pipeline(condition)?;
        let (yes, end) = self.nodes()?;
        let no = match end {
            Some(End::End) => Vec::new(),
            Some(End::Else(rest)) if rest.is_empty() => match self.nodes()? {
                (no, Some(End::End)) => no,
                _ => return Err("{{ else }} without {{ end }}: close it".into()),
            },
            Some(End::Else(rest)) if rest.first() == Some(&Token::Word("if".into())) => {
                vec![self.branch(true, &rest[1..])?]
            }
            _ => return Err("{{ if }} without {{ end }}: close it".into()),
        };
        let node = if is_if { Node::If } else { Node::With };
        Ok(node(condition, yes, no))
    }
}

fn pipeline(tokens: &[Token]) -> Result<Pipeline, String> {
    let mut words = Words { tokens, at: 0, depth: 0 };
    let pipeline = words.pipeline()?;
    match words.peek() {
        None => Ok(pipeline),
        Some(other) => Err(format!("{other:?} is not expected there")),
    }
}

struct Words<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Words<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} parentheses: use fewer"));
        }
        let mut commands = vec![self.command()?];
        while self.peek() == Some(&Token::Pipe) {
            self.at += 1;
            commands.push(self.command()?);
        }
        self.depth -= 1;
        Ok(Pipeline(commands))
    }

    fn command(&mut self) -> Result<Command, String> {
        let mut command = Command { function: None, operands: Vec::new() };
        if let Some(Token::Word(word)) = self.peek()
            && !["true", "false", "nil"].contains(&&**word)
        {
            functions::known(word)?;
            command.function = Some(word.as_str().into());
            self.at += 1;
        }
        while let Some(operand) = self.operand()? {
            command.operands.push(operand);
        }
        match (&command.function, command.operands.len()) {
            (None, 0) => Err("an action without a value: give one".into()),
            (None, 2..) => Err("a value cannot be called: put a function first".into()),
            _ => Ok(command),
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let Some(token) = self.peek().cloned() else { return Ok(None) };
        let operand = match token {
            Token::Pipe | Token::Close | Token::Comma | Token::Assign => return Ok(None),
            Token::Text(text) => Operand::Text(text.into()),
            Token::Number(number) => Operand::Number(number),
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                name => {
                    functions::known(name)?;
                    let function = Some(name.into());
                    Operand::Call(Box::new(Command { function, operands: Vec::new() }))
                }
            },
            Token::Field(name) if name.is_empty() => Operand::Dot(Vec::new()),
            Token::Field(name) => {
                self.at += 1;
                return Ok(Some(Operand::Dot(self.fields(vec![name.into()]))));
            }
            Token::Variable(name) => {
                self.at += 1;
                let fields = self.fields(Vec::new());
                return Ok(Some(Operand::Variable(name.into(), fields)));
            }
            Token::Open => {
                self.at += 1;
                let inner = self.pipeline()?;
                if self.peek() != Some(&Token::Close) {
                    return Err("( without ): close it".into());
                }
                self.at += 1;
                let fields = self.fields(Vec::new());
                return Ok(Some(Operand::Nested(Box::new(inner), fields)));
            }
        };
        self.at += 1;
        Ok(Some(operand))
    }

    fn fields(&mut self, mut fields: Vec<Box<str>>) -> Vec<Box<str>> {
        while let Some(Token::Field(name)) = self.peek() {
            if name.is_empty() {
                break;
            }
            fields.push(name.as_str().into());
            self.at += 1;
        }
        fields
    }
}
