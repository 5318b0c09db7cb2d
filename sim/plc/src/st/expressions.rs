//! Expressions: types and code.

use super::ast::{BinaryOp, Expr, ExprKind, Name, Path, PathPart, UnaryOp};
use super::codegen::{At, Gen, Val};
use super::constants::{fold, fold_comparison, literal_as};
use super::data_types::{TypeDef, VarTy};
use super::error::Pos;
use super::instr::{Convert, Fn1, Fn2, Instr, Slot, TextFn};
use super::numeric::{self, slot_f64, slot_i64};
use super::places::Target;
use super::types::{IntTy, Ty};
use super::variables::Var;

impl Gen<'_> {
    /// Compiles an expression; `want` is the type that its surroundings ask for, which helps overloaded names.
    pub(super) fn expr(&mut self, expr: &Expr, want: Option<Ty>) -> Val {
        if !self.step() {
            return Val::ERROR;
        }
        match &expr.kind {
            ExprKind::Int(value) => self.int_literal(*value, want, expr.pos),
            ExprKind::Real(value) => Val::constant(Ty::LitReal, slot_f64(*value)),
            ExprKind::Bool(value) => Val::constant(Ty::Bool, u64::from(*value)),
            ExprKind::Moment(ty, us) => Val::constant(*ty, slot_i64(*us)),
            ExprKind::Text(bytes) => self.text_literal(bytes),
            ExprKind::Typed(name, inner) => self.typed_literal(name, inner),
            ExprKind::Path(path) => self.path_value(path, want),
            ExprKind::Direct(address) => match self.address(*address, expr.pos) {
                Some(at) => self.load(
                    Target::Direct {
                        address: *address,
                        at,
                    },
                    expr.pos,
                ),
                None => Val::ERROR,
            },
            ExprKind::Unary(op, inner) => self.unary(*op, inner, want, expr.pos),
            ExprKind::Binary(op, left, right) => {
                let operand_want = if is_comparison(*op) { None } else { want };
                let left_value = self.expr(left, operand_want);
                // What the name of an enumeration's value or a literal of 64 bits means depends on the other side.
                let right_want = if matches!(left_value.ty, Ty::Enum(_) | Ty::Lword) {
                    Some(left_value.ty)
                } else {
                    operand_want
                };
                let right_value = self.expr(right, right_want);
                self.binary(*op, left_value, right_value, expr.pos)
            }
            ExprKind::Call(name, args) => self.function_call(name, args, want),
        }
    }

    fn int_literal(&mut self, value: i128, want: Option<Ty>, pos: Pos) -> Val {
        if let Ok(value) = i64::try_from(value) {
            return Val::constant(Ty::LitInt, slot_i64(value));
        }
        let Ok(bits) = u64::try_from(value) else {
            self.error(
                pos,
                "ST004",
                format!("number {value} is too small"),
                "the smallest integer is -9223372036854775808",
            );
            return Val::ERROR;
        };
        let ty = want.filter(|ty| *ty == Ty::Lword).unwrap_or(Ty::Ulint);
        Val::constant(ty, bits)
    }

    fn typed_literal(&mut self, name: &Name, inner: &Expr) -> Val {
        if let Some(ty) = Ty::named(&name.text) {
            let value = self.expr(inner, Some(ty));
            if ty == Ty::Time || ty.is_moment() || !matches!(value.at, At::Const(_)) {
                self.error(
                    inner.pos,
                    "ST050",
                    format!("{}# needs a literal", name.text),
                    "write for example INT#5",
                );
                return Val::ERROR;
            }
            return self.coerce(value, ty, inner.pos);
        }
        if let (Some(index), ExprKind::Path(path)) = (self.enum_named(&name.text), &inner.kind)
            && path.parts.is_empty()
        {
            return self.enum_value(index, &path.root);
        }
        self.error(
            name.pos,
            "ST050",
            format!("{}# is neither a type nor an enumeration", name.text),
            "write for example INT#5 or COLOR#RED",
        );
        Val::ERROR
    }

    /// The enumeration that a type name stands for.
    pub(super) fn enum_named(&self, name: &str) -> Option<u16> {
        match self.types.get(name)?.def {
            TypeDef::Data(VarTy::Scalar(Ty::Enum(index))) => Some(index),
            _ => None,
        }
    }

    fn enum_value(&mut self, index: u16, name: &Name) -> Val {
        let value = self
            .enums
            .get(usize::from(index))
            .and_then(|e| e.values.get(&name.text))
            .copied();
        if let Some(value) = value {
            return Val::constant(Ty::Enum(index), slot_i64(value));
        }
        let type_name = self
            .enums
            .get(usize::from(index))
            .map_or(String::new(), |e| e.name.clone());
        self.error(
            name.pos,
            "ST051",
            format!("{} is no value of {type_name}", name.text),
            "use one of the values of its declaration",
        );
        Val::ERROR
    }

    fn path_value(&mut self, path: &Path, want: Option<Ty>) -> Val {
        if path.parts.is_empty()
            && self.lookup(&path.root.text).is_none()
            && let Some(value) = self.bare_enum_value(&path.root, want)
        {
            return value;
        }
        if let ([PathPart::Member(value)], Some(index)) =
            (path.parts.as_slice(), self.enum_named(&path.root.text))
        {
            return self.enum_value(index, value);
        }
        match self.target(path) {
            Some(target) => self.load(target, path.root.pos),
            None => Val::ERROR,
        }
    }

    /// `RED` without its type: the wanted type decides, otherwise it must be unique.
    fn bare_enum_value(&mut self, name: &Name, want: Option<Ty>) -> Option<Val> {
        let with_value = |index: usize| {
            self.enums
                .get(index)
                .is_some_and(|e| e.values.contains_key(&name.text))
        };
        let index = match want {
            Some(Ty::Enum(index)) if with_value(usize::from(index)) => index,
            _ => {
                let mut all = (0..self.enums.len()).filter(|i| with_value(*i));
                let first = u16::try_from(all.next()?).ok()?;
                if all.next().is_some() {
                    self.error(
                        name.pos,
                        "ST052",
                        format!("{} is a value of several enumerations", name.text),
                        "write TYPE#VALUE",
                    );
                    return Some(Val::ERROR);
                }
                first
            }
        };
        Some(self.enum_value(index, name))
    }

    pub(super) fn lookup(&self, name: &str) -> Option<Var> {
        self.scope
            .get(name)
            .or_else(|| self.globals.get(name))
            .copied()
    }
}

