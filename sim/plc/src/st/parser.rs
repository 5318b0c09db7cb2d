//! Tokens to syntax tree: expressions and statements. Declarations are in `declarations`.

use super::ast::{
    Arg, BinaryOp, CaseArm, Expr, ExprKind, Name, Path, PathPart, SourceUnit, Stmt, StmtKind,
    UnaryOp,
};
use super::error::{CompileError, Errors, Pos};
use super::lexer::{Tok, Token};
use super::{MAX_ARGUMENTS, MAX_EXPRESSION_DEPTH, MAX_NESTING};

/// The error is already in the list; the caller resynchronises.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

/// Parses a whole file, collecting errors.
pub(crate) fn parse(tokens: &[Token], errors: &mut Errors) -> SourceUnit {
    let mut parser = Parser {
        tokens,
        at: 0,
        nesting: 0,
        errors,
    };
    parser.source_unit()
}

pub(super) struct Parser<'t, 'e> {
    tokens: &'t [Token],
    at: usize,
    nesting: usize,
    pub(super) errors: &'e mut Errors,
}

const END: Token = Token {
    kind: Tok::End,
    pos: Pos { line: 1, column: 1 },
};

/// Words that cannot name a variable.
const RESERVED: [&str; 56] = [
    "AND",
    "ARRAY",
    "AT",
    "BY",
    "CASE",
    "CONFIGURATION",
    "CONSTANT",
    "DO",
    "ELSE",
    "ELSIF",
    "END_CASE",
    "END_CONFIGURATION",
    "END_FOR",
    "END_FUNCTION",
    "END_FUNCTION_BLOCK",
    "END_IF",
    "END_PROGRAM",
    "END_REPEAT",
    "END_RESOURCE",
    "END_STRUCT",
    "END_TYPE",
    "END_VAR",
    "END_WHILE",
    "EXIT",
    "FALSE",
    "FOR",
    "FUNCTION",
    "FUNCTION_BLOCK",
    "IF",
    "MOD",
    "NOT",
    "OF",
    "OR",
    "PROGRAM",
    "REPEAT",
    "RESOURCE",
    "RETAIN",
    "RETURN",
    "STRUCT",
    "TASK",
    "THEN",
    "TO",
    "TRUE",
    "TYPE",
    "UNTIL",
    "VAR",
    "VAR_EXTERNAL",
    "VAR_GLOBAL",
    "VAR_INPUT",
    "VAR_IN_OUT",
    "VAR_OUTPUT",
    "VAR_TEMP",
    "WHILE",
    "WITH",
    "XOR",
    "NON_RETAIN",
];

/// Words that end a list of statements; recovery stops in front of them.
const STATEMENT_STOPS: [&str; 16] = [
    "END_IF",
    "END_CASE",
    "END_FOR",
    "END_WHILE",
    "END_REPEAT",
    "ELSE",
    "ELSIF",
    "UNTIL",
    "END_PROGRAM",
    "END_FUNCTION",
    "END_FUNCTION_BLOCK",
    "PROGRAM",
    "FUNCTION",
    "FUNCTION_BLOCK",
    "CONFIGURATION",
    "TYPE",
];

// Cursor.
impl Parser<'_, '_> {
    pub(super) fn token(&self) -> &Token {
        self.tokens
            .get(self.at)
            .or_else(|| self.tokens.last())
            .unwrap_or(&END)
    }

    pub(super) fn pos(&self) -> Pos {
        self.token().pos
    }

