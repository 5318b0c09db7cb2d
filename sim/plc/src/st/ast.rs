//! Syntax tree of a source file.

use super::error::Pos;
use super::types::Ty;
use crate::memory::DirectAddress;

/// An identifier in upper case and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub text: String,
    pub pos: Pos,
}

/// A whole source file.
#[derive(Debug, Default)]
pub(crate) struct SourceUnit {
    pub types: Vec<TypeDecl>,
    pub globals: Vec<VarBlock>,
    pub configuration: Option<Configuration>,
    pub pous: Vec<Pou>,
}

#[derive(Debug)]
pub(crate) struct TypeDecl {
    pub name: Name,
    pub spec: TypeSpec,
    pub init: Option<Init>,
}

/// `CONFIGURATION`: which programs run, and when. Its global variables are among those of the file.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub pos: Pos,
    pub tasks: Vec<TaskDecl>,
    pub programs: Vec<ProgramDecl>,
}

/// `TASK name(INTERVAL := T#20ms, PRIORITY := 0)`.
#[derive(Debug)]
pub(crate) struct TaskDecl {
    pub name: Name,
    pub interval: Option<Expr>,
    pub priority: Option<Expr>,
    pub single: Option<Expr>,
}

/// `PROGRAM name WITH task : Type`.
#[derive(Debug)]
pub(crate) struct ProgramDecl {
    pub name: Name,
    pub task: Option<Name>,
    pub program: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PouKind {
    Function,
    FunctionBlock,
    Program,
}

/// A program organisation unit.
#[derive(Debug)]
pub(crate) struct Pou {
    pub kind: PouKind,
    pub name: Name,
    /// Result type of a function.
    pub result: Option<TypeSpec>,
    pub blocks: Vec<VarBlock>,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Local,
    Temp,
    Input,
    Output,
    InOut,
    Global,
    External,
}

#[derive(Debug)]
pub(crate) struct VarBlock {
    pub section: Section,
    pub constant: bool,
    pub retain: bool,
    pub vars: Vec<VarDecl>,
}

#[derive(Debug)]
pub(crate) struct VarDecl {
    pub names: Vec<Name>,
    pub at: Option<(DirectAddress, Pos)>,
    pub spec: TypeSpec,
    pub init: Option<Init>,
}

#[derive(Debug)]
pub(crate) enum TypeSpec {
    Named(Name),
    Array {
        dims: Vec<(Expr, Expr)>,
        element: Box<TypeSpec>,
        pos: Pos,
    },
    /// `STRING[20]`.
    Text {
        length: Option<Expr>,
    },
    /// `INT (0..100)`.
    Subrange {
        base: Name,
        low: Expr,
        high: Expr,
    },
    Struct {
        fields: Vec<VarDecl>,
        pos: Pos,
    },
    Enum {
        values: Vec<(Name, Option<Expr>)>,
        pos: Pos,
    },
}

#[derive(Debug)]
pub(crate) enum Init {
    Value(Expr),
    /// `[1, 2, 3(0)]`: repeat count and value.
    List(Vec<(Option<Expr>, Init)>, Pos),
    /// `(PT := T#5s)` of a function block instance or a structure.
    Members(Vec<(Name, Init)>, Pos),
}

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub kind: ExprKind,
    pub pos: Pos,
    /// Height of the tree below, bounded so that no later pass can exhaust the stack.
    pub depth: u16,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    /// From -2^64 to 2^64.
    Int(i128),
    Real(f64),
    Bool(bool),
    /// TIME, DATE, TOD or DT in microseconds.
    Moment(Ty, i64),
    Text(Vec<u8>),
    /// `INT#5`, `COLOR#RED`.
    Typed(Name, Box<Expr>),
    Path(Path),
    Direct(DirectAddress),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Call(Name, Vec<Arg>),
}

#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub root: Name,
    pub parts: Vec<PathPart>,
}

#[derive(Clone, Debug)]
pub(crate) enum PathPart {
    Member(Name),
    Index(Vec<Expr>),
}

#[derive(Clone, Debug)]
pub(crate) struct Arg {
    pub name: Option<Name>,
    /// `Q => target`.
    pub output: bool,
    pub value: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    And,
    Or,
    Xor,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug)]
pub(crate) struct Stmt {
    pub kind: StmtKind,
    pub pos: Pos,
}

#[derive(Debug)]
pub(crate) enum StmtKind {
    Assign {
        target: Expr,
        value: Expr,
    },
    Call {
        path: Path,
        args: Vec<Arg>,
    },
    If {
        branches: Vec<(Expr, Vec<Stmt>)>,
        otherwise: Vec<Stmt>,
    },
    Case {
        selector: Expr,
        arms: Vec<CaseArm>,
        otherwise: Vec<Stmt>,
    },
    For {
        control: Path,
        from: Expr,
        to: Expr,
        by: Option<Expr>,
        body: Vec<Stmt>,
    },
    While {
        condition: Expr,
        body: Vec<Stmt>,
    },
    Repeat {
        body: Vec<Stmt>,
        until: Expr,
    },
    Exit,
    Continue,
    Return,
}

#[derive(Debug)]
pub(crate) struct CaseArm {
    /// Single values and ranges.
    pub labels: Vec<(Expr, Option<Expr>)>,
    pub body: Vec<Stmt>,
}