/// True for `=`, `<` and their like.
pub(super) fn is_comparison(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
    )
}

// Types of values.
impl Gen<'_> {
    /// Gives a value the type `ty`, with implicit widening, or reports that it needs a conversion function.
    pub(super) fn coerce(&mut self, value: Val, ty: Ty, pos: Pos) -> Val {
        if value.ty == ty {
            return value;
        }
        if value.ty == Ty::Error || ty == Ty::Error {
            return Val::ERROR;
        }
        if let (At::Const(bits), Ty::LitInt | Ty::LitReal) = (value.at, value.ty) {
            if let Some(bits) = literal_as(value.ty, bits, ty) {
                return Val::constant(ty, bits);
            }
            self.literal_error(value.ty, bits, ty, pos);
            return Val::ERROR;
        }
        if value.direct && same_width(value.ty, ty) {
            return self.reinterpret(value, ty);
        }
        if !value.ty.widens_to(ty) {
            let (from, to) = (self.type_name(value.ty), self.type_name(ty));
            self.error(
                pos,
                "ST060",
                format!("{from} where {to} is needed"),
                format!("convert it with {from}_TO_{to}"),
            );
            return Val::ERROR;
        }
        let how = match (value.ty, ty) {
            (Ty::Real, Ty::Lreal) => Convert::RealToLreal,
            (_, Ty::Real) => Convert::IntToReal,
            (_, Ty::Lreal) => Convert::IntToLreal,
            // Wider integers and bit strings have the same slot.
            _ => {
                return Val {
                    ty,
                    direct: false,
                    ..value
                };
            }
        };
        self.convert(how, value, ty, pos)
    }

    fn literal_error(&mut self, from: Ty, bits: u64, ty: Ty, pos: Pos) {
        let to = self.type_name(ty);
        if from == Ty::LitInt && (ty.is_int() || ty.is_bits() || ty == Ty::Bool) {
            let (low, high) = ty.range();
            self.error(
                pos,
                "ST061",
                format!("{} does not fit {to}", numeric::i64_of(bits)),
                format!("{to} ranges from {low} to {high}"),
            );
        } else {
            let hint = match ty {
                Ty::Time => "write a duration such as T#2s",
                Ty::Enum(_) => "use one of the values of the enumeration",
                _ => "write a literal of that type",
            };
            self.error(
                pos,
                "ST060",
                format!("{} where {to} is needed", from.name()),
                hint,
            );
        }
    }

    pub(super) fn type_name(&self, ty: Ty) -> String {
        match ty {
            Ty::Enum(index) => match self.enums.get(usize::from(index)) {
                Some(e) if !e.name.is_empty() => e.name.clone(),
                _ => ty.name().to_owned(),
            },
            _ => ty.name().to_owned(),
        }
    }

    fn reinterpret(&mut self, value: Val, ty: Ty) -> Val {
        let width = match ty {
            Ty::Sint => 8,
            Ty::Int => 16,
            Ty::Dint => 32,
            _ => {
                return Val {
                    ty,
                    direct: false,
                    ..value
                };
            }
        };
        let a = self.slot_of(value);
        self.emit_temp(ty, |d| Instr::Convert {
            how: Convert::Signed(width),
            d,
            a,
        })
    }

    pub(super) fn convert(&mut self, how: Convert, value: Val, ty: Ty, pos: Pos) -> Val {
        if let At::Const(bits) = value.at {
            return match numeric::convert(how, bits) {
                Ok(bits) => Val::constant(ty, bits),
                Err(fault) => self.constant_fault(pos, fault),
            };
        }
        let a = self.slot_of(value);
        self.emit_temp(ty, |d| Instr::Convert { how, d, a })
    }

    /// A literal that nothing gave a type gets the smallest usual one.
    pub(super) fn settle(&mut self, value: Val, pos: Pos) -> Val {
        let ty = match (value.ty, value.at) {
            (Ty::LitInt, At::Const(bits)) => {
                let fits = |ty: Ty| literal_as(Ty::LitInt, bits, ty).is_some();
                [Ty::Int, Ty::Dint]
                    .into_iter()
                    .find(|ty| fits(*ty))
                    .unwrap_or(Ty::Lint)
            }
            (Ty::LitReal, _) => Ty::Real,
            _ => return value,
        };
        self.coerce(value, ty, pos)
    }

    /// Gives two operands their common type.
    pub(super) fn unify(&mut self, left: Val, right: Val, pos: Pos) -> Option<(Val, Val, Ty)> {
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return None;
        }
        let literal = |ty: Ty| matches!(ty, Ty::LitInt | Ty::LitReal);
        let ty = match (left.ty, right.ty) {
            (a, b) if a == b => a,
            (a, b) if literal(a) && literal(b) => Ty::LitReal,
            (Ty::LitReal, b) if b.is_int() => {
                if b.widens_to(Ty::Real) {
                    Ty::Real
                } else {
                    Ty::Lreal
                }
            }
            (a, Ty::LitReal) if a.is_int() => {
                if a.widens_to(Ty::Real) {
                    Ty::Real
                } else {
                    Ty::Lreal
                }
            }
            (a, b) if literal(a) => b,
            (a, b) if literal(b) => a,
            (a, b) if left.direct && same_width(a, b) => b,
            (a, b) if right.direct && same_width(a, b) => a,
            (a, b) => match Ty::common(a, b) {
                Some(ty) => ty,
                None => {
                    let (from, to) = (self.type_name(a), self.type_name(b));
                    self.error(
                        pos,
                        "ST062",
                        format!("{from} and {to} have no common type"),
                        format!("convert one side, for example with {from}_TO_{to}"),
                    );
                    return None;
                }
            },
        };
        let left = self.coerce(left, ty, pos);
        let right = self.coerce(right, ty, pos);
        (left.ty != Ty::Error && right.ty != Ty::Error).then_some((left, right, ty))
    }
}

