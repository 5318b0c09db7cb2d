//! Standard functions and conversions.

use super::ast::{Arg, BinaryOp, Name};
use super::codegen::{Gen, Val};
use super::error::Pos;
use super::instr::{Convert, Fn1, Fn2, Instr, Slot};
use super::types::Ty;
use super::vm::Dim;

/// How a standard function is compiled, with the names of its parameters.
#[derive(Clone, Copy, Debug)]
enum Standard {
    /// One REAL or LREAL operand.
    Real(Fn1, Fn1),
    Real2(Fn2, Fn2),
    Abs,
    Min,
    Max,
    Limit,
    Sel,
    Mux,
    Shift,
    Expt,
    Move,
    Trunc,
    /// An operator in function form; the flag says that it takes more than two operands.
    Operator(BinaryOp, bool),
    /// A comparison of each operand with the next.
    Chain(BinaryOp),
}

fn standard(name: &str) -> Option<(Standard, &'static [&'static str])> {
    const IN: &[&str] = &["IN"];
    const IN_N: &[&str] = &["IN", "N"];
    const TWO: &[&str] = &["IN1", "IN2"];
    Some(match name {
        "SQRT" => (Standard::Real(Fn1::SqrtF, Fn1::SqrtD), IN),
        "LN" => (Standard::Real(Fn1::LnF, Fn1::LnD), IN),
        "LOG" => (Standard::Real(Fn1::LogF, Fn1::LogD), IN),
        "EXP" => (Standard::Real(Fn1::ExpF, Fn1::ExpD), IN),
        "SIN" => (Standard::Real(Fn1::SinF, Fn1::SinD), IN),
        "COS" => (Standard::Real(Fn1::CosF, Fn1::CosD), IN),
        "TAN" => (Standard::Real(Fn1::TanF, Fn1::TanD), IN),
        "ASIN" => (Standard::Real(Fn1::AsinF, Fn1::AsinD), IN),
        "ACOS" => (Standard::Real(Fn1::AcosF, Fn1::AcosD), IN),
        "ATAN" => (Standard::Real(Fn1::AtanF, Fn1::AtanD), IN),
        "ATAN2" => (Standard::Real2(Fn2::Atan2F, Fn2::Atan2D), &["Y", "X"]),
        "ABS" => (Standard::Abs, IN),
        "MIN" => (Standard::Min, &[]),
        "MAX" => (Standard::Max, &[]),
        "LIMIT" => (Standard::Limit, &["MN", "IN", "MX"]),
        "SEL" => (Standard::Sel, &["G", "IN0", "IN1"]),
        "MUX" => (Standard::Mux, &[]),
        "SHL" | "SHR" | "ROL" | "ROR" => (Standard::Shift, IN_N),
        "EXPT" => (Standard::Expt, TWO),
        "MOVE" => (Standard::Move, IN),
        "TRUNC" => (Standard::Trunc, IN),
        "ADD" => (Standard::Operator(BinaryOp::Add, true), &[]),
        "SUB" => (Standard::Operator(BinaryOp::Sub, false), TWO),
        "MUL" => (Standard::Operator(BinaryOp::Mul, true), &[]),
        "DIV" => (Standard::Operator(BinaryOp::Div, false), TWO),
        "GT" => (Standard::Chain(BinaryOp::Gt), &[]),
        "GE" => (Standard::Chain(BinaryOp::Ge), &[]),
        "EQ" => (Standard::Chain(BinaryOp::Eq), &[]),
        "LE" => (Standard::Chain(BinaryOp::Le), &[]),
        "LT" => (Standard::Chain(BinaryOp::Lt), &[]),
        "NE" => (Standard::Operator(BinaryOp::Ne, false), TWO),
        "AND" => (Standard::Operator(BinaryOp::And, true), &[]),
        "OR" => (Standard::Operator(BinaryOp::Or, true), &[]),
        "XOR" => (Standard::Operator(BinaryOp::Xor, true), &[]),
        "MOD" => (Standard::Operator(BinaryOp::Mod, false), TWO),
        _ => return None,
    })
}

/// True if the firmware has a function of this name that programs cannot replace with their own.
pub(super) fn is_reserved(name: &str) -> bool {
    standard(name).is_some()
}

