//! Calls of user functions and of function blocks.

use std::rc::Rc;

use super::ast::{Arg, Name, Path, PouKind, Section};
use super::codegen::{At, Gen, Val};
use super::instr::Instr;
use super::places::Target;
use super::types::Ty;
use super::variables::{BlockKind, Var, VarPlace, VarTy};

impl Gen<'_> {
    /// A call inside an expression.
    pub(super) fn function_call(&mut self, name: &Name, args: &[Arg], want: Option<Ty>) -> Val {
        let pou = self.pous.get(&name.text).copied();
        let Some(pou) = pou.filter(|i| {
            self.unit
                .pous
                .get(*i)
                .is_some_and(|p| p.kind == PouKind::Function)
        }) else {
            return match self.standard_call(name, args, want) {
                Some(value) => value,
                None => {
                    self.unknown_function(name);
                    Val::ERROR
                }
            };
        };
        self.call_edges.entry((self.pou, pou)).or_insert(name.pos);
        if self.pou == pou {
            self.error(
                name.pos,
                "ST032",
                format!("{} calls itself", name.text),
                "IEC 61131-3 allows no recursion; use a loop",
            );
            return Val::ERROR;
        }
        self.user_function(pou, name, args)
    }

    fn unknown_function(&mut self, name: &Name) {
        let hint = match self.lookup(&name.text).map(|v| v.ty) {
            Some(VarTy::Block(_)) => {
                "call a function block in a statement of its own, then use its outputs"
            }
            _ => "declare it with FUNCTION in this file, or check the spelling",
        };
        self.error(
            name.pos,
            "ST073",
            format!("there is no function {}", name.text),
            hint,
        );
    }

    fn user_function(&mut self, pou: usize, name: &Name, args: &[Arg]) -> Val {
        let Some(body) = self.functions.get(&pou).copied() else {
            return Val::ERROR;
        };
        let inputs = self.parameter_names(pou, Section::Input);
        let member = |generator: &Self, text: &str| generator.function_variable(pou, body, text);
        let mut given = Vec::new();
        for (i, arg) in args.iter().enumerate().filter(|(_, arg)| !arg.output) {
            let parameter = arg
                .name
                .as_ref()
                .map_or_else(|| inputs.get(i).cloned(), |n| Some(n.text.clone()));
            let var = parameter
                .as_ref()
                .filter(|p| inputs.contains(p))
                .and_then(|p| member(self, p));
            let Some(Var {
                ty: VarTy::Scalar(ty),
                place: VarPlace::Slot(slot),
                ..
            }) = var
            else {
                self.error(
                    arg.value.pos,
                    "ST071",
                    format!("{} has no such input", name.text),
                    "check the function's VAR_INPUT; inputs are single values",
                );
                return Val::ERROR;
            };
            let value = self.expr(&arg.value, Some(ty));
            let value = self.coerce(value, ty, arg.value.pos);
            if value.ty == Ty::Error && ty != Ty::Error {
                return Val::ERROR;
            }
            given.push((slot, value));
        }
        let missing = inputs.iter().enumerate().any(|(i, input)| {
            !args
                .iter()
                .enumerate()
                .any(|(j, arg)| arg.name.as_ref().map_or(i == j, |n| n.text == *input))
        });
        if missing || given.len() > inputs.len() {
            self.error(
                name.pos,
                "ST070",
                format!("{} takes {} inputs", name.text, inputs.len()),
                "give every input once",
            );
            return Val::ERROR;
        }
        // Only now, since an argument may contain a call of the same function.
        for (slot, value) in given {
            self.move_to(slot, value);
        }
        self.emit_call(body);
        self.function_outputs(pou, body, name, args);
        match member(self, &name.text) {
            Some(Var {
                ty: VarTy::Scalar(ty),
                place: VarPlace::Slot(a),
                ..
            }) => self.emit_temp(ty, |d| Instr::Mov { d, a }),
            _ => Val::ERROR,
        }
    }

    fn function_outputs(&mut self, pou: usize, body: usize, name: &Name, args: &[Arg]) {
        let outputs = self.parameter_names(pou, Section::Output);
        for arg in args.iter().filter(|arg| arg.output) {
            let var = arg
                .name
                .as_ref()
                .filter(|n| outputs.contains(&n.text))
                .and_then(|n| self.function_variable(pou, body, &n.text));
            match var {
                Some(Var {
                    ty: VarTy::Scalar(ty),
                    place: VarPlace::Slot(slot),
                    ..
                }) => self.take_output(
                    arg,
                    Val {
                        ty,
                        at: At::Slot(slot),
                        direct: false,
                    },
                ),
                _ => self.error(
                    arg.value.pos,
                    "ST071",
                    format!("{} has no such output", name.text),
                    "check the function's VAR_OUTPUT",
                ),
            }
        }
    }

    fn parameter_names(&self, pou: usize, section: Section) -> Vec<String> {
        let blocks = self
            .unit
            .pous
            .get(pou)
            .map(|p| p.blocks.as_slice())
            .unwrap_or_default();
        let vars = blocks
            .iter()
            .filter(|b| b.section == section)
            .flat_map(|b| &b.vars);
        vars.flat_map(|v| &v.names)
            .map(|n| n.text.clone())
            .collect()
    }

    /// A function's variable, whether its body has been compiled already or not.
    fn function_variable(&self, pou: usize, body: usize, name: &str) -> Option<Var> {
        if self.pou == pou {
            return self.scope.get(name).copied();
        }
        self.bodies.get(body)?.scope.get(name).copied()
    }

    /// `Q => target`.
    fn take_output(&mut self, arg: &Arg, value: Val) {
        let super::ast::ExprKind::Path(path) = &arg.value.kind else {
            if let super::ast::ExprKind::Direct(address) = arg.value.kind {
                if let Some(at) = self.address(address, arg.value.pos) {
                    self.assign_value(Target::Direct { address, at }, value, arg.value.pos);
                }
                return;
            }
            self.error(
                arg.value.pos,
                "ST074",
                "an output goes to a variable",
                "write Q => variable",
            );
            return;
        };
        if let Some(target) = self.target(path) {
            self.assign_value(target, value, arg.value.pos);
        }
    }

    /// A call as a statement: a function block, or a function whose result nobody wants.
    pub(super) fn call_statement(&mut self, path: &Path, args: &[Arg]) {
        let is_function = path.parts.is_empty() && self.lookup(&path.root.text).is_none();
        if is_function {
            self.function_call(&path.root, args, None);
            return;
        }
        match self.target(path) {
            Some(Target::Block(instance)) => self.block_call(instance, &path.root, args),
            Some(_) => self.error(
                path.root.pos,
                "ST075",
                format!("{} cannot be called", path.root.text),
                "only functions and function blocks can be called",
            ),
            None => {}
        }
    }

    fn block_call(&mut self, instance: usize, name: &Name, args: &[Arg]) {
        let Some(block) = self.instances.get(instance) else {
            return;
        };
        let (kind, base, body) = (block.kind, block.base, block.body);
        let inputs = Rc::clone(&block.inputs);
        for (i, arg) in args.iter().enumerate().filter(|(_, arg)| !arg.output) {
            let input = arg
                .name
                .as_ref()
                .map_or_else(|| inputs.get(i), |n| Some(&n.text));
            let var = input
                .and_then(|input| self.instances.get(instance)?.members.get(input))
                .filter(|var| var.section == Section::Input)
                .copied();
            let target = match var {
                Some(Var {
                    ty: VarTy::Scalar(ty),
                    place,
                    ..
                }) => Target::Scalar {
                    ty,
                    place,
                    read_only: false,
                },
                Some(Var {
                    ty: VarTy::Array(index),
                    place: VarPlace::Slot(base),
                    ..
                }) => Target::Array {
                    index,
                    base,
                    read_only: false,
                },
                _ => {
                    let pos = arg.name.as_ref().map_or(arg.value.pos, |n| n.pos);
                    self.error(
                        pos,
                        "ST071",
                        format!("{} has no such input", name.text),
                        format!("its inputs are {}", inputs.join(", ")),
                    );
                    continue;
                }
            };
            self.assign(target, &arg.value);
        }
        match kind {
            BlockKind::Std(kind) => {
                self.emit(Instr::Block { kind, base });
            }
            BlockKind::User(_) => self.emit_call(body),
        }
        for arg in args.iter().filter(|arg| arg.output) {
            let member = arg
                .name
                .as_ref()
                .and_then(|n| self.instances.get(instance)?.members.get(&n.text))
                .copied();
            match member {
                Some(Var {
                    ty: VarTy::Scalar(ty),
                    place: VarPlace::Slot(slot),
                    section: Section::Output,
                    ..
                }) => {
                    self.take_output(
                        arg,
                        Val {
                            ty,
                            at: At::Slot(slot),
                            direct: false,
                        },
                    );
                }
                _ => self.error(
                    arg.value.pos,
                    "ST071",
                    format!("{} has no such output", name.text),
                    "check the outputs of the function block",
                ),
            }
        }
    }
}
