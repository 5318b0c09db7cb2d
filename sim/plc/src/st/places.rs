//! Places: what a name, an index or an address stands for, and how values get there and back.

use super::ast::{Expr, Name, Path, PathPart, Section};
use super::codegen::{At, Gen, Val};
use super::data_types::{ArrayTy, VarTy};
use super::error::Pos;
use super::instr::{Instr, Slot, TextFn};
use super::numeric;
use super::text;
use super::types::{IntTy, Ty};
use super::variables::{Var, VarPlace};
use crate::memory::{AccessSize, DirectAddress};
use sim_wire::device::Area;

/// What a path names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Scalar {
        ty: Ty,
        place: VarPlace,
        /// Subrange that limits it.
        range: Option<usize>,
        read_only: bool,
    },
    /// A value whose slot is known only at run time: `base` plus the number in slot `index`.
    Element {
        ty: Ty,
        base: Slot,
        index: Slot,
        range: Option<usize>,
        read_only: bool,
    },
    /// A whole array or structure, at `base` plus the number in slot `index` if there is one.
    Data {
        ty: VarTy,
        base: Slot,
        index: Option<Slot>,
        read_only: bool,
    },
    /// A STRING; the value is its reference.
    Text {
        value: Val,
        read_only: bool,
    },
    Block(usize),
    /// A direct address.
    Direct {
        address: DirectAddress,
        at: u32,
    },
}

/// A place while the parts of a path are followed.
#[derive(Clone, Copy)]
struct Cursor {
    ty: VarTy,
    base: Slot,
    index: Option<Slot>,
    read_only: bool,
}