    pub(super) fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.token().kind == Tok::End
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        matches!(&self.token().kind, Tok::Sym(s) if *s == symbol)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(&self.token().kind, Tok::Ident(text) if text == word)
    }

    pub(super) fn at_any_word(&self, words: &[&str]) -> bool {
        matches!(&self.token().kind, Tok::Ident(text) if words.contains(&text.as_str()))
    }

    pub(super) fn next_is_symbol(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.at + 1).map(|t| &t.kind), Some(Tok::Sym(s)) if *s == symbol)
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn describe(&self) -> String {
        match &self.token().kind {
            Tok::Ident(text) => text.clone(),
            Tok::TypePrefix(text) => format!("{text}#"),
            Tok::Int(value) => value.to_string(),
            Tok::Real(value) => value.to_string(),
            Tok::Moment(ty, _) => format!("a {}", ty.name()),
            Tok::Text(_) => "a text".into(),
            Tok::Direct(_) => "a direct address".into(),
            Tok::Sym(symbol) => format!("'{symbol}'"),
            Tok::End => "the end of the file".into(),
        }
    }

    pub(super) fn fail<T>(&mut self, code: &'static str, message: String, hint: &str) -> Parsed<T> {
        let pos = self.pos();
        self.errors
            .push(CompileError::new(pos, code, message, hint));
        Err(Failed)
    }

    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let found = self.describe();
        self.fail(
            "ST010",
            format!("expected {what}, found {found}"),
            &format!("put {what} here"),
        )
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            self.expected(&format!("'{symbol}'"))
        }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) {
            Ok(())
        } else {
            self.expected(word)
        }
    }

    /// An identifier that is not a reserved word.
    pub(super) fn name(&mut self) -> Parsed<Name> {
        let pos = self.pos();
        if let Tok::Ident(text) = &self.token().kind {
            if RESERVED.contains(&text.as_str()) {
                let message = format!("expected a name, found the reserved word {text}");
                return self.fail(
                    "ST011",
                    message,
                    "choose a name that is not a word of the language",
                );
            }
            let name = Name {
                text: text.clone(),
                pos,
            };
            self.advance();
            return Ok(name);
        }
        self.expected("a name")
    }

    /// Runs `inner` one level deeper, refusing sources that would exhaust the stack.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return self.fail(
                "ST012",
                format!("more than {MAX_NESTING} levels of nesting"),
                "split the code into functions",
            );
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }
}

// Statements.
impl Parser<'_, '_> {
    /// Statements up to one of the words that end a list; errors are collected and skipped.
    pub(super) fn statements(&mut self) -> Vec<Stmt> {
        let mut list = Vec::new();
        while !self.at_end() && !self.at_any_word(&STATEMENT_STOPS) && !self.errors.full() {
            if self.eat_symbol(";") {
                continue;
            }
            let before = self.at;
            match self.nested(Self::statement) {
                Ok(statement) => list.push(statement),
                Err(Failed) => self.resync(before),
            }
        }
        list
    }

    /// Like [`Self::statements`] but also stops where the next CASE arm begins.
    fn arm_statements(&mut self) -> Vec<Stmt> {
        let mut list = Vec::new();
        while !self.at_end()
            && !self.at_any_word(&STATEMENT_STOPS)
            && !self.at_case_label()
            && !self.errors.full()
        {
            if self.eat_symbol(";") {
                continue;
            }
            let before = self.at;
            match self.nested(Self::statement) {
                Ok(statement) => list.push(statement),
                Err(Failed) => self.resync(before),
            }
        }
        list
    }

    fn resync(&mut self, before: usize) {
        while !self.at_end() && !self.at_any_word(&STATEMENT_STOPS) {
            if self.eat_symbol(";") {
                return;
            }
            self.advance();
        }
        if self.at == before {
            self.advance();
        }
    }

    /// True where `label :`, `label ,` or `label ..` follows; a statement never starts so.
    fn at_case_label(&self) -> bool {
        let mut i = self.at;
        let kind = |i: usize| self.tokens.get(i).map(|t| &t.kind);
        if matches!(kind(i), Some(Tok::Sym("-"))) {
            i += 1;
        }
        if matches!(kind(i), Some(Tok::TypePrefix(_))) {
            i += 1;
        }
        if !matches!(kind(i), Some(Tok::Int(_) | Tok::Ident(_))) {
            return false;
        }
        i += 1;
        while matches!(kind(i), Some(Tok::Sym("."))) {
            i += 2;
        }
        matches!(kind(i), Some(Tok::Sym(":" | "," | "..")))
    }

