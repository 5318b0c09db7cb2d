//! `CONFIGURATION`: tokens to syntax tree.

use super::MAX_TASKS;
use super::ast::{Configuration, Expr, ProgramDecl, SourceUnit, TaskDecl};
use super::error::CompileError;
use super::lexer::Tok;
use super::parser::{Parsed, Parser};

impl Parser<'_, '_> {
    /// `CONFIGURATION name ... END_CONFIGURATION`, with one resource or with tasks of its own.
    pub(super) fn configuration(&mut self, unit: &mut SourceUnit) -> Parsed<()> {
        let pos = self.pos();
        self.advance();
        self.name()?;
        if unit.configuration.is_some() {
            self.errors.push(CompileError::new(
                pos,
                "ST020",
                "the file has a second CONFIGURATION",
                "a controller has one",
            ));
        }
        let mut configuration = Configuration {
            pos,
            tasks: Vec::new(),
            programs: Vec::new(),
        };
        let mut resources = 0_u32;
        while !self.eat_word("END_CONFIGURATION") {
            if self.at_word("RESOURCE") {
                resources += 1;
                if resources > 1 {
                    return self.fail(
                        "ST020",
                        "the CONFIGURATION has a second RESOURCE".into(),
                        "a controller has one processor; put all tasks into one RESOURCE",
                    );
                }
                self.resource(unit, &mut configuration)?;
            } else {
                self.configuration_item(unit, &mut configuration)?;
            }
        }
        self.eat_symbol(";");
        unit.configuration = Some(configuration);
        Ok(())
    }

    fn resource(&mut self, unit: &mut SourceUnit, configuration: &mut Configuration) -> Parsed<()> {
        self.advance();
        self.name()?;
        self.expect_word("ON")?;
        self.name()?;
        while !self.eat_word("END_RESOURCE") {
            self.configuration_item(unit, configuration)?;
        }
        self.eat_symbol(";");
        Ok(())
    }

    fn configuration_item(
        &mut self,
        unit: &mut SourceUnit,
        configuration: &mut Configuration,
    ) -> Parsed<()> {
        if matches!(&self.token().kind, Tok::Ident(word) if word.starts_with("VAR_")) {
            let block = self.var_block()?;
            unit.globals.push(block);
            return Ok(());
        }
        if configuration.tasks.len() >= MAX_TASKS || configuration.programs.len() >= MAX_TASKS {
            return self.fail(
                "ST012",
                format!("more than {MAX_TASKS} tasks or programs"),
                "a controller of this kind has no more",
            );
        }
        if self.eat_word("TASK") {
            let task = self.task()?;
            configuration.tasks.push(task);
        } else if self.eat_word("PROGRAM") {
            let program = self.program_instance()?;
            configuration.programs.push(program);
        } else {
            return self.fail(
                "ST010",
                "expected VAR_GLOBAL, RESOURCE, TASK or PROGRAM".into(),
                "write for example TASK task0(INTERVAL := T#20ms, PRIORITY := 0);",
            );
        }
        Ok(())
    }

    fn task(&mut self) -> Parsed<TaskDecl> {
        let name = self.name()?;
        let (mut interval, mut priority, mut single) = (None, None, None);
        self.expect_symbol("(")?;
        loop {
            let target: &mut Option<Expr> = if self.at_word("INTERVAL") {
                &mut interval
            } else if self.at_word("PRIORITY") {
                &mut priority
            } else if self.at_word("SINGLE") {
                &mut single
            } else {
                return self.fail(
                    "ST010",
                    "expected INTERVAL, PRIORITY or SINGLE".into(),
                    "write for example TASK task0(INTERVAL := T#20ms, PRIORITY := 0);",
                );
            };
            self.advance();
            self.expect_symbol(":=")?;
            *target = Some(self.expression()?);
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        self.expect_symbol(";")?;
        Ok(TaskDecl {
            name,
            interval,
            priority,
            single,
        })
    }

    fn program_instance(&mut self) -> Parsed<ProgramDecl> {
        if !self.eat_word("RETAIN") {
            self.eat_word("NON_RETAIN");
        }
        let name = self.name()?;
        let task = if self.eat_word("WITH") {
            Some(self.name()?)
        } else {
            None
        };
        self.expect_symbol(":")?;
        let program = self.name()?;
        if self.at_symbol("(") {
            return self.fail(
                "ST020",
                "a program instance takes no list of values here".into(),
                "use VAR_GLOBAL, and VAR_EXTERNAL in the program",
            );
        }
        self.expect_symbol(";")?;
        Ok(ProgramDecl {
            name,
            task,
            program,
        })
    }
}
