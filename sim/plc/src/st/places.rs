//! Places: what a name, an index or an address stands for, and how values get there and back.

use super::ast::{Expr, Name, Path, PathPart, Section};
use super::codegen::{At, Gen, Val};
use super::error::Pos;
use super::instr::{Instr, Slot};
use super::numeric;
use super::types::Ty;
use super::variables::{ArrayTy, Var, VarPlace, VarTy};
use crate::memory::{AccessSize, DirectAddress};
use sim_wire::device::Area;

/// What a path names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Scalar {
        ty: Ty,
        place: VarPlace,
        read_only: bool,
    },
    /// Array element with an index known only at run time.
    Element {
        ty: Ty,
        base: Slot,
        index: Slot,
        read_only: bool,
    },
    /// A whole array.
    Array {
        index: usize,
        base: Slot,
        read_only: bool,
    },
    Block(usize),
    /// A direct address.
    Direct {
        address: DirectAddress,
        at: u32,
    },
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
        match var.ty {
            VarTy::Block(instance) if parts.is_empty() => Some(Target::Block(instance)),
            VarTy::Array(index) => self.element(index, var, parts, path.root.pos),
            VarTy::Scalar(ty) if parts.is_empty() => (ty != Ty::Error).then_some(Target::Scalar {
                ty,
                place: var.place,
                read_only: var.read_only,
            }),
            _ => {
                self.error(
                    path.root.pos,
                    "ST054",
                    format!("{} has no such part", path.root.text),
                    "only arrays have indices and only function blocks have members",
                );
                None
            }
        }
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

    fn element(&mut self, index: usize, var: Var, parts: &[PathPart], pos: Pos) -> Option<Target> {
        let array = self.arrays.get(index)?.clone();
        let VarPlace::Slot(base) = var.place else {
            return None;
        };
        let read_only = var.read_only;
        if parts.is_empty() {
            return Some(Target::Array {
                index,
                base,
                read_only,
            });
        }
        let values = self.indices(&array, parts, pos)?;
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
            let slot = base.saturating_add(u16::try_from(offset).unwrap_or(0));
            return Some(Target::Scalar {
                ty,
                place: VarPlace::Slot(slot),
                read_only,
            });
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
        Some(Target::Element {
            ty,
            base,
            index: d,
            read_only,
        })
    }

    /// Compiles one index for each dimension and checks those that are constant.
    fn indices(&mut self, array: &ArrayTy, parts: &[PathPart], pos: Pos) -> Option<Vec<Val>> {
        let mut list: Vec<&Expr> = Vec::new();
        for part in parts {
            match part {
                PathPart::Index(indices) => list.extend(indices),
                PathPart::Member(name) => {
                    self.error(
                        name.pos,
                        "ST054",
                        "an element has no members",
                        "remove the part after the dot",
                    );
                    return None;
                }
            }
        }
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
        for (expr, dim) in list.into_iter().zip(&array.dims) {
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
            Target::Element {
                ty, base, index, ..
            } => self.emit_temp(ty, |d| Instr::LoadAt { d, base, i: index }),
            Target::Direct { address, at } => Val {
                direct: true,
                ..self.load_memory(bits_of(address.size), at, address.size)
            },
            Target::Array { .. } => {
                self.error(
                    pos,
                    "ST056",
                    "a whole array cannot stand here",
                    "use one of its elements",
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
        let (place, read_only) = match target {
            Target::Scalar {
                place, read_only, ..
            } => (place, read_only),
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
            Target::Array { .. } | Target::Block(_) => return,
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
            VarPlace::Const(_) => self.read_only(pos),
        }
    }

    fn read_only(&mut self, pos: Pos) {
        self.error(pos, "ST057", "this cannot be written", "constants, inputs of the process image and outputs of function blocks are read-only here");
    }

    /// Type of a place that holds one value.
    pub(super) fn target_ty(target: Target) -> Option<Ty> {
        match target {
            Target::Scalar { ty, .. } | Target::Element { ty, .. } => Some(ty),
            Target::Direct { address, .. } => Some(bits_of(address.size)),
            Target::Array { .. } | Target::Block(_) => None,
        }
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