    fn statement(&mut self) -> Parsed<Stmt> {
        let pos = self.pos();
        let kind = match &self.token().kind {
            Tok::Ident(word) => match word.as_str() {
                "IF" => self.if_statement()?,
                "CASE" => self.case_statement()?,
                "FOR" => self.for_statement()?,
                "WHILE" => self.while_statement()?,
                "REPEAT" => self.repeat_statement()?,
                "CONTINUE" if self.next_is_symbol(";") => {
                    self.advance();
                    StmtKind::Continue
                }
                "EXIT" => {
                    self.advance();
                    StmtKind::Exit
                }
                "RETURN" => {
                    self.advance();
                    StmtKind::Return
                }
                _ => self.assignment_or_call()?,
            },
            Tok::Direct(address) => {
                let target = Expr {
                    kind: ExprKind::Direct(*address),
                    pos,
                    depth: 1,
                };
                self.advance();
                self.expect_symbol(":=")?;
                StmtKind::Assign {
                    target,
                    value: self.expression()?,
                }
            }
            _ => return self.expected("a statement"),
        };
        // The semicolon after END_IF and its like separates nothing that could be confused.
        let is_compound = !matches!(
            kind,
            StmtKind::Assign { .. }
                | StmtKind::Call { .. }
                | StmtKind::Exit
                | StmtKind::Continue
                | StmtKind::Return
        );
        if !self.eat_symbol(";") && !is_compound {
            return self.expected("';'");
        }
        Ok(Stmt { kind, pos })
    }

    fn assignment_or_call(&mut self) -> Parsed<StmtKind> {
        let pos = self.pos();
        let path = self.path()?;
        if self.at_symbol("(") {
            let args = self.arguments()?;
            return Ok(StmtKind::Call { path, args });
        }
        if self.at_symbol("=") {
            return self.fail(
                "ST013",
                "'=' compares, it does not assign".into(),
                "write := to assign",
            );
        }
        self.expect_symbol(":=")?;
        let target = Expr {
            kind: ExprKind::Path(path),
            pos,
            depth: 1,
        };
        Ok(StmtKind::Assign {
            target,
            value: self.expression()?,
        })
    }

    fn if_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let condition = self.expression()?;
            self.expect_word("THEN")?;
            branches.push((condition, self.statements()));
            if self.eat_word("ELSIF") {
                continue;
            }
            if self.eat_word("ELSE") {
                otherwise = self.statements();
            }
            self.expect_word("END_IF")?;
            return Ok(StmtKind::If {
                branches,
                otherwise,
            });
        }
    }

    fn case_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let selector = self.expression()?;
        self.expect_word("OF")?;
        let mut arms = Vec::new();
        let mut otherwise = Vec::new();
        while !self.at_word("END_CASE") {
            if self.eat_word("ELSE") {
                self.eat_symbol(":");
                otherwise = self.statements();
                break;
            }
            let mut labels = Vec::new();
            loop {
                let low = self.expression()?;
                let high = if self.eat_symbol("..") {
                    Some(self.expression()?)
                } else {
                    None
                };
                labels.push((low, high));
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(":")?;
            arms.push(CaseArm {
                labels,
                body: self.arm_statements(),
            });
        }
        self.expect_word("END_CASE")?;
        Ok(StmtKind::Case {
            selector,
            arms,
            otherwise,
        })
    }

    fn for_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let control = self.path()?;
        self.expect_symbol(":=")?;
        let from = self.expression()?;
        self.expect_word("TO")?;
        let to = self.expression()?;
        let by = if self.eat_word("BY") {
            Some(self.expression()?)
        } else {
            None
        };
        self.expect_word("DO")?;
        let body = self.statements();
        self.expect_word("END_FOR")?;
        Ok(StmtKind::For {
            control,
            from,
            to,
            by,
            body,
        })
    }

    fn while_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let condition = self.expression()?;
        self.expect_word("DO")?;
        let body = self.statements();
        self.expect_word("END_WHILE")?;
        Ok(StmtKind::While { condition, body })
    }

    fn repeat_statement(&mut self) -> Parsed<StmtKind> {
        self.advance();
        let body = self.statements();
        self.expect_word("UNTIL")?;
        let until = self.expression()?;
        self.expect_word("END_REPEAT")?;
        Ok(StmtKind::Repeat { body, until })
    }
}

