//! Statements: code and control flow.

use super::ast::{CaseArm, Expr, Path, Stmt, StmtKind};
use super::codegen::{At, Gen, Loop, Val};
use super::data_types::VarTy;
use super::error::Pos;
use super::expressions::stores_directly;
use super::instr::{Instr, Slot};
use super::numeric::i64_of;
use super::places::{Target, add};
use super::types::{IntTy, Ty};

impl Gen<'_> {
    pub(super) fn statements(&mut self, list: &[Stmt]) {
        for statement in list {
            if !self.step() {
                return;
            }
            self.pos = statement.pos;
            self.free_temps();
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Assign { target, value } => self.assignment(target, value),
            StmtKind::Call { path, args } => self.call_statement(path, args),
            StmtKind::If {
                branches,
                otherwise,
            } => self.if_statement(branches, otherwise),
            StmtKind::Case {
                selector,
                arms,
                otherwise,
            } => self.case_statement(selector, arms, otherwise),
            StmtKind::For {
                control,
                from,
                to,
                by,
                body,
            } => self.for_statement(control, (from, to, by.as_ref()), body),
            StmtKind::While { condition, body } => self.while_statement(condition, body),
            StmtKind::Repeat { body, until } => self.repeat_statement(body, until),
            StmtKind::Exit => {
                let jump = self.emit(Instr::Jump { to: 0 });
                match self.loops.last_mut() {
                    Some(open) => open.exits.push(jump),
                    None => self.error(
                        statement.pos,
                        "ST080",
                        "EXIT outside of a loop",
                        "use RETURN to leave the program",
                    ),
                }
            }
            StmtKind::Continue => {
                let jump = self.emit(Instr::Jump { to: 0 });
                match self.loops.last_mut() {
                    Some(open) => open.continues.push(jump),
                    None => self.error(
                        statement.pos,
                        "ST080",
                        "CONTINUE outside of a loop",
                        "use it inside FOR, WHILE or REPEAT",
                    ),
                }
            }
            StmtKind::Return => {
                let jump = self.emit(Instr::Jump { to: 0 });
                self.returns.push(jump);
            }
        }
    }

    fn assignment(&mut self, target: &Expr, value: &Expr) {
        let place = match &target.kind {
            super::ast::ExprKind::Path(path) => self.target(path),
            super::ast::ExprKind::Direct(address) => {
                self.address(*address, target.pos).map(|at| Target::Direct {
                    address: *address,
                    at,
                })
            }
            _ => None,
        };
        match place {
            Some(place) => self.assign_at(place, value, target.pos),
            // Errors in the value are worth reporting as well.
            None => {
                self.expr(value, None);
            }
        }
    }

    /// Compiles `target := value`.
    pub(super) fn assign(&mut self, target: Target, value: &Expr) {
        self.assign_at(target, value, value.pos);
    }

    fn assign_at(&mut self, target: Target, value: &Expr, pos: Pos) {
        if let Target::Data { ty, read_only, .. } = target {
            if read_only {
                self.read_only(pos);
            }
            if let Some(source) = self.data_source(ty, value, pos) {
                self.copy_data(target, source);
            }
            return;
        }
        let value_pos = value.pos;
        let value = self.expr(value, Self::target_ty(target));
        match Self::target_ty(target) {
            Some(ty) if !stores_as_is(target, ty, value) => {
                let value = self.coerce(value, ty, value_pos);
                if value.ty != Ty::Error {
                    self.store(target, value, pos);
                }
            }
            _ => self.assign_value(target, value, pos),
        }
    }

    /// Stores a value that is already there.
    pub(super) fn assign_value(&mut self, target: Target, value: Val, pos: Pos) {
        let Some(ty) = Self::target_ty(target) else {
            self.error(
                pos,
                "ST056",
                "this is no single value",
                "assign to an element or a member",
            );
            return;
        };
        let value = if stores_as_is(target, ty, value) {
            value
        } else {
            self.coerce(value, ty, pos)
        };
        if value.ty != Ty::Error {
            self.store(target, value, pos);
        }
    }

    /// The array or structure that an expression names, if its type is `ty`.
    pub(super) fn data_source(&mut self, ty: VarTy, value: &Expr, pos: Pos) -> Option<Target> {
        let super::ast::ExprKind::Path(path) = &value.kind else {
            self.error(
                value.pos,
                "ST056",
                "an array or a structure takes another one",
                "assign the elements or members one by one",
            );
            return None;
        };
        let source = self.target(path)?;
        match source {
            Target::Data { ty: other, .. } if self.same_type(ty, other) => Some(source),
            _ => {
                self.error(
                    pos,
                    "ST056",
                    "the two sides differ in type",
                    "both need the same bounds and element type, or the same structure",
                );
                None
            }
        }
    }

    /// Copies an array or structure to another of its type.
    pub(super) fn copy_data(&mut self, target: Target, source: Target) {
        let (
            Target::Data {
                ty, base, index, ..
            },
            Target::Data {
                base: from,
                index: from_index,
                ..
            },
        ) = (target, source)
        else {
            return;
        };
        let n = u16::try_from(self.size_of(ty)).unwrap_or(0);
        if let (None, None) = (index, from_index) {
            self.emit(Instr::Copy {
                d: base,
                a: from,
                n,
            });
            return;
        }
        let (d, a) = (
            self.slot_number(base, index),
            self.slot_number(from, from_index),
        );
        self.emit(Instr::CopyAt { d, a, n });
    }

    /// A slot that holds the number of the slot at `base` plus `index`.
    pub(super) fn slot_number(&mut self, base: Slot, index: Option<Slot>) -> Slot {
        match index {
            None => self.constant_slot(u64::from(base)),
            Some(index) if base == 0 => index,
            Some(index) => {
                let base = self.constant_slot(u64::from(base));
                let d = self.temp();
                self.emit(add(d, base, index));
                d
            }
        }
    }

    fn condition(&mut self, expr: &Expr) -> Val {
        let value = self.expr(expr, Some(Ty::Bool));
        self.coerce(value, Ty::Bool, expr.pos)
    }

    fn if_statement(&mut self, branches: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) {
        let mut ends = Vec::new();
        for (i, (condition, body)) in branches.iter().enumerate() {
            self.pos = condition.pos;
            self.free_temps();
            let condition = self.condition(condition);
            let skip = self.jump_unless(condition);
            self.statements(body);
            if i + 1 < branches.len() || !otherwise.is_empty() {
                ends.push(self.emit(Instr::Jump { to: 0 }));
            }
            self.patch(skip);
        }
        self.statements(otherwise);
        for end in ends {
            self.patch(end);
        }
    }

    fn case_statement(&mut self, selector: &Expr, arms: &[CaseArm], otherwise: &[Stmt]) {
        let value = self.expr(selector, None);
        let value = self.settle(value, selector.pos);
        let selects = value.ty.is_int() || value.ty.is_bits();
        if !(selects && !value.ty.is_wide_unsigned() || matches!(value.ty, Ty::Enum(_) | Ty::Error))
        {
            let name = self.type_name(value.ty);
            self.error(
                selector.pos,
                "ST081",
                format!("CASE cannot select by {name}"),
                "use an integer or an enumeration",
            );
            return;
        }
        // The selector must survive the statements of the arms' labels only; arms end with a jump.
        let floor = self.hold_temps();
        let mut taken: Vec<(i64, i64)> = Vec::new();
        let mut ends = Vec::new();
        for arm in arms {
            let mut hits = Vec::new();
            for (low, high) in &arm.labels {
                self.pos = low.pos;
                if let Some(hit) = self.case_label(value, low, high.as_ref(), &mut taken) {
                    hits.push(hit);
                }
            }
            let skip = self.emit(Instr::Jump { to: 0 });
            for hit in hits {
                self.patch(hit);
            }
            self.statements(&arm.body);
            ends.push(self.emit(Instr::Jump { to: 0 }));
            self.patch(skip);
        }
        self.temp_floor = floor;
        self.statements(otherwise);
        for end in ends {
            self.patch(end);
        }
    }

    /// Compares the selector with one label; gives the jump that is taken where it matches.
    fn case_label(
        &mut self,
        value: Val,
        low: &Expr,
        high: Option<&Expr>,
        taken: &mut Vec<(i64, i64)>,
    ) -> Option<usize> {
        if value.ty == Ty::Error {
            return None;
        }
        let low_bits = self.constant_of(low, value.ty)?;
        let high_bits = match high {
            Some(high) => self.constant_of(high, value.ty)?,
            None => low_bits,
        };
        let range = (i64_of(low_bits), i64_of(high_bits));
        if range.0 > range.1 {
            self.error(
                low.pos,
                "ST082",
                "the range is empty",
                "write the smaller value first",
            );
        }
        let slot = taken.partition_point(|other| other.0 <= range.1);
        let overlaps = slot
            .checked_sub(1)
            .and_then(|i| taken.get(i))
            .is_some_and(|other| other.1 >= range.0);
        if overlaps {
            self.error(
                low.pos,
                "ST082",
                format!("label {} is already taken", range.0),
                "each value can select one arm only",
            );
            return None;
        }
        taken.insert(slot, range);
        let selector = self.slot_of(value);
        let (low_slot, high_slot) = (self.constant_slot(low_bits), self.constant_slot(high_bits));
        let mut misses = Vec::new();
        if range.0 == range.1 {
            misses.push(self.emit(Instr::JumpNotEqI {
                a: selector,
                b: low_slot,
                to: 0,
            }));
        } else {
            misses.push(self.emit(Instr::JumpNotLeI {
                a: low_slot,
                b: selector,
                to: 0,
            }));
            misses.push(self.emit(Instr::JumpNotLeI {
                a: selector,
                b: high_slot,
                to: 0,
            }));
        }
        let hit = self.emit(Instr::Jump { to: 0 });
        for miss in misses {
            self.patch(miss);
        }
        Some(hit)
    }

    fn for_statement(
        &mut self,
        control: &Path,
        range: (&Expr, &Expr, Option<&Expr>),
        body: &[Stmt],
    ) {
        let (from, to, by) = range;
        let Some(target) = self.target(control) else {
            return;
        };
        let Some(ty) = Self::target_ty(target).filter(|ty| ty.is_int() && *ty != Ty::Ulint) else {
            self.error(
                control.root.pos,
                "ST083",
                format!("{} cannot count", control.root.text),
                "use an integer variable",
            );
            return;
        };
        self.assign(target, from);
        let end = self.loop_bound(to, ty);
        let step = match by {
            Some(by) => self.loop_bound(by, ty),
            None => Val::constant(ty, 1),
        };
        if let (At::Const(0), true) = (step.at, step.ty != Ty::Error) {
            self.error(
                by.map_or(control.root.pos, |e| e.pos),
                "ST083",
                "the step is zero",
                "the loop would never end",
            );
            return;
        }
        let floor = self.hold_temps();
        let current = self.load(target, control.root.pos);
        let mut exits = self.leave_loop_unless(current, end, step);
        let top = self.here();
        self.loops.push(Loop::default());
        self.statements(body);
        self.close_continues();
        self.free_temps();
        let current = self.load(target, control.root.pos);
        // In 64 bits, so that a loop up to the largest value of its type ends as well.
        let (a, b) = (self.slot_of(current), self.slot_of(step));
        let next = self.emit_temp(ty, |d| Instr::AddI {
            ty: IntTy::Lint,
            d,
            a,
            b,
        });
        exits.extend(self.leave_loop_unless(next, end, step));
        self.store(target, next, control.root.pos);
        self.jump_to(top);
        self.temp_floor = floor;
        exits.extend(self.loops.pop().unwrap_or_default().exits);
        for exit in exits {
            self.patch(exit);
        }
    }

    /// A bound or step is computed once, so a variable is copied.
    fn loop_bound(&mut self, expr: &Expr, ty: Ty) -> Val {
        let value = self.expr(expr, Some(ty));
        let value = self.coerce(value, ty, expr.pos);
        match value.at {
            At::Slot(a) => self.emit_temp(ty, |d| Instr::Mov { d, a }),
            _ => value,
        }
    }

    /// Jumps taken where the count is past its end, in the direction of the step.
    fn leave_loop_unless(&mut self, count: Val, end: Val, step: Val) -> Vec<usize> {
        let (count, end_slot) = (self.slot_of(count), self.slot_of(end));
        if let At::Const(bits) = step.at {
            let (a, b) = if i64_of(bits) > 0 {
                (count, end_slot)
            } else {
                (end_slot, count)
            };
            return vec![self.emit(Instr::JumpNotLeI { a, b, to: 0 })];
        }
        let (step, zero) = (self.slot_of(step), self.constant_slot(0));
        let upwards = self.emit(Instr::JumpNotLtI {
            a: step,
            b: zero,
            to: 0,
        });
        let past_low = self.emit(Instr::JumpNotLeI {
            a: end_slot,
            b: count,
            to: 0,
        });
        let inside = self.emit(Instr::Jump { to: 0 });
        self.patch(upwards);
        let past_high = self.emit(Instr::JumpNotLeI {
            a: count,
            b: end_slot,
            to: 0,
        });
        self.patch(inside);
        vec![past_low, past_high]
    }

    fn while_statement(&mut self, condition: &Expr, body: &[Stmt]) {
        let top = self.here();
        let condition = self.condition(condition);
        let leave = self.jump_unless(condition);
        self.loops.push(Loop {
            exits: vec![leave],
            continues: Vec::new(),
        });
        self.statements(body);
        self.close_continues();
        self.jump_to(top);
        for exit in self.loops.pop().unwrap_or_default().exits {
            self.patch(exit);
        }
    }

    /// Lets the CONTINUE statements of the innermost loop land here.
    fn close_continues(&mut self) {
        let open = self.loops.last_mut().map(|open| &mut open.continues);
        for jump in open.map(std::mem::take).unwrap_or_default() {
            self.patch(jump);
        }
    }

    fn repeat_statement(&mut self, body: &[Stmt], until: &Expr) {
        let top = self.here();
        self.loops.push(Loop::default());
        self.statements(body);
        self.close_continues();
        self.pos = until.pos;
        self.free_temps();
        let condition = self.condition(until);
        let again = self.jump_unless(condition);
        let leave = self.emit(Instr::Jump { to: 0 });
        self.patch(again);
        self.jump_to(top);
        self.patch(leave);
        for exit in self.loops.pop().unwrap_or_default().exits {
            self.patch(exit);
        }
    }
}

/// True where a direct address takes the bits of a number of its width without a conversion.
fn stores_as_is(target: Target, ty: Ty, value: Val) -> bool {
    matches!(target, Target::Direct { .. }) && !value.direct && stores_directly(ty, value.ty)
}
