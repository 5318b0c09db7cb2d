//! Initial values of variables.

use super::ast::{Expr, ExprKind, Init};
use super::codegen::Gen;
use super::data_types::VarTy;
use super::error::Pos;
use super::instr::Slot;
use super::numeric::{i64_of, slot_i64};
use super::text;
use super::types::Ty;

impl<'a> Gen<'a> {
    /// Initial value of a variable without one: zero, or the first value of an enumeration.
    pub(super) fn default_value(&self, ty: Ty) -> u64 {
        match ty {
            Ty::Enum(index) => slot_i64(self.enums.get(usize::from(index)).map_or(0, |e| e.first)),
            _ => 0,
        }
    }

    /// Gives the slots of a new variable the initial values of its type, then those of its declaration.
    pub(super) fn fill(&mut self, slot: Slot, ty: VarTy, init: Option<&'a Init>) -> Option<()> {
        self.fill_default(slot, ty)?;
        match init {
            Some(init) => self.initialise(slot, ty, init),
            None => Some(()),
        }
    }

    fn fill_default(&mut self, slot: Slot, ty: VarTy) -> Option<()> {
        match ty {
            VarTy::Scalar(ty) => {
                let bits = self.default_value(ty);
                self.set_initial(slot, &[bits]);
            }
            // The first value of the range, as for an enumeration.
            VarTy::Subrange(index) => {
                let low = self.subranges.get(index)?.low;
                self.set_initial(slot, &[slot_i64(low)]);
            }
            VarTy::Text(_) | VarTy::Block(_) => {}
            VarTy::Array(index) => {
                let array = self.arrays.get(index)?;
                let (element, init, stride) = (array.element, array.element_init, array.stride);
                let size = array.total * usize::from(stride);
                self.fill(slot, element, init)?;
                let first = usize::from(slot);
                let stride = usize::from(stride);
                for at in (first + stride..first + size).step_by(stride) {
                    self.init.copy_within(first..first + stride, at);
                }
            }
            VarTy::Struct(index) => {
                let fields: Vec<_> = self.structs.get(index)?.fields.values().copied().collect();
                for field in fields {
                    self.fill(slot.saturating_add(field.offset), field.ty, field.init)?;
                }
            }
        }
        Some(())
    }

    fn initialise(&mut self, slot: Slot, ty: VarTy, init: &'a Init) -> Option<()> {
        if !self.step() {
            return None;
        }
        match (ty, init) {
            (VarTy::Scalar(ty), Init::Value(expr)) => {
                let bits = self.constant_of(expr, ty)?;
                self.set_initial(slot, &[bits]);
            }
            (VarTy::Subrange(index), Init::Value(expr)) => {
                let bits = self.constant_in(expr, index)?;
                self.set_initial(slot, &[bits]);
            }
            (VarTy::Text(capacity), Init::Value(expr)) => {
                let image = self.text_image(expr, capacity)?;
                self.set_initial(slot, &image);
            }
            (VarTy::Array(index), Init::List(items, pos)) => {
                let total = self.arrays.get(index)?.total;
                let mut next = 0;
                self.list(slot, index, 1, items, (&mut next, total), *pos)?;
            }
            (VarTy::Struct(index), Init::Members(members, _)) => {
                for (name, value) in members {
                    let field = self.structs.get(index)?.fields.get(&name.text).copied();
                    let Some(field) = field else {
                        self.error(
                            name.pos,
                            "ST045",
                            format!("there is no member {}", name.text),
                            "check the declaration of the structure",
                        );
                        return None;
                    };
                    self.initialise(slot.saturating_add(field.offset), field.ty, value)?;
                }
            }
            _ => {
                self.wrong_form(ty, init);
                return None;
            }
        }
        Some(())
    }