// Expressions.
impl Parser<'_, '_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.binary(0)
    }

    /// Operators of `level` and all that bind tighter; level 0 is OR (IEC 61131-3, table of operator precedence).
    fn binary(&mut self, level: usize) -> Parsed<Expr> {
        const LEVELS: usize = 8;
        if level == LEVELS {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(op) = self.operator(level) {
            let pos = self.pos();
            self.advance();
            let right = self.binary(level + 1)?;
            let depth = self.deeper(left.depth.max(right.depth))?;
            left = Expr {
                kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
                pos,
                depth,
            };
        }
        Ok(left)
    }

    fn operator(&self, level: usize) -> Option<BinaryOp> {
        let text = match &self.token().kind {
            Tok::Ident(word) => word.as_str(),
            Tok::Sym(symbol) => symbol,
            _ => return None,
        };
        let (op_level, op) = match text {
            "OR" => (0, BinaryOp::Or),
            "XOR" => (1, BinaryOp::Xor),
            "AND" | "&" => (2, BinaryOp::And),
            "=" => (3, BinaryOp::Eq),
            "<>" => (3, BinaryOp::Ne),
            "<" => (4, BinaryOp::Lt),
            "<=" => (4, BinaryOp::Le),
            ">" => (4, BinaryOp::Gt),
            ">=" => (4, BinaryOp::Ge),
            "+" => (5, BinaryOp::Add),
            "-" => (5, BinaryOp::Sub),
            "*" => (6, BinaryOp::Mul),
            "/" => (6, BinaryOp::Div),
            "MOD" => (6, BinaryOp::Mod),
            "**" => (7, BinaryOp::Pow),
            _ => return None,
        };
        (op_level == level).then_some(op)
    }

    pub(super) fn deeper(&mut self, depth: u16) -> Parsed<u16> {
        if depth >= MAX_EXPRESSION_DEPTH {
            return self.fail(
                "ST012",
                "the expression is too deep".into(),
                "split it with variables",
            );
        }
        Ok(depth + 1)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let op = if self.at_symbol("-") {
            UnaryOp::Neg
        } else if self.at_word("NOT") {
            UnaryOp::Not
        } else if self.eat_symbol("+") {
            return self.nested(Self::unary);
        } else {
            return self.primary();
        };
        self.advance();
        let inner = self.nested(Self::unary)?;
        let depth = self.deeper(inner.depth)?;
        // -32768 is one literal: its positive half would not fit INT.
        let kind = match (&inner.kind, op) {
            (ExprKind::Int(value), UnaryOp::Neg) => ExprKind::Int(-value),
            (ExprKind::Real(value), UnaryOp::Neg) => ExprKind::Real(-value),
            _ => ExprKind::Unary(op, Box::new(inner)),
        };
        Ok(Expr { kind, pos, depth })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        let kind = match &self.token().kind {
            Tok::Int(value) => ExprKind::Int(i128::from(*value)),
            Tok::Real(value) => ExprKind::Real(*value),
            Tok::Moment(ty, value) => ExprKind::Moment(*ty, *value),
            Tok::Text(bytes) => ExprKind::Text(bytes.clone()),
            Tok::Direct(address) => ExprKind::Direct(*address),
            Tok::TypePrefix(text) => {
                let type_name = Name {
                    text: text.clone(),
                    pos,
                };
                self.advance();
                let inner = self.nested(Self::unary)?;
                let depth = self.deeper(inner.depth)?;
                return Ok(Expr {
                    kind: ExprKind::Typed(type_name, Box::new(inner)),
                    pos,
                    depth,
                });
            }
            Tok::Ident(word) if word == "TRUE" => ExprKind::Bool(true),
            Tok::Ident(word) if word == "FALSE" => ExprKind::Bool(false),
            Tok::Ident(_) => return self.path_or_call(),
            Tok::Sym("(") => {
                self.advance();
                let inner = self.nested(Self::expression)?;
                self.expect_symbol(")")?;
                return Ok(inner);
            }
            _ => return self.expected("a value"),
        };
        self.advance();
        Ok(Expr {
            kind,
            pos,
            depth: 1,
        })
    }

    fn path_or_call(&mut self) -> Parsed<Expr> {
        let pos = self.pos();
        // AND, OR, XOR and MOD also exist as functions; NOT with its operand in parentheses looks the same as one.
        let operator_word = self.at_any_word(&["AND", "OR", "XOR", "MOD"]);
        if operator_word && !self.next_is_symbol("(") {
            return self.expected("a value");
        }
        let path = if operator_word {
            self.operator_name()
        } else {
            self.path()?
        };
        if self.at_symbol("(") {
            if !path.parts.is_empty() {
                return self.fail(
                    "ST014",
                    "a function block cannot be called inside an expression".into(),
                    "call it in a statement of its own, then use its outputs",
                );
            }
            let args = self.arguments()?;
            let depth = self.deeper(args.iter().map(|a| a.value.depth).max().unwrap_or(0))?;
            return Ok(Expr {
                kind: ExprKind::Call(path.root, args),
                pos,
                depth,
            });
        }
        let deepest = path.parts.iter().map(|part| match part {
            PathPart::Member(_) => 0,
            PathPart::Index(list) => list.iter().map(|e| e.depth).max().unwrap_or(0),
        });
        let deepest = deepest.max().unwrap_or(0);
        let depth = self.deeper(deepest)?;
        Ok(Expr {
            kind: ExprKind::Path(path),
            pos,
            depth,
        })
    }

    /// The operator at the cursor as the name of a function.
    fn operator_name(&mut self) -> Path {
        let root = Name {
            text: self.describe(),
            pos: self.pos(),
        };
        self.advance();
        Path {
            root,
            parts: Vec::new(),
        }
    }

    pub(super) fn path(&mut self) -> Parsed<Path> {
        let root = self.name()?;
        let mut parts = Vec::new();
        loop {
            if parts.len() > MAX_NESTING {
                return self.fail("ST012", "the name has too many parts".into(), "shorten it");
            }
            if self.eat_symbol(".") {
                parts.push(PathPart::Member(self.name()?));
            } else if self.eat_symbol("[") {
                let mut list = vec![self.nested(Self::expression)?];
                while self.eat_symbol(",") {
                    list.push(self.nested(Self::expression)?);
                }
                self.expect_symbol("]")?;
                parts.push(PathPart::Index(list));
            } else {
                return Ok(Path { root, parts });
            }
        }
    }

    fn arguments(&mut self) -> Parsed<Vec<Arg>> {
        self.expect_symbol("(")?;
        let mut args = Vec::new();
        if self.eat_symbol(")") {
            return Ok(args);
        }
        loop {
            if args.len() >= MAX_ARGUMENTS {
                let message = format!("more than {MAX_ARGUMENTS} arguments");
                return self.fail("ST012", message, "use an array or several calls");
            }
            args.push(self.nested(Self::argument)?);
            if self.eat_symbol(")") {
                return Ok(args);
            }
            self.expect_symbol(",")?;
        }
    }

    fn argument(&mut self) -> Parsed<Arg> {
        let (input, output) = (self.next_is_symbol(":="), self.next_is_symbol("=>"));
        let named = matches!(self.token().kind, Tok::Ident(_)) && (input || output);
        let name = if named { Some(self.name()?) } else { None };
        if named {
            self.advance();
        }
        Ok(Arg {
            name,
            output: named && output,
            value: self.expression()?,
        })
    }
}

// Looking ahead for declarations.
impl Parser<'_, '_> {
    /// True at `(NAME :=`, the initial values of an instance.
    pub(super) fn is_member_list(&self) -> bool {
        let kind = |i: usize| self.tokens.get(self.at + i).map(|t| &t.kind);
        matches!(kind(1), Some(Tok::Ident(_))) && matches!(kind(2), Some(Tok::Sym(":=")))
    }
}