fn same_width(bits: Ty, ty: Ty) -> bool {
    match bits {
        Ty::Byte => matches!(ty, Ty::Byte | Ty::Sint | Ty::Usint),
        Ty::Word => matches!(ty, Ty::Word | Ty::Int | Ty::Uint),
        Ty::Dword => matches!(ty, Ty::Dword | Ty::Dint | Ty::Udint | Ty::Real),
        Ty::Lint => matches!(ty, Ty::Lint | Ty::Ulint | Ty::Lword | Ty::Lreal),
        _ => false,
    }
}

/// True if a value of type `ty` can be stored at a direct address of type `bits` by its bits alone.
pub(super) fn stores_directly(bits: Ty, ty: Ty) -> bool {
    same_width(bits, ty)
}

// Operators.
impl Gen<'_> {
    fn unary(&mut self, op: UnaryOp, inner: &Expr, want: Option<Ty>, pos: Pos) -> Val {
        let value = self.expr(inner, want);
        let ty = value.ty;
        let f = match (op, ty) {
            (_, Ty::Error) => return Val::ERROR,
            (UnaryOp::Neg, Ty::Real) => Fn1::NegF,
            (UnaryOp::Neg, Ty::Lreal | Ty::LitReal) => Fn1::NegD,
            (UnaryOp::Neg, Ty::Sint | Ty::Int | Ty::Dint | Ty::Lint | Ty::LitInt | Ty::Time) => {
                Fn1::NegI(ty.int_ty())
            }
            (UnaryOp::Not, Ty::Bool) => {
                if let At::Const(bits) = value.at {
                    return Val::constant(Ty::Bool, bits ^ 1);
                }
                let a = self.slot_of(value);
                return self.emit_temp(Ty::Bool, |d| Instr::Not { d, a });
            }
            (UnaryOp::Not, Ty::Byte) => Fn1::NotBits(8),
            (UnaryOp::Not, Ty::Word) => Fn1::NotBits(16),
            (UnaryOp::Not, Ty::Dword) => Fn1::NotBits(32),
            (UnaryOp::Not, Ty::Lword) => Fn1::NotBits(64),
            _ => {
                let name = self.type_name(ty);
                let (what, hint) = match op {
                    UnaryOp::Neg => ("a minus sign", "negate signed numbers and times only"),
                    UnaryOp::Not => ("NOT", "use BOOL, BYTE, WORD, DWORD or LWORD"),
                };
                self.error(
                    pos,
                    "ST063",
                    format!("{what} does not apply to {name}"),
                    hint,
                );
                return Val::ERROR;
            }
        };
        self.apply_unary(f, value, ty, pos)
    }

    pub(super) fn apply_unary(&mut self, f: Fn1, value: Val, ty: Ty, pos: Pos) -> Val {
        if let At::Const(bits) = value.at {
            return match numeric::unary(f, bits) {
                Ok(bits) => Val::constant(ty, bits),
                Err(fault) => self.constant_fault(pos, fault),
            };
        }
        let a = self.slot_of(value);
        self.emit_temp(ty, |d| Instr::Unary { f, d, a })
    }

    pub(super) fn apply_binary(&mut self, f: Fn2, left: Val, right: Val, ty: Ty, pos: Pos) -> Val {
        if let (At::Const(a), At::Const(b)) = (left.at, right.at) {
            return match numeric::binary(f, a, b) {
                Ok(bits) => Val::constant(ty, bits),
                Err(fault) => self.constant_fault(pos, fault),
            };
        }
        let (a, b) = (self.slot_of(left), self.slot_of(right));
        self.emit_temp(ty, |d| Instr::Binary { f, d, a, b })
    }

    /// Compiles a binary operator on compiled operands.
    pub(super) fn binary(&mut self, op: BinaryOp, left: Val, right: Val, pos: Pos) -> Val {
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return Val::ERROR;
        }
        if is_comparison(op) {
            return self.comparison(op, left, right, pos);
        }
        if op == BinaryOp::Pow {
            return self.power(left, right, pos);
        }
        if left.ty == Ty::Time && matches!(op, BinaryOp::Mul | BinaryOp::Div) && right.ty.is_num() {
            return self.scale_time(op, left, right, pos);
        }
        if let Some(ty) = moment_result(op, left.ty, right.ty) {
            return self.shift_moment(op, (left, right), ty, pos);
        }
        let Some((left, right, ty)) = self.unify(left, right, pos) else {
            return Val::ERROR;
        };
        let applies = match op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                ty == Ty::Bool || ty.is_bits() || ty == Ty::LitInt
            }
            BinaryOp::Mod => ty.is_int(),
            BinaryOp::Add | BinaryOp::Sub => ty.is_num() || ty == Ty::Time,
            _ => ty.is_num(),
        };
        if !applies {
            let hint = if ty.is_bits() {
                "convert to a number first, for example with WORD_TO_INT"
            } else {
                "check the types of both sides"
            };
            let name = self.type_name(ty);
            self.error(
                pos,
                "ST063",
                format!("{} does not apply to {name}", op_text(op)),
                hint,
            );
            return Val::ERROR;
        }
        if let (At::Const(a), At::Const(b)) = (left.at, right.at) {
            return match fold(op, ty, a, b) {
                Ok(bits) => Val::constant(ty, bits),
                Err(fault) => self.constant_fault(pos, fault),
            };
        }
        let (a, b) = (self.slot_of(left), self.slot_of(right));
        if let Some(f) = unsigned_operation(op, ty) {
            return self.emit_temp(ty, |d| Instr::Binary { f, d, a, b });
        }
        self.emit_temp(ty, |d| operation(op, ty, d, a, b))
    }

    /// Sum or difference of a date or time of day and a duration, or of two of the same kind.
    fn shift_moment(&mut self, op: BinaryOp, operands: (Val, Val), ty: Ty, pos: Pos) -> Val {
        if let (At::Const(a), At::Const(b)) = (operands.0.at, operands.1.at) {
            return match fold(op, ty, a, b) {
                Ok(bits) => Val::constant(ty, bits),
                Err(fault) => self.constant_fault(pos, fault),
            };
        }
        let (a, b) = (self.slot_of(operands.0), self.slot_of(operands.1));
        self.emit_temp(ty, |d| operation(op, ty, d, a, b))
    }

    fn comparison(&mut self, op: BinaryOp, left: Val, right: Val, pos: Pos) -> Val {
        let Some((left, right, ty)) = self.unify(left, right, pos) else {
            return Val::ERROR;
        };
        // Equal texts may have different references.
        if let (At::Const(a), At::Const(b), true) = (left.at, right.at, ty != Ty::Text) {
            return Val::constant(Ty::Bool, u64::from(fold_comparison(op, ty, a, b)));
        }
        let (a, b) = (self.slot_of(left), self.slot_of(right));
        // a > b is b < a, also with NaN.
        let (op, a, b) = match op {
            BinaryOp::Gt => (BinaryOp::Lt, b, a),
            BinaryOp::Ge => (BinaryOp::Le, b, a),
            _ => (op, a, b),
        };
        if ty == Ty::Text {
            let f = match op {
                BinaryOp::Eq => TextFn::Eq,
                BinaryOp::Ne => TextFn::Ne,
                BinaryOp::Lt => TextFn::Lt,
                _ => TextFn::Le,
            };
            return self.emit_temp(Ty::Bool, |d| Instr::Text { f, d, a, b });
        }
        if ty.is_wide_unsigned() && matches!(op, BinaryOp::Lt | BinaryOp::Le) {
            let f = if op == BinaryOp::Lt {
                Fn2::LtU
            } else {
                Fn2::LeU
            };
            return self.emit_temp(Ty::Bool, |d| Instr::Binary { f, d, a, b });
        }
        self.emit_temp(Ty::Bool, |d| match (op, ty) {
            (BinaryOp::Eq, Ty::Real) => Instr::EqF { d, a, b },
            (BinaryOp::Ne, Ty::Real) => Instr::NeF { d, a, b },
            (BinaryOp::Lt, Ty::Real) => Instr::LtF { d, a, b },
            (_, Ty::Real) => Instr::LeF { d, a, b },
            (BinaryOp::Eq, Ty::Lreal) => Instr::EqD { d, a, b },
            (BinaryOp::Ne, Ty::Lreal) => Instr::NeD { d, a, b },
            (BinaryOp::Lt, Ty::Lreal) => Instr::LtD { d, a, b },
            (_, Ty::Lreal) => Instr::LeD { d, a, b },
            (BinaryOp::Eq, _) => Instr::EqI { d, a, b },
            (BinaryOp::Ne, _) => Instr::NeI { d, a, b },
            (BinaryOp::Lt, _) => Instr::LtI { d, a, b },
            _ => Instr::LeI { d, a, b },
        })
    }

    /// `x ** y` and `EXPT`: the base decides whether REAL or LREAL.
    pub(super) fn power(&mut self, left: Val, right: Val, pos: Pos) -> Val {
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return Val::ERROR;
        }
        let ty = match left.ty {
            Ty::Lreal => Ty::Lreal,
            Ty::LitReal | Ty::LitInt if matches!(right.ty, Ty::LitReal | Ty::LitInt) => Ty::LitReal,
            Ty::LitReal | Ty::LitInt if right.ty == Ty::Lreal => Ty::Lreal,
            other if other.is_num() => Ty::Real,
            other => {
                let name = self.type_name(other);
                self.error(
                    pos,
                    "ST063",
                    format!("** does not apply to {name}"),
                    "use REAL or LREAL",
                );
                return Val::ERROR;
            }
        };
        let left = self.coerce(left, ty, pos);
        let right = if right.ty.is_int() && right.ty != Ty::LitInt {
            let how = if ty == Ty::Real {
                Convert::IntToReal
            } else {
                Convert::IntToLreal
            };
            self.convert(how, right, ty, pos)
        } else {
            self.coerce(right, ty, pos)
        };
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return Val::ERROR;
        }
        self.apply_binary(
            if ty == Ty::Real { Fn2::PowF } else { Fn2::PowD },
            left,
            right,
            ty,
            pos,
        )
    }

    fn scale_time(&mut self, op: BinaryOp, time: Val, factor: Val, pos: Pos) -> Val {
        let factor = match factor.ty {
            Ty::LitInt => self.coerce(factor, Ty::Lint, pos),
            Ty::LitReal => self.coerce(factor, Ty::Lreal, pos),
            Ty::Ulint => self.convert(Convert::CheckUnsigned(IntTy::Lint), factor, Ty::Lint, pos),
            _ => factor,
        };
        let f = match (op, factor.ty) {
            (BinaryOp::Mul, Ty::Real) => Fn2::TimeMulF,
            (BinaryOp::Mul, Ty::Lreal) => Fn2::TimeMulD,
            (BinaryOp::Mul, _) => Fn2::TimeMulI,
            (_, Ty::Real) => Fn2::TimeDivF,
            (_, Ty::Lreal) => Fn2::TimeDivD,
            _ => Fn2::TimeDivI,
        };
        self.apply_binary(f, time, factor, Ty::Time, pos)
    }
}

