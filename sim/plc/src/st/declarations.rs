//! Tokens to syntax tree: types, variables and program organisation units.

use super::ast::{
    Expr, Init, Pou, PouKind, Section, SourceUnit, TypeDecl, TypeSpec, VarBlock, VarDecl,
};
use super::error::CompileError;
use super::lexer::Tok;
use super::parser::{Failed, Parsed, Parser};

/// Words that begin a declaration at the top of a file.
const TOP: [&str; 6] = [
    "TYPE",
    "VAR_GLOBAL",
    "FUNCTION",
    "FUNCTION_BLOCK",
    "PROGRAM",
    "CONFIGURATION",
];

impl Parser<'_, '_> {
    pub(super) fn source_unit(&mut self) -> SourceUnit {
        let mut unit = SourceUnit::default();
        while !self.at_end() && !self.errors.full() {
            if self.top_item(&mut unit).is_err() {
                while !self.at_end() && !self.at_any_word(&TOP) {
                    self.advance();
                }
            }
        }
        unit
    }

    fn top_item(&mut self, unit: &mut SourceUnit) -> Parsed<()> {
        if self.eat_word("TYPE") {
            return self.types(unit);
        }
        if self.at_word("VAR_GLOBAL") {
            let block = self.var_block()?;
            unit.globals.push(block);
            return Ok(());
        }
        let kind = if self.eat_word("FUNCTION") {
            PouKind::Function
        } else if self.eat_word("FUNCTION_BLOCK") {
            PouKind::FunctionBlock
        } else if self.eat_word("PROGRAM") {
            PouKind::Program
        } else if self.at_word("CONFIGURATION") {
            return self.configuration(unit);
        } else {
            let result = self.fail(
                "ST010",
                "expected TYPE, VAR_GLOBAL, FUNCTION, FUNCTION_BLOCK or PROGRAM".into(),
                "begin with PROGRAM name",
            );
            self.advance();
            return result;
        };
        let pou = self.pou(kind)?;
        unit.pous.push(pou);
        Ok(())
    }

    fn types(&mut self, unit: &mut SourceUnit) -> Parsed<()> {
        while !self.eat_word("END_TYPE") {
            let name = self.name()?;
            self.expect_symbol(":")?;
            let spec = self.type_spec()?;
            let init = if self.eat_symbol(":=") {
                Some(self.initial_value()?)
            } else {
                None
            };
            // END_STRUCT may stand without its semicolon.
            if !self.eat_symbol(";") && !matches!(spec, TypeSpec::Struct { .. }) {
                self.expect_symbol(";")?;
            }
            unit.types.push(TypeDecl { name, spec, init });
        }
        self.eat_symbol(";");
        Ok(())
    }

    fn pou(&mut self, kind: PouKind) -> Parsed<Pou> {
        let name = self.name()?;
        let result = if kind == PouKind::Function {
            self.expect_symbol(":")?;
            Some(self.type_spec()?)
        } else {
            None
        };
        self.eat_symbol(";");
        let mut blocks = Vec::new();
        while matches!(&self.token().kind, Tok::Ident(text) if text.starts_with("VAR"))
            && !self.followed_by_assignment()
        {
            blocks.push(self.var_block()?);
        }
        let body = self.statements();
        let end = match kind {
            PouKind::Function => "END_FUNCTION",
            PouKind::FunctionBlock => "END_FUNCTION_BLOCK",
            PouKind::Program => "END_PROGRAM",
        };
        self.expect_word(end)?;
        self.eat_symbol(";");
        Ok(Pou {
            kind,
            name,
            result,
            blocks,
            body,
        })
    }

    /// A variable may be called `VARIANT`, so a word that begins with VAR is not always a section.
    fn followed_by_assignment(&self) -> bool {
        !self.at_any_word(&[
            "VAR",
            "VAR_INPUT",
            "VAR_OUTPUT",
            "VAR_GLOBAL",
            "VAR_EXTERNAL",
            "VAR_TEMP",
            "VAR_IN_OUT",
            "VAR_CONFIG",
            "VAR_ACCESS",
        ])
    }

    pub(super) fn var_block(&mut self) -> Parsed<VarBlock> {
        let word = if let Tok::Ident(text) = &self.token().kind {
            text.clone()
        } else {
            String::new()
        };
        let section = match word.as_str() {
            "VAR" => Section::Local,
            "VAR_TEMP" => Section::Temp,
            "VAR_INPUT" => Section::Input,
            "VAR_OUTPUT" => Section::Output,
            "VAR_IN_OUT" => Section::InOut,
            "VAR_GLOBAL" => Section::Global,
            "VAR_EXTERNAL" => Section::External,
            _ => {
                return self.fail(
                    "ST021",
                    format!("{word} is not part of this language"),
                    "use VAR_GLOBAL, and VAR_EXTERNAL where it is used",
                );
            }
        };
        self.advance();
        let (mut constant, mut retain) = (false, false);
        loop {
            if self.eat_word("CONSTANT") {
                constant = true;
            } else if self.eat_word("RETAIN") || self.eat_word("PERSISTENT") {
                retain = true;
            } else if !self.eat_word("NON_RETAIN") {
                break;
            }
        }
        let mut vars = Vec::new();
        while !self.eat_word("END_VAR") {
            match self.var_decl() {
                Ok(decl) => vars.push(decl),
                Err(Failed) => self.resync_declaration()?,
            }
        }
        self.eat_symbol(";");
        Ok(VarBlock {
            section,
            constant,
            retain,
            vars,
        })
    }

