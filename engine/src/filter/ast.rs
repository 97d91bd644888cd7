//! Conditions as they were written: nothing is looked up or checked yet.
//! Every node knows its place in the text of the condition.

pub use crate::diagnostic::Span;

/// A condition or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All must hold; at least two.
    And(Vec<Expr>),
    /// One must hold; at least two.
    Or(Vec<Expr>),
    /// It must not hold.
    Not(Box<Expr>),
    /// The condition that a macro stands for.
    Macro(Name),
    /// A comparison.
    Check(Check),
}

/// A name or a constant in a condition.
#[derive(Clone, Copy, Debug)]
pub enum Part<'e> {
    /// Name of a macro.
    Macro(&'e Name),
    /// A constant on a right side, which may name a list.
    Literal(&'e Literal),
    /// A field.
    Field(&'e FieldRef),
}

impl Expr {
    /// Calls back with each name and constant, from left to right.
    pub fn visit<'e>(&'e self, part: &mut dyn FnMut(Part<'e>)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for inner in parts {
                    inner.visit(part);
                }
            }
            Self::Not(inner) => inner.visit(part),
            Self::Macro(name) => part(Part::Macro(name)),
            Self::Check(check) => {
                check.left.visit(part);
                match &check.right {
                    Right::None => {}
                    Right::Value(literal) => part(Part::Literal(literal)),
                    Right::List(list) | Right::Modified(_, list) => {
                        list.items.iter().for_each(|item| part(Part::Literal(item)));
                    }
                    Right::Operand(operand) => operand.visit(part),
                }
            }
        }
    }
}

/// A name that is resolved later.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `LEFT OP RIGHT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is compared.
    pub left: Operand,
    /// How.
    pub op: Op,
    /// Where the operator stands.
    pub op_span: Span,
    /// With what.
    pub right: Right,
}

/// Right side of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Right {
    /// Nothing: [`Op::Exists`].
    None,
    /// A constant.
    Value(Literal),
    /// Constants.
    List(List),
    /// Constants and how many of them must satisfy the operator.
    Modified(Modifier, List),
    /// Another field.
    Operand(Operand),
}

/// Constants in parentheses, or one alone.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The constants; names of lists among them are resolved later.
    pub items: Vec<Literal>,
    /// Where it stands.
    pub span: Span,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Its bytes, without quotes and escapes.
    pub bytes: Vec<u8>,
    /// Whether it was in quotes. One that was not may be the name of a list.
    pub quoted: bool,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A field or a function of fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// `proc.aname[2]`.
    Field(FieldRef),
    /// `tolower(proc.name)`.
    Call(Call),
}

impl Operand {
    fn visit<'e>(&'e self, part: &mut dyn FnMut(Part<'e>)) {
        match self {
            Self::Field(field) => part(Part::Field(field)),
            Self::Call(call) => call.args.iter().for_each(|arg| arg.visit(part)),
        }
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Field(field) => field.span,
            Self::Call(call) => call.span,
        }
    }
}

/// A field by name.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRef {
    /// Name as written, a dotted argument included.
    pub name: String,
    /// Argument in brackets.
    pub arg: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// A transformer with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The transformer.
    pub name: Name,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// Argument in brackets behind the call (`getopt(…)[c]`).
    pub index: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// Argument of a transformer.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// A field or another call.
    Operand(Operand),
    /// A constant text.
    Text(Literal),
    /// A constant number.
    Number(Literal),
    /// A list of arguments.
    List(Vec<Arg>, Span),
}

impl Arg {
    fn visit<'e>(&'e self, part: &mut dyn FnMut(Part<'e>)) {
        match self {
            Self::Operand(operand) => operand.visit(part),
            Self::List(args, _) => args.iter().for_each(|arg| arg.visit(part)),
            Self::Text(_) | Self::Number(_) => {}
        }
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Has a value.
    Exists,
    /// `=`, `==`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// Has a substring.
    Contains,
    /// Has a substring; letters of either case.
    Icontains,
    /// Starts with.
    Startswith,
    /// Ends with.
    Endswith,
    /// Matches a shell pattern.
    Glob,
    /// Matches a shell pattern; letters of either case.
    Iglob,
    /// Matches a regular expression as a whole.
    Regex,
    /// Has these bytes, given in hexadecimal.
    Bcontains,
    /// Starts with these bytes, given in hexadecimal.
    Bstartswith,
    /// Is one of.
    In,
    /// Has one of.
    Intersects,
    /// Lies under one of these paths.
    Pmatch,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 19] = [
        Self::Exists,
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::Contains,
        Self::Icontains,
        Self::Startswith,
        Self::Endswith,
        Self::Glob,
        Self::Iglob,
        Self::Regex,
        Self::Bcontains,
        Self::Bstartswith,
        Self::In,
        Self::Intersects,
        Self::Pmatch,
    ];

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Contains => "contains",
            Self::Icontains => "icontains",
            Self::Startswith => "startswith",
            Self::Endswith => "endswith",
            Self::Glob => "glob",
            Self::Iglob => "iglob",
            Self::Regex => "regex",
            Self::Bcontains => "bcontains",
            Self::Bstartswith => "bstartswith",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::Pmatch => "pmatch",
        }
    }

    /// The operator that is written so.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "==" {
            return Some(Self::Eq);
        }
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// Whether its right side is a list.
    pub const fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::Pmatch)
    }

    /// Whether a modifier can follow it.
    pub const fn takes_modifier(self) -> bool {
        !self.takes_list() && !self.is_ordering() && !matches!(self, Self::Exists)
    }

    /// Whether it orders.
    pub const fn is_ordering(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// How many constants of a list must satisfy an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// Exactly one.
    Oneof,
    /// At least one.
    Anyof,
    /// Each, and there must be one.
    Allof,
}
