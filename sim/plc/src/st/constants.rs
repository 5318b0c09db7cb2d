//! Values known while compiling: initial values, bounds, labels, and folding.

use super::ast::{BinaryOp, Expr};
use super::codegen::{At, Gen, Val};
use super::error::Pos;
use super::expressions::unsigned_operation;
use super::fault::FaultKind;
use super::instr::Fn2;
use super::numeric::{self, f32_of, f64_of, fit, i64_of, lreal, real, slot_i64};
use super::types::Ty;

impl Gen<'_> {
    /// Value of an expression that must be a constant of type `ty`.
    pub(super) fn constant_of(&mut self, expr: &Expr, ty: Ty) -> Option<u64> {
        let code = self.code_len();
        let value = self.expr(expr, Some(ty));
        let value = self.coerce(value, ty, expr.pos);
        self.discard_code_from(code);
        match value.at {
            At::Const(bits) if value.ty != Ty::Error => Some(bits),
            At::Const(_) => None,
            _ => {
                if value.ty != Ty::Error {
                    self.error(
                        expr.pos,
                        "ST046",
                        "this value must be known when compiling",
                        "use literals and VAR CONSTANT",
                    );
                }
                None
            }
        }
    }

    /// Value of a constant integer expression.
    pub(super) fn constant_int(&mut self, expr: &Expr) -> Option<i64> {
        self.constant_of(expr, Ty::Lint).map(i64_of)
    }
}

/// Computes an arithmetic or bit operation on constants of type `ty`, exactly as the VM would.
pub(super) fn fold(op: BinaryOp, ty: Ty, a: u64, b: u64) -> Result<u64, FaultKind> {
    let (ia, ib) = (i64_of(a), i64_of(b));
    if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) {
        return Ok(match op {
            BinaryOp::And => a & b,
            BinaryOp::Or => a | b,
            _ => a ^ b,
        });
    }
    if let Some(f) = unsigned_operation(op, ty) {
        return numeric::binary(f, a, b);
    }
    if ty == Ty::Real {
        let (a, b) = (f32_of(a), f32_of(b));
        return match op {
            BinaryOp::Add => real(a + b, a, b),
            BinaryOp::Sub => real(a - b, a, b),
            BinaryOp::Mul => real(a * b, a, b),
            BinaryOp::Pow => {
                numeric::binary(Fn2::PowF, u64::from(a.to_bits()), u64::from(b.to_bits()))
            }
            _ => numeric::div_f(a, b),
        };
    }
    if ty.is_real() {
        let (x, y) = (f64_of(a), f64_of(b));
        return match op {
            BinaryOp::Add => lreal(x + y, x, y),
            BinaryOp::Sub => lreal(x - y, x, y),
            BinaryOp::Mul => lreal(x * y, x, y),
            BinaryOp::Pow => numeric::binary(Fn2::PowD, a, b),
            _ => numeric::div_d(x, y),
        };
    }
    let check = ty.int_ty();
    match op {
        BinaryOp::Add => fit(check, ia.checked_add(ib)),
        BinaryOp::Sub => fit(check, ia.checked_sub(ib)),
        BinaryOp::Mul => fit(check, ia.checked_mul(ib)),
        BinaryOp::Mod => numeric::mod_i(check, a, b),
        _ => numeric::div_i(check, a, b),
    }
}

/// Compares constants of type `ty`.
#[allow(
    clippy::float_cmp,
    reason = "comparing REAL values exactly is what the program asks for"
)]
pub(super) fn fold_comparison(op: BinaryOp, ty: Ty, a: u64, b: u64) -> bool {
    fn holds<T: PartialOrd>(op: BinaryOp, a: T, b: T) -> bool {
        match op {
            BinaryOp::Eq => a == b,
            BinaryOp::Ne => a != b,
            BinaryOp::Lt => a < b,
            BinaryOp::Le => a <= b,
            BinaryOp::Gt => a > b,
            _ => a >= b,
        }
    }
    match ty {
        Ty::Real => holds(op, f32_of(a), f32_of(b)),
        Ty::Lreal | Ty::LitReal => holds(op, f64_of(a), f64_of(b)),
        Ty::Ulint | Ty::Lword => holds(op, a, b),
        _ => holds(op, i64_of(a), i64_of(b)),
    }
}

/// A literal as a constant of `ty`, or `None` where it does not fit.
pub(super) fn literal_as(from: Ty, bits: u64, ty: Ty) -> Option<u64> {
    match (from, ty) {
        (Ty::LitInt, Ty::LitReal | Ty::Lreal) => Some(numeric::slot_f64(i64_of(bits) as f64)),
        (Ty::LitInt, Ty::Real) => Some(numeric::slot_f32(i64_of(bits) as f32)),
        (Ty::LitReal, Ty::LitReal | Ty::Lreal) => Some(bits),
        (Ty::LitReal, Ty::Real) => numeric::convert(super::instr::Convert::LrealToReal, bits).ok(),
        (Ty::LitInt, Ty::LitInt | Ty::Lint) => Some(bits),
        (Ty::LitInt, _) if ty.is_int() || ty.is_bits() || ty == Ty::Bool => {
            let (low, high) = ty.range();
            let value = i64_of(bits);
            // A bit string literal may also be meant as the bits of a signed type: 16#FFFF is -1 only by conversion.
            (low..=high)
                .contains(&i128::from(value))
                .then(|| slot_i64(value))
        }
        _ => None,
    }
}

impl Gen<'_> {
    /// Reports an operation on constants that has no result.
    pub(super) fn constant_fault(&mut self, pos: Pos, fault: FaultKind) -> Val {
        self.error(
            pos,
            "ST047",
            format!("{} in a constant expression", fault.text()),
            "change the values",
        );
        Val::ERROR
    }
}