    /// Values of an array from element `next` on, at most to element `end`. `level` dimensions have their places in
    /// lists around this one.
    fn list(
        &mut self,
        slot: Slot,
        index: usize,
        level: usize,
        items: &'a [(Option<Expr>, Init)],
        range: (&mut usize, usize),
        pos: Pos,
    ) -> Option<()> {
        let (next, end) = range;
        for (repeat, value) in items {
            let count = match repeat {
                Some(repeat) => usize::try_from(self.constant_int(repeat)?).unwrap_or(usize::MAX),
                None => 1,
            };
            let array = self.arrays.get(index)?;
            let (element, stride) = (array.element, usize::from(array.stride));
            // A list inside the list is a row.
            let is_row = matches!(value, Init::List(..)) && level < array.dims.len();
            let row: usize = if is_row {
                let inner = array.dims.iter().skip(level);
                inner.map(|dim| dim.extent as usize).product()
            } else {
                1
            };
            let fits = count
                .checked_mul(row)
                .is_some_and(|n| n <= end.saturating_sub(*next));
            if !fits {
                self.error(
                    pos,
                    "ST041",
                    format!("more values than the {end} elements"),
                    "shorten the list",
                );
                return None;
            }
            if count == 0 {
                continue;
            }
            let at = usize::from(slot) + *next * stride;
            let first = Slot::try_from(at).ok()?;
            if let (Init::List(inner, inner_pos), true) = (value, is_row) {
                let (mut inner_next, inner_end) = (*next, *next + row);
                self.list(
                    slot,
                    index,
                    level + 1,
                    inner,
                    (&mut inner_next, inner_end),
                    *inner_pos,
                )?;
            } else {
                self.initialise(first, element, value)?;
            }
            let size = row * stride;
            for copy in 1..count {
                self.init.copy_within(at..at + size, at + copy * size);
            }
            *next += count * row;
        }
        Some(())
    }

    /// Value of a constant expression that must lie in a subrange.
    pub(super) fn constant_in(&mut self, expr: &Expr, index: usize) -> Option<u64> {
        let range = *self.subranges.get(index)?;
        let bits = self.constant_of(expr, range.ty)?;
        let value = i64_of(bits);
        if (range.low..=range.high).contains(&value) {
            return Some(bits);
        }
        self.error(
            expr.pos,
            "ST061",
            format!("{value} is outside {}..{}", range.low, range.high),
            "use a value inside the range",
        );
        None
    }

    fn text_image(&mut self, expr: &Expr, capacity: u8) -> Option<Vec<u64>> {
        let literal = match &expr.kind {
            ExprKind::Typed(name, inner) if name.text == "STRING" => inner,
            _ => expr,
        };
        let ExprKind::Text(bytes) = &literal.kind else {
            self.error(
                expr.pos,
                "ST060",
                "a text in quotes is needed here",
                "write for example 'pump 1'",
            );
            return None;
        };
        if bytes.len() > usize::from(capacity) {
            self.error(
                expr.pos,
                "ST061",
                format!("the text has {} characters", bytes.len()),
                format!("the STRING has room for {capacity}"),
            );
            return None;
        }
        Some(text::image(capacity, bytes))
    }

    fn wrong_form(&mut self, ty: VarTy, init: &Init) {
        let pos = match init {
            Init::Value(expr) => expr.pos,
            Init::List(_, pos) | Init::Members(_, pos) => *pos,
        };
        let (message, hint) = match ty {
            VarTy::Array(_) => (
                "an array takes a list of values",
                "write [1, 2, 3] or [10(0)]",
            ),
            VarTy::Struct(_) => (
                "a structure takes its members",
                "write (SPEED := 5, ON := TRUE)",
            ),
            VarTy::Block(_) => ("an instance takes a list of members", "write (PT := T#5s)"),
            _ => ("this variable takes a single value", "give a single value"),
        };
        self.error(pos, "ST041", message, hint);
    }

    /// Reports an initial value of the wrong form for a function block instance.
    pub(super) fn wrong_block_form(&mut self, init: &Init) {
        self.wrong_form(VarTy::Block(0), init);
    }
}