    /// After a bad declaration go on with the next one, so that several errors are reported at once.
    fn resync_declaration(&mut self) -> Parsed<()> {
        while !self.at_end() && !self.errors.full() {
            if self.eat_symbol(";") || self.at_word("END_VAR") {
                return Ok(());
            }
            if self.at_any_word(&TOP)
                || self.at_any_word(&["END_PROGRAM", "END_FUNCTION", "END_FUNCTION_BLOCK"])
            {
                return Err(Failed);
            }
            self.advance();
        }
        Err(Failed)
    }

    fn var_decl(&mut self) -> Parsed<VarDecl> {
        let mut names = vec![self.name()?];
        while self.eat_symbol(",") {
            names.push(self.name()?);
        }
        let mut at = None;
        if self.eat_word("AT") {
            let pos = self.pos();
            let Tok::Direct(address) = self.token().kind else {
                return self.fail(
                    "ST010",
                    "expected an address after AT".into(),
                    "write for example AT %IX0.0",
                );
            };
            at = Some((address, pos));
            self.advance();
        }
        self.expect_symbol(":")?;
        let spec = self.type_spec()?;
        let init = if self.eat_symbol(":=") {
            Some(self.initial_value()?)
        } else {
            None
        };
        self.expect_symbol(";")?;
        Ok(VarDecl {
            names,
            at,
            spec,
            init,
        })
    }

    fn type_spec(&mut self) -> Parsed<TypeSpec> {
        self.nested(Self::type_spec_inner)
    }

    fn type_spec_inner(&mut self) -> Parsed<TypeSpec> {
        let pos = self.pos();
        if self.eat_word("ARRAY") {
            self.expect_symbol("[")?;
            let mut dims = Vec::new();
            loop {
                let low = self.expression()?;
                self.expect_symbol("..")?;
                dims.push((low, self.expression()?));
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.expect_symbol("]")?;
            self.expect_word("OF")?;
            let element = Box::new(self.type_spec()?);
            return Ok(TypeSpec::Array { dims, element, pos });
        }
        if self.eat_symbol("(") {
            let mut values = Vec::new();
            loop {
                let name = self.name()?;
                let value = if self.eat_symbol(":=") {
                    Some(self.expression()?)
                } else {
                    None
                };
                values.push((name, value));
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")")?;
            return Ok(TypeSpec::Enum { values, pos });
        }
        if self.at_word("WSTRING") {
            return self.fail(
                "ST021",
                "WSTRING is not part of this language".into(),
                "use STRING",
            );
        }
        if self.eat_word("STRING") {
            return self.text_spec();
        }
        if self.eat_word("STRUCT") {
            let mut fields = Vec::new();
            while !self.eat_word("END_STRUCT") {
                fields.push(self.var_decl()?);
            }
            return Ok(TypeSpec::Struct { fields, pos });
        }
        let base = self.name()?;
        if !self.eat_symbol("(") {
            return Ok(TypeSpec::Named(base));
        }
        let low = self.expression()?;
        self.expect_symbol("..")?;
        let high = self.expression()?;
        self.expect_symbol(")")?;
        Ok(TypeSpec::Subrange { base, low, high })
    }

    /// What follows STRING: nothing, `[20]` or `(20)`.
    fn text_spec(&mut self) -> Parsed<TypeSpec> {
        let close = if self.eat_symbol("[") {
            "]"
        } else if self.eat_symbol("(") {
            ")"
        } else {
            return Ok(TypeSpec::Text { length: None });
        };
        let length = Some(self.expression()?);
        self.expect_symbol(close)?;
        Ok(TypeSpec::Text { length })
    }

    fn initial_value(&mut self) -> Parsed<Init> {
        self.nested(Self::initial_value_inner)
    }

    fn initial_value_inner(&mut self) -> Parsed<Init> {
        let pos = self.pos();
        if self.eat_symbol("[") {
            let mut list = Vec::new();
            loop {
                list.push(self.initial_item()?);
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.expect_symbol("]")?;
            return Ok(Init::List(list, pos));
        }
        if self.at_symbol("(") && self.is_member_list() {
            self.advance();
            let mut members = Vec::new();
            loop {
                let name = self.name()?;
                self.expect_symbol(":=")?;
                members.push((name, self.initial_value()?));
                if !self.eat_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")")?;
            return Ok(Init::Members(members, pos));
        }
        Ok(Init::Value(self.expression()?))
    }

    /// `5` or `3(0)`, which is three zeros; also lists and members inside lists.
    fn initial_item(&mut self) -> Parsed<(Option<Expr>, Init)> {
        if self.at_symbol("[") || (self.at_symbol("(") && self.is_member_list()) {
            return Ok((None, self.initial_value()?));
        }
        let first = self.expression()?;
        if !self.at_symbol("(") {
            return Ok((None, Init::Value(first)));
        }
        // `2((A := 1))` and `2(A := 1)` repeat the members of a structure.
        let value = if self.is_member_list() {
            return Ok((Some(first), self.initial_value()?));
        } else {
            self.advance();
            self.initial_value()?
        };
        if self.eat_symbol(")") {
            return Ok((Some(first), value));
        }
        let pos = self.pos();
        self.errors.push(CompileError::new(
            pos,
            "ST010",
            "expected ')' after the repeated value",
            "write for example 3(0)",
        ));
        Err(Failed)
    }
}