/// Type of a sum or difference with a date or time of day.
fn moment_result(op: BinaryOp, left: Ty, right: Ty) -> Option<Ty> {
    match (op, left, right) {
        (BinaryOp::Add | BinaryOp::Sub, Ty::Tod | Ty::Dt, Ty::Time) => Some(left),
        (BinaryOp::Sub, Ty::Date | Ty::Tod | Ty::Dt, other) if other == left => Some(Ty::Time),
        _ => None,
    }
}

/// The function that computes an operation on ULINT, whose values need all 64 bits.
pub(super) fn unsigned_operation(op: BinaryOp, ty: Ty) -> Option<Fn2> {
    if ty != Ty::Ulint {
        return None;
    }
    Some(match op {
        BinaryOp::Add => Fn2::AddU,
        BinaryOp::Sub => Fn2::SubU,
        BinaryOp::Mul => Fn2::MulU,
        BinaryOp::Div => Fn2::DivU,
        BinaryOp::Mod => Fn2::ModU,
        _ => return None,
    })
}

fn operation(op: BinaryOp, ty: Ty, d: Slot, a: Slot, b: Slot) -> Instr {
    let int = ty.int_ty();
    match (op, ty) {
        (BinaryOp::Add, Ty::Real) => Instr::AddF { d, a, b },
        (BinaryOp::Sub, Ty::Real) => Instr::SubF { d, a, b },
        (BinaryOp::Mul, Ty::Real) => Instr::MulF { d, a, b },
        (BinaryOp::Div, Ty::Real) => Instr::DivF { d, a, b },
        (BinaryOp::Add, Ty::Lreal) => Instr::AddD { d, a, b },
        (BinaryOp::Sub, Ty::Lreal) => Instr::SubD { d, a, b },
        (BinaryOp::Mul, Ty::Lreal) => Instr::MulD { d, a, b },
        (BinaryOp::Div, Ty::Lreal) => Instr::DivD { d, a, b },
        (BinaryOp::Add, _) => Instr::AddI { ty: int, d, a, b },
        (BinaryOp::Sub, _) => Instr::SubI { ty: int, d, a, b },
        (BinaryOp::Mul, _) => Instr::MulI { ty: int, d, a, b },
        (BinaryOp::Mod, _) => Instr::ModI { ty: int, d, a, b },
        (BinaryOp::And, _) => Instr::And { d, a, b },
        (BinaryOp::Or, _) => Instr::Or { d, a, b },
        (BinaryOp::Xor, _) => Instr::Xor { d, a, b },
        _ => Instr::DivI { ty: int, d, a, b },
    }
}

fn op_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "MOD",
        BinaryOp::And => "AND",
        BinaryOp::Or => "OR",
        BinaryOp::Xor => "XOR",
        _ => "the operator",
    }
}
