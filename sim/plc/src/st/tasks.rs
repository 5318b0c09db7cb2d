//! Which programs run, and with which task.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Configuration, ExprKind, PouKind, ProgramDecl, TaskDecl};
use super::codegen::{Gen, Runs};
use super::instr::Instr;
use super::numeric::i64_of;
use super::program::{STARTUP, TaskPlan, Trigger};
use super::types::Ty;

impl<'a> Gen<'a> {
    /// Declares the programs: all of them where the file has no CONFIGURATION, otherwise the instances that it names.
    pub(super) fn declare_programs(&mut self) {
        let unit = self.unit;
        let mut idle = self.pous_of(PouKind::Program);
        if let Some(configuration) = &unit.configuration {
            let used = self.declare_instances(configuration);
            idle.retain(|index| !used.contains(index));
        }
        for index in idle {
            let Some(pou) = unit.pous.get(index).filter(|_| !self.stopped) else {
                return;
            };
            let prefix = format!("{}.", pou.name.text);
            if pou.name.text == STARTUP {
                self.declare_pou(index, Some(&prefix), Runs::Startup);
            } else if unit.configuration.is_none() {
                self.declare_pou(index, Some(&prefix), Runs::Cyclic);
            } else {
                // It never runs, but its errors show.
                self.declare_pou(index, None, Runs::Called);
            }
        }
    }

    /// Declares the program instances of a CONFIGURATION; gives the programs that it uses.
    fn declare_instances(&mut self, configuration: &'a Configuration) -> BTreeSet<usize> {
        let mut tasks = BTreeMap::new();
        for (i, task) in configuration.tasks.iter().enumerate() {
            let plan = self.task_plan(task);
            self.tasks.push(plan);
            if tasks.insert(task.name.text.as_str(), i).is_some() {
                self.twice(task.name.pos, &task.name.text);
            }
        }
        let (mut used, mut names) = (BTreeSet::new(), BTreeSet::new());
        for program in &configuration.programs {
            let name = &program.name.text;
            if !names.insert(name.as_str()) || self.globals.contains_key(name) {
                self.twice(program.name.pos, name);
            }
            let Some(index) = self.program_pou(program) else {
                continue;
            };
            let runs = match &program.task {
                None => Runs::Cyclic,
                Some(task) => match tasks.get(task.text.as_str()) {
                    Some(task) => Runs::Task(*task),
                    None => {
                        self.error(
                            task.pos,
                            "ST023",
                            format!("there is no TASK {}", task.text),
                            "declare it in the same RESOURCE",
                        );
                        continue;
                    }
                },
            };
            let is_startup = program.program.text == STARTUP;
            let runs = if is_startup { Runs::Startup } else { runs };
            self.declare_pou(index, Some(&format!("{name}.")), runs);
            // `MAIN.LEVEL` still finds the variable of the only MAIN.
            if used.insert(index) {
                self.aliases
                    .insert(program.program.text.clone(), name.clone());
            } else {
                self.aliases.remove(&program.program.text);
            }
            if self.stopped {
                break;
            }
        }
        if configuration.programs.is_empty() {
            self.error(
                configuration.pos,
                "ST020",
                "the CONFIGURATION runs no program",
                "write PROGRAM instance0 WITH task0 : main; in its RESOURCE",
            );
        }
        used
    }

    fn twice(&mut self, pos: super::error::Pos, name: &str) {
        self.error(
            pos,
            "ST031",
            format!("{name} is declared twice"),
            "rename one of them",
        );
    }

    fn program_pou(&mut self, program: &ProgramDecl) -> Option<usize> {
        let name = &program.program;
        let index = self.pous.get(&name.text).copied().filter(|i| {
            self.unit
                .pous
                .get(*i)
                .is_some_and(|pou| pou.kind == PouKind::Program)
        });
        if index.is_none() {
            self.error(
                name.pos,
                "ST023",
                format!("there is no PROGRAM {}", name.text),
                "declare it in this file",
            );
        }
        index
    }

    fn task_plan(&mut self, task: &TaskDecl) -> TaskPlan {
        let interval_us = task
            .interval
            .as_ref()
            .and_then(|expr| self.constant_of(expr, Ty::Time))
            .map(i64_of);
        let priority = task
            .priority
            .as_ref()
            .and_then(|expr| self.constant_int(expr))
            .unwrap_or(0);
        if interval_us.is_some_and(|us| us <= 0) || !(0..=65_535).contains(&priority) {
            self.error(
                task.name.pos,
                "ST024",
                "the interval or the priority is out of range",
                "an interval is longer than zero, a priority 0 (first) to 65535",
            );
        }
        if task.interval.is_some() == task.single.is_some() {
            self.error(
                task.name.pos,
                "ST024",
                "a task has either an INTERVAL or a SINGLE",
                "write INTERVAL := T#20ms, or SINGLE with a global variable whose rising edge starts it",
            );
        }
        TaskPlan {
            name: task.name.text.clone(),
            interval_us: interval_us.unwrap_or(0),
            priority,
            due: self.slots(1, 0),
            trigger: None,
            programs: Vec::new(),
        }
    }

    /// Compiles the conditions of tasks that run at an edge. They see global variables and addresses only.
    pub(super) fn compile_triggers(&mut self) {
        let Some(configuration) = &self.unit.configuration else {
            return;
        };
        for (i, task) in configuration.tasks.iter().enumerate() {
            let Some(single) = &task.single else { continue };
            if !matches!(single.kind, ExprKind::Path(_) | ExprKind::Direct(_)) {
                self.error(
                    single.pos,
                    "ST024",
                    "SINGLE takes a variable",
                    "use a BOOL of VAR_GLOBAL or an address such as %IX0.0",
                );
                continue;
            }
            self.begin_body(single.pos);
            let entry = self.here();
            let value = self.expr(single, Some(Ty::Bool));
            let value = self.coerce(value, Ty::Bool, single.pos);
            let slot = self.slots(1, 0);
            self.move_to(slot, value);
            self.emit(Instr::Ret);
            if let Some(plan) = self.tasks.get_mut(i) {
                plan.trigger = Some(Trigger { entry, value: slot });
            }
        }
    }
}