impl Gen<'_> {
    /// Compiles a standard function or a conversion; `None` where the name is neither.
    pub(super) fn standard_call(
        &mut self,
        name: &Name,
        args: &[Arg],
        want: Option<Ty>,
    ) -> Option<Val> {
        if let Some((function, parameters)) = standard(&name.text) {
            let extensible: Vec<String>;
            let extensible_refs: Vec<&str>;
            let parameters = if parameters.is_empty() {
                let first = usize::from(matches!(function, Standard::Mux));
                extensible = (0..args.len())
                    .map(|i| match function {
                        Standard::Mux if i == 0 => "K".to_owned(),
                        _ => format!("IN{}", i + 1 - 2 * first),
                    })
                    .collect();
                extensible_refs = extensible.iter().map(String::as_str).collect();
                extensible_refs.as_slice()
            } else {
                parameters
            };
            let Some(values) = self.operands(name, args, parameters, function, want) else {
                return Some(Val::ERROR);
            };
            return Some(self.standard_function(function, name, &values, want));
        }
        if let Some(value) = self.text_function(name, args) {
            return Some(value);
        }
        self.library_conversion(name, args)
    }

    /// The single operand of a conversion.
    pub(super) fn operand(&mut self, name: &Name, args: &[Arg], want: Option<Ty>) -> Option<Val> {
        let values = self.operands(name, args, &["IN"], Standard::Move, want)?;
        values.first().copied()
    }

    /// As many operands as there are parameters.
    pub(super) fn exact_operands(
        &mut self,
        name: &Name,
        args: &[Arg],
        parameters: &[&str],
    ) -> Option<Vec<Val>> {
        self.operands(name, args, parameters, Standard::Move, None)
    }

    /// Compiles arguments in the order of the parameters.
    fn operands(
        &mut self,
        name: &Name,
        args: &[Arg],
        parameters: &[&str],
        function: Standard,
        want: Option<Ty>,
    ) -> Option<Vec<Val>> {
        let least = match function {
            Standard::Min
            | Standard::Max
            | Standard::Mux
            | Standard::Operator(..)
            | Standard::Chain(_) => 2,
            _ => parameters.len(),
        };
        if args.len() < least || args.len() > parameters.len() {
            let wanted = if parameters.len() == args.len() || least < parameters.len() {
                format!("at least {least}")
            } else {
                least.to_string()
            };
            self.error(
                name.pos,
                "ST070",
                format!(
                    "{} takes {wanted} operands, {} are given",
                    name.text,
                    args.len()
                ),
                "check the function's parameters",
            );
            return None;
        }
        let mut values = vec![None; args.len()];
        for (i, arg) in args.iter().enumerate() {
            let place = match &arg.name {
                None => Some(i),
                Some(given) => parameters.iter().position(|p| *p == given.text),
            };
            // Selectors and shift counts have types of their own.
            let is_selector = place == Some(0) && matches!(function, Standard::Sel | Standard::Mux);
            let value = self.expr(&arg.value, if is_selector { None } else { want });
            match place.and_then(|place| values.get_mut(place)) {
                Some(slot @ None) if !arg.output => *slot = Some(value),
                _ => {
                    let given = arg
                        .name
                        .as_ref()
                        .map_or("this operand", |n| &n.text)
                        .to_owned();
                    self.error(
                        arg.value.pos,
                        "ST071",
                        format!("{} has no free parameter {given}", name.text),
                        "check the function's parameters",
                    );
                    return None;
                }
            }
        }
        values
            .into_iter()
            .collect::<Option<Vec<Val>>>()
            .filter(|list| list.iter().all(|v| v.ty != Ty::Error))
    }

    fn standard_function(
        &mut self,
        function: Standard,
        name: &Name,
        values: &[Val],
        want: Option<Ty>,
    ) -> Val {
        let pos = name.pos;
        let first = values.first().copied().unwrap_or(Val::ERROR);
        let second = values.get(1).copied().unwrap_or(Val::ERROR);
        match function {
            Standard::Real(f, d) => {
                let Some((value, ty)) = self.real_operand(first, want, pos) else {
                    return Val::ERROR;
                };
                self.apply_unary(if ty == Ty::Real { f } else { d }, value, ty, pos)
            }
            Standard::Real2(f, d) => match self.common_operands(
                values,
                want.filter(|ty| ty.is_real()).or(Some(Ty::Real)),
                pos,
            ) {
                Some((list, ty)) if ty.is_real() => self.apply_binary(
                    if ty == Ty::Real { f } else { d },
                    list[0],
                    list[1],
                    ty,
                    pos,
                ),
                Some((_, ty)) => self.not_applicable(name, ty),
                None => Val::ERROR,
            },
            Standard::Abs => self.abs(first, name),
            Standard::Min | Standard::Max => {
                self.min_max(matches!(function, Standard::Min), values, want, name)
            }
            Standard::Limit => {
                let Some((list, ty)) = self.common_operands(values, want, pos) else {
                    return Val::ERROR;
                };
                let Some((min, max)) = ordering(ty) else {
                    return self.not_applicable(name, ty);
                };
                let below = self.apply_binary(min, list[1], list[2], ty, pos);
                self.apply_binary(max, list[0], below, ty, pos)
            }
            Standard::Sel => self.select(values, Dim { low: 0, extent: 2 }, true, want, pos),
            Standard::Mux => {
                let extent = u32::try_from(values.len().saturating_sub(1)).unwrap_or(1);
                self.select(values, Dim { low: 0, extent }, false, want, pos)
            }
            Standard::Shift => self.shift(name, first, second, want),
            Standard::Expt => self.power(first, second, pos),
            Standard::Move => first,
            Standard::Trunc => {
                let ty = want
                    .filter(|ty| ty.is_int() && *ty != Ty::LitInt)
                    .unwrap_or(Ty::Dint);
                let Some((value, from)) = self.real_operand(first, None, pos) else {
                    return Val::ERROR;
                };
                let how = if from == Ty::Real {
                    Convert::TruncReal(ty.int_ty())
                } else {
                    Convert::TruncLreal(ty.int_ty())
                };
                self.convert(how, value, ty, pos)
            }
            Standard::Chain(op) => {
                let mut holds = self.binary(op, first, second, pos);
                for (left, right) in values.iter().zip(values.iter().skip(1)).skip(1) {
                    let next = self.binary(op, *left, *right, pos);
                    holds = self.binary(BinaryOp::And, holds, next, pos);
                }
                holds
            }
            Standard::Operator(op, extensible) => {
                if values.len() > 2 && !extensible {
                    return self.not_applicable(name, first.ty);
                }
                values
                    .iter()
                    .skip(1)
                    .fold(first, |left, right| self.binary(op, left, *right, pos))
            }
        }
    }

    pub(super) fn not_applicable(&mut self, name: &Name, ty: Ty) -> Val {
        let type_name = self.type_name(ty);
        self.error(
            name.pos,
            "ST063",
            format!("{} does not apply to {type_name}", name.text),
            "convert the operand first",
        );
        Val::ERROR
    }

    fn real_operand(&mut self, value: Val, want: Option<Ty>, pos: Pos) -> Option<(Val, Ty)> {
        let ty = match value.ty {
            Ty::Real | Ty::Lreal => value.ty,
            Ty::LitReal | Ty::LitInt => want
                .filter(|ty| matches!(ty, Ty::Real | Ty::Lreal))
                .unwrap_or(Ty::Real),
            other if other.widens_to(Ty::Real) => Ty::Real,
            _ => Ty::Lreal,
        };
        let value = self.coerce(value, ty, pos);
        (value.ty != Ty::Error).then_some((value, ty))
    }

    /// Gives all operands their common type.
    fn common_operands(
        &mut self,
        values: &[Val],
        want: Option<Ty>,
        pos: Pos,
    ) -> Option<(Vec<Val>, Ty)> {
        let literal = |ty: Ty| matches!(ty, Ty::LitInt | Ty::LitReal);
        let mut concrete: Option<Ty> = None;
        for value in values.iter().filter(|v| !literal(v.ty)) {
            let Some(ty) = concrete.map_or(Some(value.ty), |ty| Ty::common(ty, value.ty)) else {
                let (a, b) = (
                    self.type_name(concrete.unwrap_or(Ty::Error)),
                    self.type_name(value.ty),
                );
                self.error(
                    pos,
                    "ST062",
                    format!("{a} and {b} have no common type"),
                    "convert one of the operands",
                );
                return None;
            };
            concrete = Some(ty);
        }
        let any_real_literal = values.iter().any(|v| v.ty == Ty::LitReal);
        let ty = match concrete {
            Some(ty) if any_real_literal && ty.is_int() => {
                if ty.widens_to(Ty::Real) {
                    Ty::Real
                } else {
                    Ty::Lreal
                }
            }
            Some(ty) => ty,
            None => match want.filter(|ty| ty.is_num() && (ty.is_real() || !any_real_literal)) {
                Some(ty) => ty,
                None if any_real_literal => Ty::Real,
                None => Ty::Dint,
            },
        };
        let list: Vec<Val> = values
            .iter()
            .map(|value| self.coerce(*value, ty, pos))
            .collect();
        list.iter().all(|v| v.ty != Ty::Error).then_some((list, ty))
    }

    fn abs(&mut self, value: Val, name: &Name) -> Val {
        let f = match value.ty {
            Ty::Real => Fn1::AbsF,
            Ty::Lreal | Ty::LitReal => Fn1::AbsD,
            Ty::Ulint => return value,
            ty if ty.is_int() => Fn1::AbsI(ty.int_ty()),
            ty => return self.not_applicable(name, ty),
        };
        self.apply_unary(f, value, value.ty, name.pos)
    }

    fn min_max(&mut self, is_min: bool, values: &[Val], want: Option<Ty>, name: &Name) -> Val {
        let Some((list, ty)) = self.common_operands(values, want, name.pos) else {
            return Val::ERROR;
        };
        let Some((min, max)) = ordering(ty) else {
            return self.not_applicable(name, ty);
        };
        let f = if is_min { min } else { max };
        let mut list = list.into_iter();
        let first = list.next().unwrap_or(Val::ERROR);
        list.fold(first, |best, next| {
            self.apply_binary(f, best, next, ty, name.pos)
        })
    }

    /// SEL and MUX: the operands go to consecutive slots and the selector picks one.
    fn select(
        &mut self,
        values: &[Val],
        dim: Dim,
        boolean: bool,
        want: Option<Ty>,
        pos: Pos,
    ) -> Val {
        let Some((selector, rest)) = values.split_first() else {
            return Val::ERROR;
        };
        let selector = self.coerce(*selector, if boolean { Ty::Bool } else { Ty::Lint }, pos);
        let Some((list, ty)) = self.common_operands(rest, want, pos) else {
            return Val::ERROR;
        };
        if selector.ty == Ty::Error {
            return Val::ERROR;
        }
        let base = self.temp_run(list.len());
        for (slot, value) in (base..).zip(list) {
            self.move_to(slot, value);
        }
        let a = self.slot_of(selector);
        let index = self.temp();
        let dim_index = u16::try_from(self.dims.len()).unwrap_or(u16::MAX);
        if dim_index == u16::MAX {
            self.limit(pos, "arrays", usize::from(u16::MAX));
            return Val::ERROR;
        }
        self.dims.push(dim);
        self.emit(Instr::IndexFirst {
            d: index,
            a,
            dim: dim_index,
        });
        self.emit_temp(ty, |d| Instr::LoadAt { d, base, i: index })
    }

    pub(super) fn move_to(&mut self, d: Slot, value: Val) {
        let a = self.slot_of(value);
        self.emit(Instr::Mov { d, a });
    }

    fn shift(&mut self, name: &Name, value: Val, count: Val, want: Option<Ty>) -> Val {
        let value = match value.ty {
            Ty::LitInt => self.coerce(
                value,
                want.filter(|ty| ty.is_bits()).unwrap_or(Ty::Dword),
                name.pos,
            ),
            _ => value,
        };
        let count = self.coerce(count, Ty::Lint, name.pos);
        if count.ty == Ty::Error || value.ty == Ty::Error {
            return Val::ERROR;
        }
        if !value.ty.is_bits() {
            return self.not_applicable(name, value.ty);
        }
        let ty = value.ty;
        let f = match (name.text.as_str(), ty) {
            ("SHR", _) => Fn2::Shr,
            ("ROL", Ty::Byte) => Fn2::Rol8,
            ("ROL", Ty::Word) => Fn2::Rol16,
            ("ROL", Ty::Lword) => Fn2::Rol64,
            ("ROL", _) => Fn2::Rol32,
            ("ROR", Ty::Byte) => Fn2::Ror8,
            ("ROR", Ty::Word) => Fn2::Ror16,
            ("ROR", Ty::Lword) => Fn2::Ror64,
            ("ROR", _) => Fn2::Ror32,
            _ => {
                let wide = self.apply_binary(Fn2::Shl, value, count, ty, name.pos);
                let width = u8::try_from(ty.bit_width()).unwrap_or(32);
                return self.convert(Convert::Low(width), wide, ty, name.pos);
            }
        };
        self.apply_binary(f, value, count, ty, name.pos)
    }
}

/// The functions that pick the smaller and the larger of two values.
fn ordering(ty: Ty) -> Option<(Fn2, Fn2)> {
    match ty {
        Ty::Real => Some((Fn2::MinF, Fn2::MaxF)),
        Ty::Lreal => Some((Fn2::MinD, Fn2::MaxD)),
        Ty::Ulint | Ty::Lword => Some((Fn2::MinU, Fn2::MaxU)),
        ty if ty.is_int() || ty.is_bits() || ty == Ty::Time || ty.is_moment() => {
            Some((Fn2::MinI, Fn2::MaxI))
        }
        _ => None,
    }
}
