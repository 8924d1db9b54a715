//! A query as a tree.

use std::fmt;

use crate::selector::Selector;

use super::function::Function;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    Vector,
    Matrix,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Scalar => "a scalar",
            Type::Vector => "an instant vector",
            Type::Matrix => "a range vector",
        })
    }
}

/// A node of the tree, and the byte where it begins: 24 bytes, as a program may hold thousands of rules.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    at: u32,
    /// How many nodes lie below one another here.
    depth: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Number(f64),
    /// The selection of that number, as an instant vector.
    Vector(usize),
    /// The same with a range.
    Matrix(usize),
    Negate(Box<Expr>),
    Paren(Box<Expr>),
    Call(Box<Call>),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) args: Box<[Expr]>,
}

/// A selector with its range and offset.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) selector: Selector,
    /// 0 for an instant vector.
    pub(crate) range_ms: i64,
    pub(crate) offset_ms: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) param: Option<Expr>,
    pub(crate) arg: Expr,
    /// Whether `labels` are those to drop.
    pub(crate) without: bool,
    pub(crate) labels: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Min,
    Max,
    Avg,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
}

impl AggregateOp {
    const ALL: [(&str, AggregateOp); 11] = [
        ("sum", AggregateOp::Sum),
        ("min", AggregateOp::Min),
        ("max", AggregateOp::Max),
        ("avg", AggregateOp::Avg),
        ("count", AggregateOp::Count),
        ("group", AggregateOp::Group),
        ("stddev", AggregateOp::Stddev),
        ("stdvar", AggregateOp::Stdvar),
        ("topk", AggregateOp::Topk),
        ("bottomk", AggregateOp::Bottomk),
        ("quantile", AggregateOp::Quantile),
    ];

    pub(crate) fn named(name: &str) -> Option<AggregateOp> {
        let found = Self::ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, op)| *op)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    pub(crate) fn has_param(self) -> bool {
        matches!(self, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    /// Whether a comparison answers 0 or 1.
    pub(crate) bool: bool,
    /// As it was written; most say nothing of it.
    pub(crate) written: Option<Box<Matching>>,
}

impl Binary {
    pub(crate) fn matching(&self) -> &Matching {
        self.written.as_deref().unwrap_or(&PLAIN)
    }
}

/// Which series of two vectors belong together.
#[derive(Clone, Debug)]
pub(crate) struct Matching {
    /// Whether `labels` are those that count, not those that do not.
    pub(crate) on: bool,
    pub(crate) labels: Vec<Box<str>>,
    pub(crate) card: Card,
    /// Labels that the many take from the one.
    pub(crate) include: Vec<Box<str>>,
}

/// All labels count, and each series has one partner.
static PLAIN: Matching =
    Matching { on: false, labels: Vec::new(), card: Card::OneToOne, include: Vec::new() };

impl Matching {
    /// Whether a label counts in finding the partner of a series.
    pub(crate) fn counts(&self, label: &str) -> bool {
        let listed = self.labels.iter().any(|own| **own == *label);
        if self.on { listed } else { !listed && label != crate::labels::METRIC_NAME }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    const ALL: [(&str, BinaryOp); 15] = [
        ("+", BinaryOp::Add),
        ("-", BinaryOp::Sub),
        ("*", BinaryOp::Mul),
        ("/", BinaryOp::Div),
        ("%", BinaryOp::Mod),
        ("^", BinaryOp::Pow),
        ("==", BinaryOp::Equal),
        ("!=", BinaryOp::NotEqual),
        (">", BinaryOp::Greater),
        ("<", BinaryOp::Less),
        (">=", BinaryOp::GreaterOrEqual),
        ("<=", BinaryOp::LessOrEqual),
        ("and", BinaryOp::And),
        ("or", BinaryOp::Or),
        ("unless", BinaryOp::Unless),
    ];

    pub(crate) fn named(name: &str) -> Option<BinaryOp> {
        let found = Self::ALL.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, op)| *op)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.binding() == 3
    }

    pub(crate) fn is_set(self) -> bool {
        self.binding() <= 2
    }

    /// What binds more tightly has the larger number.
    pub(crate) fn binding(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And | BinaryOp::Unless => 2,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Greater
            | BinaryOp::Less
            | BinaryOp::GreaterOrEqual
            | BinaryOp::LessOrEqual => 3,
            BinaryOp::Add | BinaryOp::Sub => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 5,
            BinaryOp::Pow => Self::POWER,
        }
    }

    /// Tighter than a sign, looser than nothing.
    pub(crate) const POWER: u8 = 6;
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, at: usize) -> Expr {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let mut expr = Expr { kind, at, depth: 0 };
        expr.depth = expr.below().iter().map(|expr| expr.depth).max().unwrap_or(0) + 1;
        expr
    }

    /// The byte where it begins.
    pub(crate) fn at(&self) -> usize {
        self.at as usize
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth as usize
    }

    fn below(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Number(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => Vec::new(),
            ExprKind::Negate(inner) | ExprKind::Paren(inner) => vec![inner],
            ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
            ExprKind::Aggregate(aggregate) => {
                aggregate.param.iter().chain([&aggregate.arg]).collect()
            }
            ExprKind::Call(call) => call.args.iter().collect(),
        }
    }

    /// What lies below it on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let names = |names: &[Box<str>]| -> usize {
            names.iter().map(|name| size_of::<Box<str>>() + name.len()).sum()
        };
        let own = match &self.kind {
            ExprKind::Number(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => 0,
            ExprKind::Negate(_) | ExprKind::Paren(_) => size_of::<Expr>(),
            ExprKind::Aggregate(aggregate) => size_of::<Aggregate>() + names(&aggregate.labels),
            ExprKind::Call(call) => size_of::<Call>() + size_of_val(&*call.args),
            ExprKind::Binary(binary) => {
                let written = binary.written.as_deref().map_or(0, |matching| {
                    size_of::<Matching>() + names(&matching.labels) + names(&matching.include)
                });
                size_of::<Binary>() + written
            }
        };
        own + self.below().into_iter().map(Expr::bytes).sum::<usize>()
    }

    pub(crate) fn value_type(&self) -> Type {
        match &self.kind {
            ExprKind::Number(_) => Type::Scalar,
            ExprKind::Vector(_) | ExprKind::Aggregate(_) => Type::Vector,
            ExprKind::Matrix(_) => Type::Matrix,
            ExprKind::Negate(inner) | ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Call(call) => call.function.returns(),
            ExprKind::Binary(binary) => {
                match (binary.left.value_type(), binary.right.value_type()) {
                    (Type::Scalar, Type::Scalar) => Type::Scalar,
                    _ => Type::Vector,
                }
            }
        }
    }

    /// The expression inside of any parentheses.
    pub(crate) fn bare(&self) -> &Expr {
        match &self.kind {
            ExprKind::Paren(inner) => inner.bare(),
            _ => self,
        }
    }
}
