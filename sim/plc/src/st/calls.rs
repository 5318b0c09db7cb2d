//! Calls of user functions and of function blocks.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::ast::{Arg, ExprKind, Name, Path, PouKind, Section};
use super::codegen::{At, Gen, Val};
use super::data_types::VarTy;
use super::error::Pos;
use super::instr::{Instr, Slot};
use super::places::Target;
use super::text;
use super::types::Ty;
use super::variables::{BlockKind, Var, VarPlace};
use sim_wire::device::Area;

/// `EN` and `ENO` of a call.
struct Enable<'a> {
    en: Option<&'a Arg>,
    eno: Option<&'a Arg>,
}

/// An argument on its way to a parameter.
#[derive(Clone, Copy)]
enum Given {
    /// A value, the subrange of the parameter and where the value stands.
    Value {
        value: Val,
        range: Option<usize>,
        pos: Pos,
    },
    /// A whole array or structure.
    Data(Target),
    /// For a VAR_IN_OUT: the slot that holds the place of the variable.
    Place(Slot),
    /// For a VAR_IN_OUT: a copy of a variable in memory.
    Copied {
        slot: Slot,
        ty: Ty,
        target: Target,
        pos: Pos,
    },
}

impl Gen<'_> {
    /// A call inside an expression. `EN`, as graphical languages have it, makes it depend on a condition.
    pub(super) fn function_call(&mut self, name: &Name, args: &[Arg], want: Option<Ty>) -> Val {
        let pou = self.function_pou(&name.text);
        let Some((enable, rest)) = self.enable_args(pou, args) else {
            return self.call_always(pou, name, args, want);
        };
        let Some(condition) = self.enabled(enable.en) else {
            return Val::ERROR;
        };
        let skip = self.jump_unless(condition);
        let value = self.call_always(pou, name, &rest, want);
        let value = self.settle(value, name.pos);
        if value.ty == Ty::Error {
            return Val::ERROR;
        }
        // Where the function does not run, its result is zero, FALSE or the empty text.
        let result = self.temp();
        self.move_to(result, value);
        let end = self.emit(Instr::Jump { to: 0 });
        self.patch(skip);
        let nothing = match value.ty {
            Ty::Text => self.text_literal(&[]),
            ty => Val::constant(ty, self.default_value(ty)),
        };
        self.move_to(result, nothing);
        self.patch(end);
        if let Some(eno) = enable.eno {
            self.take_output(eno, condition);
        }
        Val::temp(value.ty, result)
    }

    fn function_pou(&self, name: &str) -> Option<usize> {
        let pou = self.pous.get(name).copied();
        pou.filter(|i| {
            self.unit
                .pous
                .get(*i)
                .is_some_and(|p| p.kind == PouKind::Function)
        })
    }

    /// The condition of a call in a slot that stays as it is until the call is over.
    fn enabled(&mut self, en: Option<&Arg>) -> Option<Val> {
        let condition = match en {
            Some(en) => {
                let value = self.expr(&en.value, Some(Ty::Bool));
                self.coerce(value, Ty::Bool, en.value.pos)
            }
            None => Val::constant(Ty::Bool, 1),
        };
        if condition.ty == Ty::Error {
            return None;
        }
        let d = self.temp();
        self.move_to(d, condition);
        // Not the last instruction's result: it is read again after the call.
        self.here();
        Some(Val::temp(Ty::Bool, d))
    }

    /// Splits `EN := condition` and `ENO => variable` from the other arguments, where there are any and the unit has no
    /// parameters of these names.
    fn enable_args<'e>(
        &self,
        pou: Option<usize>,
        args: &'e [Arg],
    ) -> Option<(Enable<'e>, Vec<Arg>)> {
        let is = |arg: &Arg, text: &str, output: bool| {
            arg.output == output && arg.name.as_ref().is_some_and(|n| n.text == text)
        };
        let declares = |text: &str| {
            pou.and_then(|i| self.unit.pous.get(i)).is_some_and(|p| {
                let vars = p.blocks.iter().flat_map(|b| &b.vars);
                vars.flat_map(|v| &v.names).any(|n| n.text == text)
            })
        };
        let en = args.iter().find(|a| is(a, "EN", false) && !declares("EN"));
        let eno = args.iter().find(|a| is(a, "ENO", true) && !declares("ENO"));
        if en.is_none() && eno.is_none() {
            return None;
        }
        let rest = args.iter().filter(|a| {
            !(en.is_some() && is(a, "EN", false) || eno.is_some() && is(a, "ENO", true))
        });
        Some((Enable { en, eno }, rest.cloned().collect()))
    }

    fn call_always(
        &mut self,
        pou: Option<usize>,
        name: &Name,
        args: &[Arg],
        want: Option<Ty>,
    ) -> Val {
        let Some(pou) = pou else {
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
        let inputs = self.parameter_names(pou, &[Section::Input, Section::InOut]);
        let mut given = Vec::new();
        for (i, arg) in args.iter().enumerate().filter(|(_, arg)| !arg.output) {
            let parameter = arg
                .name
                .as_ref()
                .map_or_else(|| inputs.get(i).cloned(), |n| Some(n.text.clone()));
            let var = parameter
                .as_ref()
                .filter(|p| inputs.contains(p))
                .and_then(|p| self.function_variable(pou, body, p));
            let Some(var) = var else {
                self.error(
                    arg.value.pos,
                    "ST071",
                    format!("{} has no such input", name.text),
                    "check the function's VAR_INPUT",
                );
                return Val::ERROR;
            };
            let Some(value) = self.argument(var, arg) else {
                return Val::ERROR;
            };
            given.push((var, value));
        }
        let is_given = |(i, input): (usize, &String)| {
            args.iter()
                .enumerate()
                .any(|(j, arg)| arg.name.as_ref().map_or(i == j, |n| n.text == *input))
        };
        let missing = inputs.iter().enumerate().filter(|i| !is_given(*i));
        let missing: Vec<String> = missing.map(|(_, input)| input.clone()).collect();
        // A call by names may leave inputs out; they get their initial values.
        let by_name = args.iter().any(|arg| arg.name.is_some() && !arg.output);
        let mut complete = missing.is_empty() || by_name;
        for input in missing {
            let var = self.function_variable(pou, body, &input);
            match var.and_then(|var| self.initial_input(var, name.pos).map(|given| (var, given))) {
                Some(default) => given.push(default),
                None => complete = false,
            }
        }
        if !complete || given.len() > inputs.len() {
            self.error(
                name.pos,
                "ST070",
                format!("{} takes {} inputs", name.text, inputs.len()),
                "give every input once",
            );
            return Val::ERROR;
        }
        // Only now, since an argument may contain a call of the same function.
        let mut back = Vec::new();
        for (var, value) in given {
            back.extend(self.pass(var, value));
        }
        self.emit_call(body);
        self.copy_back(back);
        self.outputs(name, args, |generator, output| {
            let outputs = generator.parameter_names(pou, &[Section::Output]);
            let known = outputs.iter().any(|o| o == output);
            known.then(|| generator.function_variable(pou, body, output))?
        });
        match self.function_variable(pou, body, &name.text) {
            Some(Var {
                ty,
                place: VarPlace::Slot(a),
                ..
            }) => match (ty, self.scalar_of(ty)) {
                (VarTy::Text(capacity), _) => {
                    let result = Val::constant(Ty::Text, text::reference(a, capacity));
                    self.keep_text(result)
                }
                (_, Some((ty, _))) => self.emit_temp(ty, |d| Instr::Mov { d, a }),
                _ => Val::ERROR,
            },
            _ => Val::ERROR,
        }
    }

    /// The initial value of an input that holds a single value; the input itself keeps that of the last call.
    fn initial_input(&self, var: Var, pos: Pos) -> Option<Given> {
        let (ty, range) = self.scalar_of(var.ty)?;
        let VarPlace::Slot(slot) = var.place else {
            return None;
        };
        let bits = self.init.get(usize::from(slot)).copied()?;
        let value = Val::constant(ty, bits);
        Some(Given::Value { value, range, pos })
    }

    /// Compiles an argument for a parameter, but does not pass it yet.
    fn argument(&mut self, var: Var, arg: &Arg) -> Option<Given> {
        let pos = arg.value.pos;
        if let VarPlace::Ref(_) = var.place {
            return self.reference(var.ty, arg);
        }
        if let Some((ty, range)) = self.scalar_of(var.ty) {
            let value = self.expr(&arg.value, Some(ty));
            let value = self.coerce(value, ty, pos);
            return (value.ty != Ty::Error || ty == Ty::Error).then_some(Given::Value {
                value,
                range,
                pos,
            });
        }
        if let VarTy::Text(_) = var.ty {
            let value = self.expr(&arg.value, Some(Ty::Text));
            let value = self.coerce(value, Ty::Text, pos);
            return (value.ty != Ty::Error).then_some(Given::Value {
                value,
                range: None,
                pos,
            });
        }
        let source = self.data_source(var.ty, &arg.value, pos)?;
        Some(Given::Data(source))
    }

    /// Where the variable for a VAR_IN_OUT is: the number of its slot, or the reference of a text.
    fn reference(&mut self, ty: VarTy, arg: &Arg) -> Option<Given> {
        let pos = arg.value.pos;
        let target = match &arg.value.kind {
            ExprKind::Path(path) => self.target(path)?,
            ExprKind::Direct(address) => Target::Direct {
                address: *address,
                at: self.address(*address, pos)?,
            },
            _ => {
                self.error(
                    pos,
                    "ST077",
                    "a VAR_IN_OUT takes a variable",
                    "store the value in a variable first",
                );
                return None;
            }
        };
        let (found, read_only) = match target {
            Target::Scalar {
                ty,
                range,
                read_only,
                ..
            }
            | Target::Element {
                ty,
                range,
                read_only,
                ..
            } => (range.map_or(VarTy::Scalar(ty), VarTy::Subrange), read_only),
            Target::Data { ty, read_only, .. } => (ty, read_only),
            // A text knows its capacity, so one of any length will do.
            Target::Text { read_only, .. } => match ty {
                VarTy::Text(_) => (ty, read_only),
                _ => (VarTy::Text(0), read_only),
            },
            Target::Direct { address, .. } => {
                let fits = self
                    .scalar_of(ty)
                    .is_some_and(|(ty, _)| ty.fits(address.size));
                let ty = if fits { ty } else { VarTy::Text(0) };
                (ty, address.area == Area::Input)
            }
            Target::Block(index) => (VarTy::Block(index), false),
        };
        if read_only {
            self.read_only(pos);
            return None;
        }
        if !self.same_type(ty, found) {
            self.error(
                pos,
                "ST077",
                "the variable for a VAR_IN_OUT has another type",
                "both need the same type; nothing is converted",
            );
            return None;
        }
        Some(match target {
            Target::Scalar {
                ty,
                place: VarPlace::Memory { .. },
                ..
            } => self.copied_reference(ty, target, pos),
            Target::Direct { .. } => {
                let (ty, _) = self.scalar_of(ty)?;
                self.copied_reference(ty, target, pos)
            }
            Target::Scalar {
                place: VarPlace::Slot(slot),
                ..
            } => Given::Place(self.slot_number(slot, None)),
            Target::Element { base, index, .. } => {
                Given::Place(self.slot_number(base, Some(index)))
            }
            Target::Data { base, index, .. } => Given::Place(self.slot_number(base, index)),
            Target::Text { value, .. } => Given::Place(self.slot_of(value)),
            Target::Scalar { .. } | Target::Block(_) => return None,
        })
    }

    /// A variable of the process image or of the markers has no slot: it gets one for the time of the call.
    fn copied_reference(&mut self, ty: Ty, target: Target, pos: Pos) -> Given {
        let slot = self.slots(1, 0);
        let loaded = self.load(target, pos);
        let value = self.coerce(loaded, ty, pos);
        self.move_to(slot, value);
        Given::Copied {
            slot,
            ty,
            target,
            pos,
        }
    }

    /// Passes an argument; gives what has to be copied back after the call.
    fn pass(&mut self, var: Var, given: Given) -> Option<Given> {
        match (given, var.place) {
            (Given::Value { value, range, pos }, place) => {
                let (ty, read_only) = (value.ty, false);
                let target = match (var.ty, place) {
                    (VarTy::Text(capacity), VarPlace::Slot(slot)) => Target::Text {
                        value: Val::constant(Ty::Text, text::reference(slot, capacity)),
                        read_only,
                    },
                    // A value on its way is never written to a parameter by its own instruction: another argument may
                    // still need what the parameter holds.
                    (_, VarPlace::Slot(slot)) if range.is_none() => {
                        self.move_to(slot, value);
                        return None;
                    }
                    _ => Target::Scalar {
                        ty,
                        place,
                        range,
                        read_only,
                    },
                };
                self.store(target, value, pos);
                None
            }
            (Given::Data(source), VarPlace::Slot(base)) => {
                let target = Target::Data {
                    ty: var.ty,
                    base,
                    index: None,
                    read_only: false,
                };
                self.copy_data(target, source);
                None
            }
            (Given::Place(a), VarPlace::Ref(d)) => {
                self.emit(Instr::Mov { d, a });
                None
            }
            (Given::Copied { slot, .. }, VarPlace::Ref(d)) => {
                let a = self.slot_number(slot, None);
                self.emit(Instr::Mov { d, a });
                Some(given)
            }
            _ => None,
        }
    }

    fn copy_back(&mut self, list: Vec<Given>) {
        for given in list {
            if let Given::Copied {
                slot,
                ty,
                target,
                pos,
            } = given
            {
                let value = Val {
                    ty,
                    at: At::Slot(slot),
                    direct: false,
                };
                self.assign_value(target, value, pos);
            }
        }
    }

    /// `Q => target` for every output argument of a call.
    fn outputs(&mut self, name: &Name, args: &[Arg], find: impl Fn(&Self, &str) -> Option<Var>) {
        for arg in args.iter().filter(|arg| arg.output) {
            let var = arg.name.as_ref().and_then(|n| find(self, &n.text));
            let Some(Var {
                ty,
                place: VarPlace::Slot(slot),
                section: Section::Output,
                ..
            }) = var
            else {
                self.error(
                    arg.value.pos,
                    "ST071",
                    format!("{} has no such output", name.text),
                    "check its VAR_OUTPUT",
                );
                continue;
            };
            match (ty, self.scalar_of(ty)) {
                (VarTy::Text(capacity), _) => {
                    let value = Val::constant(Ty::Text, text::reference(slot, capacity));
                    self.take_output(arg, value);
                }
                (_, Some((ty, _))) => {
                    let at = At::Slot(slot);
                    let direct = false;
                    self.take_output(arg, Val { ty, at, direct });
                }
                _ => self.take_data(arg, ty, slot),
            }
        }
    }

    /// `Q => target` of an array or structure.
    fn take_data(&mut self, arg: &Arg, ty: VarTy, base: Slot) {
        let Some(target) = self.data_source(ty, &arg.value, arg.value.pos) else {
            return;
        };
        if let Target::Data {
            read_only: true, ..
        } = target
        {
            self.read_only(arg.value.pos);
        }
        let source = Target::Data {
            ty,
            base,
            index: None,
            read_only: true,
        };
        self.copy_data(target, source);
    }

    fn parameter_names(&self, pou: usize, sections: &[Section]) -> Vec<String> {
        let blocks = self
            .unit
            .pous
            .get(pou)
            .map(|p| p.blocks.as_slice())
            .unwrap_or_default();
        let vars = blocks
            .iter()
            .filter(|b| sections.contains(&b.section))
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
        let ExprKind::Path(path) = &arg.value.kind else {
            if let ExprKind::Direct(address) = arg.value.kind {
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
        let pou = match self.instances.get(instance).map(|i| i.kind) {
            Some(BlockKind::User(pou)) => Some(pou),
            _ => None,
        };
        let Some((enable, rest)) = self.enable_args(pou, args) else {
            self.block_call_always(instance, name, args);
            return;
        };
        let Some(condition) = self.enabled(enable.en) else {
            return;
        };
        let skip = self.jump_unless(condition);
        self.block_call_always(instance, name, &rest);
        self.patch(skip);
        if let Some(eno) = enable.eno {
            self.take_output(eno, condition);
        }
    }

    fn block_call_always(&mut self, instance: usize, name: &Name, args: &[Arg]) {
        let Some(block) = self.instances.get(instance) else {
            return;
        };
        let (kind, base, body) = (block.kind, block.base, block.body);
        let inputs = Rc::clone(&block.inputs);
        let mut back = Vec::new();
        let mut bound = BTreeSet::new();
        for (i, arg) in args.iter().enumerate().filter(|(_, arg)| !arg.output) {
            let input = arg
                .name
                .as_ref()
                .map_or_else(|| inputs.get(i), |n| Some(&n.text));
            let var = input
                .and_then(|input| self.instances.get(instance)?.members.get(input))
                .filter(|var| matches!(var.section, Section::Input | Section::InOut))
                .copied();
            let Some(var) = var else {
                let pos = arg.name.as_ref().map_or(arg.value.pos, |n| n.pos);
                self.error(
                    pos,
                    "ST071",
                    format!("{} has no such input", name.text),
                    format!("its inputs are {}", inputs.join(", ")),
                );
                continue;
            };
            if let VarPlace::Ref(slot) = var.place {
                bound.insert(slot);
                if let Some(given) = self.reference(var.ty, arg) {
                    back.extend(self.pass(var, given));
                }
            } else if let Some(target) = self.input_target(var) {
                self.assign(target, &arg.value);
            }
        }
        self.check_bound(instance, name, &bound);
        match kind {
            BlockKind::Std(kind) => {
                self.emit(Instr::Block { kind, base });
            }
            BlockKind::User(_) => self.emit_call(body),
        }
        self.copy_back(back);
        self.outputs(name, args, |generator, output| {
            let instance = generator.instances.get(instance)?;
            instance.members.get(output).copied()
        });
    }

    /// Where an input of a function block goes.
    fn input_target(&self, var: Var) -> Option<Target> {
        let read_only = false;
        match (var.ty, var.place) {
            (VarTy::Text(capacity), VarPlace::Slot(slot)) => Some(Target::Text {
                value: Val::constant(Ty::Text, text::reference(slot, capacity)),
                read_only,
            }),
            (VarTy::Array(_) | VarTy::Struct(_), VarPlace::Slot(base)) => Some(Target::Data {
                ty: var.ty,
                base,
                index: None,
                read_only,
            }),
            (ty, place) => {
                let (ty, range) = self.scalar_of(ty)?;
                Some(Target::Scalar {
                    ty,
                    place,
                    range,
                    read_only,
                })
            }
        }
    }

    /// Every VAR_IN_OUT must have a variable at every call: an old one may be gone.
    fn check_bound(&mut self, instance: usize, name: &Name, bound: &BTreeSet<Slot>) {
        let Some(block) = self.instances.get(instance) else {
            return;
        };
        let unbound = block
            .members
            .iter()
            .find(|(_, var)| matches!(var.place, VarPlace::Ref(slot) if !bound.contains(&slot)));
        if let Some((member, _)) = unbound {
            let message = format!("{} is called without its VAR_IN_OUT {member}", name.text);
            self.error(
                name.pos,
                "ST077",
                message,
                "give it a variable at every call",
            );
        }
    }
}