impl Gen<'_> {
    /// Finds what a path names, with code for indices; errors are reported.
    pub(super) fn target(&mut self, path: &Path) -> Option<Target> {
        let Some(mut var) = self.lookup(&path.root.text) else {
            let hint = self.similar_name(&path.root.text).map_or_else(
                || "declare it in VAR".to_owned(),
                |other| format!("did you mean {other}?"),
            );
            self.error(
                path.root.pos,
                "ST053",
                format!("{} is not declared", path.root.text),
                hint,
            );
            return None;
        };
        let mut parts = path.parts.as_slice();
        while let (VarTy::Block(instance), Some((PathPart::Member(name), rest))) =
            (var.ty, parts.split_first())
        {
            var = self.member(instance, name)?;
            parts = rest;
        }
        let pos = path.root.pos;
        let (base, index) = match (var.ty, var.place) {
            (VarTy::Block(instance), _) if parts.is_empty() => {
                return Some(Target::Block(instance));
            }
            (VarTy::Scalar(Ty::Error), _) => return None,
            (VarTy::Text(_), VarPlace::Ref(slot)) if parts.is_empty() => {
                return Some(Target::Text {
                    value: Val {
                        ty: Ty::Text,
                        at: At::Slot(slot),
                        direct: false,
                    },
                    read_only: false,
                });
            }
            (
                VarTy::Scalar(_) | VarTy::Subrange(_),
                VarPlace::Memory { .. } | VarPlace::Const(_),
            ) if parts.is_empty() => {
                let (ty, range) = self.scalar_of(var.ty)?;
                return Some(Target::Scalar {
                    ty,
                    place: var.place,
                    range,
                    read_only: var.read_only,
                });
            }
            (_, VarPlace::Slot(slot)) => (slot, None),
            (_, VarPlace::Ref(slot)) => (0, Some(slot)),
            _ => (0, None),
        };
        let cursor = Cursor {
            ty: var.ty,
            base,
            index,
            read_only: var.read_only,
        };
        let cursor = self.follow(cursor, parts, path)?;
        self.at_cursor(cursor, pos)
    }

    /// Goes into structures and arrays.
    fn follow(
        &mut self,
        mut cursor: Cursor,
        mut parts: &[PathPart],
        path: &Path,
    ) -> Option<Cursor> {
        let pos = path.root.pos;
        while let Some((part, rest)) = parts.split_first() {
            match (cursor.ty, part) {
                (VarTy::Struct(index), PathPart::Member(name)) => {
                    cursor = self.field(cursor, index, name)?;
                    parts = rest;
                }
                (VarTy::Array(index), PathPart::Index(_)) => {
                    let array = self.arrays.get(index)?.clone();
                    let mut list: Vec<&Expr> = Vec::new();
                    while let Some((PathPart::Index(indices), rest)) = parts.split_first() {
                        if list.len() >= array.dims.len() {
                            break;
                        }
                        list.extend(indices);
                        parts = rest;
                    }
                    cursor = self.element(cursor, &array, &list, pos)?;
                }
                (VarTy::Array(_), PathPart::Member(name)) => {
                    self.error(
                        name.pos,
                        "ST054",
                        "an array has no members",
                        "give the index of an element before the dot",
                    );
                    return None;
                }
                _ => {
                    self.error(
                        pos,
                        "ST054",
                        format!("{} has no such part", path.root.text),
                        "only arrays have indices, only structures and function blocks have members",
                    );
                    return None;
                }
            }
        }
        Some(cursor)
    }

    /// The place where the parts of a path have led.
    fn at_cursor(&mut self, cursor: Cursor, pos: Pos) -> Option<Target> {
        let Cursor {
            ty,
            base,
            index,
            read_only,
        } = cursor;
        match (ty, index) {
            (VarTy::Array(_) | VarTy::Struct(_), _) => Some(Target::Data {
                ty,
                base,
                index,
                read_only,
            }),
            (VarTy::Text(capacity), None) => Some(Target::Text {
                value: Val::constant(Ty::Text, text::reference(base, capacity)),
                read_only,
            }),
            (VarTy::Text(capacity), Some(index)) => {
                let first = self.constant_slot(text::reference(base, capacity));
                let value = self.emit_temp(Ty::Text, |d| add(d, first, index));
                Some(Target::Text { value, read_only })
            }
            (VarTy::Scalar(_) | VarTy::Subrange(_), index) => {
                let (ty, range) = self.scalar_of(ty)?;
                Some(match index {
                    None => Target::Scalar {
                        ty,
                        place: VarPlace::Slot(base),
                        range,
                        read_only,
                    },
                    Some(index) => Target::Element {
                        ty,
                        base,
                        index,
                        range,
                        read_only,
                    },
                })
            }
            (VarTy::Block(_), _) => {
                self.error(
                    pos,
                    "ST054",
                    "a function block has no elements",
                    "use its inputs and outputs",
                );
                None
            }
        }
    }

    /// Type of a single value, and its subrange.
    pub(super) fn scalar_of(&self, ty: VarTy) -> Option<(Ty, Option<usize>)> {
        match ty {
            VarTy::Scalar(ty) => Some((ty, None)),
            VarTy::Subrange(index) => Some((self.subranges.get(index)?.ty, Some(index))),
            _ => None,
        }
    }

    fn field(&mut self, cursor: Cursor, structure: usize, name: &Name) -> Option<Cursor> {
        let structure = self.structs.get(structure)?;
        let Some(field) = structure.fields.get(&name.text).copied() else {
            let message = format!("there is no member {}", name.text);
            let hint = match structure.name.as_str() {
                "" => "check the declaration of the structure".to_owned(),
                type_name => format!("check the declaration of {type_name}"),
            };
            self.error(name.pos, "ST045", message, hint);
            return None;
        };
        Some(Cursor {
            ty: field.ty,
            base: cursor.base.saturating_add(field.offset),
            ..cursor
        })
    }

    fn similar_name(&self, name: &str) -> Option<String> {
        let close = |other: &&String| edit_distance_at_most_2(name, other);
        self.scope
            .keys()
            .chain(self.globals.keys())
            .find(close)
            .cloned()
    }

    fn member(&mut self, instance: usize, name: &Name) -> Option<Var> {
        let member = self
            .instances
            .get(instance)
            .and_then(|i| i.members.get(&name.text))
            .copied();
        match member {
            Some(var) if var.section == Section::Input => Some(var),
            Some(var) if var.section == Section::Output => Some(Var {
                read_only: true,
                ..var
            }),
            Some(_) => {
                self.error(
                    name.pos,
                    "ST045",
                    format!("{} is inside the function block", name.text),
                    "only inputs and outputs can be used from outside",
                );
                None
            }
            None => {
                self.error(
                    name.pos,
                    "ST045",
                    format!("there is no member {}", name.text),
                    "check the declaration of the function block",
                );
                None
            }
        }
    }

    fn element(
        &mut self,
        cursor: Cursor,
        array: &ArrayTy<'_>,
        list: &[&Expr],
        pos: Pos,
    ) -> Option<Cursor> {
        let values = self.indices(array, list, pos)?;
        let ty = array.element;
        let constant = values
            .iter()
            .zip(&array.dims)
            .try_fold(0_u64, |offset, (value, dim)| match value.at {
                At::Const(bits) => {
                    let distance = numeric::i64_of(bits).wrapping_sub(dim.low).cast_unsigned();
                    Some(
                        offset
                            .wrapping_mul(u64::from(dim.extent))
                            .wrapping_add(distance),
                    )
                }
                _ => None,
            });
        if let Some(offset) = constant {
            let offset = offset.saturating_mul(u64::from(array.stride));
            let base = cursor
                .base
                .saturating_add(u16::try_from(offset).unwrap_or(0));
            return Some(Cursor { ty, base, ..cursor });
        }
        let d = self.temp();
        for (i, value) in values.into_iter().enumerate() {
            let a = self.slot_of(value);
            let dim = array
                .first_dim
                .saturating_add(u16::try_from(i).unwrap_or(0));
            self.emit(if i == 0 {
                Instr::IndexFirst { d, a, dim }
            } else {
                Instr::Index { d, a, dim }
            });
        }
        if array.stride != 1 {
            let b = self.constant_slot(u64::from(array.stride));
            self.emit(Instr::MulI {
                ty: IntTy::Lint,
                d,
                a: d,
                b,
            });
        }
        if let Some(outer) = cursor.index {
            self.emit(add(d, d, outer));
        }
        Some(Cursor {
            ty,
            index: Some(d),
            ..cursor
        })
    }

    /// Compiles one index for each dimension and checks those that are constant.
    fn indices(&mut self, array: &ArrayTy<'_>, list: &[&Expr], pos: Pos) -> Option<Vec<Val>> {
        if list.len() != array.dims.len() {
            let message = format!(
                "{} indices where the array has {} dimensions",
                list.len(),
                array.dims.len()
            );
            self.error(pos, "ST055", message, "give one index for each dimension");
            return None;
        }
        let mut values = Vec::new();
        for (expr, dim) in list.iter().zip(&array.dims) {
            let value = self.expr(expr, None);
            let value = self.coerce(value, Ty::Lint, expr.pos);
            if value.ty == Ty::Error {
                return None;
            }
            if let At::Const(bits) = value.at {
                let index = numeric::i64_of(bits);
                let high = dim.low.saturating_add(i64::from(dim.extent) - 1);
                if !(dim.low..=high).contains(&index) {
                    let message = format!("index {index} is outside {}..{high}", dim.low);
                    self.error(expr.pos, "ST055", message, "use an index inside the bounds");
                    return None;
                }
            }
            values.push(value);
        }
        Some(values)
    }

    /// The value of a place.
    pub(super) fn load(&mut self, target: Target, pos: Pos) -> Val {
        match target {
            Target::Scalar {
                ty,
                place: VarPlace::Slot(slot),
                ..
            } => Val {
                ty,
                at: At::Slot(slot),
                direct: false,
            },
            Target::Scalar {
                ty,
                place: VarPlace::Const(bits),
                ..
            } => Val::constant(ty, bits),
            Target::Scalar {
                ty,
                place: VarPlace::Memory { at, size },
                ..
            } => self.load_memory(ty, at, size),
            // References are never followed by name: `target` has made an element of them.
            Target::Scalar {
                place: VarPlace::Ref(_),
                ..
            } => Val::ERROR,
            Target::Element {
                ty, base, index, ..
            } => self.emit_temp(ty, |d| Instr::LoadAt { d, base, i: index }),
            Target::Direct { address, at } => Val {
                direct: true,
                ..self.load_memory(bits_of(address.size), at, address.size)
            },
            Target::Text { value, .. } => value,
            Target::Data { .. } => {
                self.error(
                    pos,
                    "ST056",
                    "a whole array or structure cannot stand here",
                    "use one of its elements or members",
                );
                Val::ERROR
            }
            Target::Block(_) => {
                self.error(
                    pos,
                    "ST056",
                    "a function block has no value",
                    "use one of its outputs",
                );
                Val::ERROR
            }
        }
    }

    fn load_memory(&mut self, ty: Ty, at: u32, size: AccessSize) -> Val {
        let signed = matches!(ty, Ty::Sint | Ty::Int | Ty::Dint | Ty::Enum(_));
        self.emit_temp(ty, |d| match (size, signed) {
            (AccessSize::Bit, _) => Instr::LoadBit { d, at },
            (AccessSize::Byte, false) => Instr::Load8 { d, at },
            (AccessSize::Byte, true) => Instr::LoadS8 { d, at },
            (AccessSize::Word, false) => Instr::Load16 { d, at },
            (AccessSize::Word, true) => Instr::LoadS16 { d, at },
            (AccessSize::Dword, false) => Instr::Load32 { d, at },
            (AccessSize::Dword, true) => Instr::LoadS32 { d, at },
            (AccessSize::Lword, _) => Instr::Load64 { d, at },
        })
    }

    /// Stores a value, whose type has been checked, in a place.
    pub(super) fn store(&mut self, target: Target, value: Val, pos: Pos) {
        if let Target::Scalar {
            range: Some(range), ..
        }
        | Target::Element {
            range: Some(range), ..
        } = target
        {
            self.check_range(value, range, pos);
        }
        let (place, read_only) = match target {
            Target::Scalar {
                place, read_only, ..
            } => (place, read_only),
            Target::Text {
                value: to,
                read_only,
            } => {
                if read_only {
                    self.read_only(pos);
                    return;
                }
                let (d, a) = (self.slot_of(to), self.slot_of(value));
                let f = TextFn::Copy;
                self.emit(Instr::Text { f, d, a, b: a });
                return;
            }
            Target::Element {
                base,
                index,
                read_only,
                ..
            } => {
                let a = self.slot_of(value);
                self.emit(Instr::StoreAt { a, base, i: index });
                if read_only {
                    self.read_only(pos);
                }
                return;
            }
            Target::Direct { address, at } => (
                VarPlace::Memory {
                    at,
                    size: address.size,
                },
                address.area == Area::Input,
            ),
            Target::Data { .. } | Target::Block(_) => return,
        };
        if read_only {
            self.read_only(pos);
            return;
        }
        match place {
            VarPlace::Slot(d) => match value.at {
                At::Temp(temp) if self.redirect(temp, d) => {}
                _ => {
                    let a = self.slot_of(value);
                    self.emit(Instr::Mov { d, a });
                }
            },
            VarPlace::Memory { at, size } => {
                let a = self.slot_of(value);
                self.emit(match size {
                    AccessSize::Bit => Instr::StoreBit { a, at },
                    AccessSize::Byte => Instr::Store8 { a, at },
                    AccessSize::Word => Instr::Store16 { a, at },
                    AccessSize::Dword => Instr::Store32 { a, at },
                    AccessSize::Lword => Instr::Store64 { a, at },
                });
            }
            VarPlace::Const(_) | VarPlace::Ref(_) => self.read_only(pos),
        }
    }

    /// Checks a value against the limits of a subrange.
    fn check_range(&mut self, value: Val, range: usize, pos: Pos) {
        let Some(range) = self.subranges.get(range).copied() else {
            return;
        };
        if let At::Const(bits) = value.at {
            let value = numeric::i64_of(bits);
            if !(range.low..=range.high).contains(&value) {
                self.error(
                    pos,
                    "ST061",
                    format!("{value} is outside {}..{}", range.low, range.high),
                    "use a value inside the range",
                );
            }
            return;
        }
        let a = self.slot_of(value);
        let low = self.constant_slot(numeric::slot_i64(range.low));
        let high = self.constant_slot(numeric::slot_i64(range.high));
        self.emit(Instr::CheckRange { a, low, high });
    }

    pub(super) fn read_only(&mut self, pos: Pos) {
        self.error(pos, "ST057", "this cannot be written", "constants, inputs of the process image and outputs of function blocks are read-only here");
    }

    /// Type of a place that holds one value.
    pub(super) fn target_ty(target: Target) -> Option<Ty> {
        match target {
            Target::Scalar { ty, .. } | Target::Element { ty, .. } => Some(ty),
            Target::Direct { address, .. } => Some(bits_of(address.size)),
            Target::Text { .. } => Some(Ty::Text),
            Target::Data { .. } | Target::Block(_) => None,
        }
    }
}

/// `d = a + b` of slot numbers.
pub(super) fn add(d: Slot, a: Slot, b: Slot) -> Instr {
    Instr::AddI {
        ty: IntTy::Lint,
        d,
        a,
        b,
    }
}

fn bits_of(size: AccessSize) -> Ty {
    match size {
        AccessSize::Bit => Ty::Bool,
        AccessSize::Byte => Ty::Byte,
        AccessSize::Word => Ty::Word,
        AccessSize::Dword => Ty::Dword,
        AccessSize::Lword => Ty::Lint,
    }
}

/// True if at most two changes of one letter lead from one name to the other; names longer than 32 are not compared.
fn edit_distance_at_most_2(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > 32 || b.len() > 32 || a.len() < 3 || a.len().abs_diff(b.len()) > 2 {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut previous = i;
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let cost = (previous + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            previous = above;
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = cost;
        }
        if let Some(cell) = row.last_mut() {
            *cell = left;
        }
    }
    row.last().is_some_and(|distance| *distance <= 2)
}
