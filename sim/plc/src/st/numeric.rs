//! Arithmetic and conversions on 64-bit slots, shared by the VM and by the compiler's constant folding, so that both
//! agree on every bit.
#![allow(
    clippy::cast_possible_truncation,
    reason = "slots are untyped 64-bit words; each cast reads the width that the compiler has checked"
)]

use super::dates::{DAY_US, SECOND_US};
use super::fault::FaultKind;
use super::instr::{Convert, Fn1, Fn2};
use super::types::{IntTy, RANGES};

type Outcome = Result<u64, FaultKind>;

/// REAL from a slot.
#[inline]
pub(crate) fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// LREAL from a slot.
#[inline]
pub(crate) fn f64_of(bits: u64) -> f64 {
    f64::from_bits(bits)
}

#[inline]
pub(crate) fn i64_of(bits: u64) -> i64 {
    bits.cast_signed()
}

#[inline]
pub(crate) fn slot_i64(value: i64) -> u64 {
    value.cast_unsigned()
}

/// Slot of a REAL; every NaN has the same bits, because IEEE 754 leaves its sign and payload to the machine.
#[inline]
pub(crate) fn slot_f32(value: f32) -> u64 {
    u64::from(if value.is_nan() {
        f32::NAN.to_bits() & 0x7fff_ffff
    } else {
        value.to_bits()
    })
}

/// Slot of an LREAL, with one NaN.
#[inline]
pub(crate) fn slot_f64(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits() & 0x7fff_ffff_ffff_ffff
    } else {
        value.to_bits()
    }
}

/// Checks an integer result against its type.
#[inline]
pub(crate) fn fit(ty: IntTy, value: Option<i64>) -> Outcome {
    let (low, high) = RANGES[ty as usize];
    match value {
        Some(value) if value >= low && value <= high => Ok(slot_i64(value)),
        _ => Err(FaultKind::Overflow),
    }
}

#[inline]
pub(crate) fn div_i(ty: IntTy, a: u64, b: u64) -> Outcome {
    if b == 0 {
        return Err(FaultKind::DivisionByZero);
    }
    fit(ty, i64_of(a).checked_div(i64_of(b)))
}

#[inline]
pub(crate) fn mod_i(ty: IntTy, a: u64, b: u64) -> Outcome {
    if b == 0 {
        return Err(FaultKind::DivisionByZero);
    }
    fit(ty, Some(i64_of(a).checked_rem(i64_of(b)).unwrap_or(0)))
}

/// A REAL result. Finite operands with a result beyond the range fault; NaN and infinities that came in from outside
/// pass through.
#[inline]
pub(crate) fn real(result: f32, a: f32, b: f32) -> Outcome {
    if result.is_finite() {
        Ok(u64::from(result.to_bits()))
    } else {
        not_finite(a.is_finite() && b.is_finite(), slot_f32(result))
    }
}

/// An LREAL result, by the rule of [`real`].
#[inline]
pub(crate) fn lreal(result: f64, a: f64, b: f64) -> Outcome {
    if result.is_finite() {
        Ok(result.to_bits())
    } else {
        not_finite(a.is_finite() && b.is_finite(), slot_f64(result))
    }
}

#[cold]
fn not_finite(operands_finite: bool, bits: u64) -> Outcome {
    if operands_finite {
        Err(FaultKind::Overflow)
    } else {
        Ok(bits)
    }
}

#[inline]
pub(crate) fn div_f(a: f32, b: f32) -> Outcome {
    if b == 0.0 {
        return Err(FaultKind::DivisionByZero);
    }
    real(a / b, a, b)
}

#[inline]
pub(crate) fn div_d(a: f64, b: f64) -> Outcome {
    if b == 0.0 {
        return Err(FaultKind::DivisionByZero);
    }
    lreal(a / b, a, b)
}

/// Nearest integer, halves to even, checked against `ty`.
fn rounded(ty: IntTy, value: f64) -> Outcome {
    cut(ty, libm::rint(value))
}

fn cut(ty: IntTy, value: f64) -> Outcome {
    // 2^64 and 2^63 are the first values that do not fit; NaN is in no range.
    if ty == IntTy::Ulint && (0.0..18_446_744_073_709_551_616.0).contains(&value) {
        return Ok(value as u64);
    }
    let in_i64 = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if in_i64 {
        fit(ty, Some(value as i64))
    } else {
        Err(FaultKind::BadValue)
    }
    .map_err(|_| FaultKind::BadValue)
}

fn low(width: u8, bits: u64) -> u64 {
    bits & (u64::MAX >> (64 - u32::from(width)))
}

fn signed(width: u8, bits: u64) -> u64 {
    let shift = 64 - u32::from(width);
    slot_i64(i64_of(bits << shift) >> shift)
}

fn from_ms(ms: f64) -> Outcome {
    rounded(IntTy::Lint, ms * 1000.0)
}

/// Converts a slot.
pub(crate) fn convert(how: Convert, a: u64) -> Outcome {
    match how {
        Convert::Check(ty) => fit(ty, Some(i64_of(a))),
        Convert::CheckUnsigned(ty) => fit(ty, i64::try_from(a).ok()),
        Convert::Low(width) => Ok(low(width, a)),
        Convert::Signed(width) => Ok(signed(width, a)),
        Convert::IntToReal => Ok(slot_f32(i64_of(a) as f32)),
        Convert::IntToLreal => Ok(slot_f64(i64_of(a) as f64)),
        Convert::UnsignedToReal => Ok(slot_f32(a as f32)),
        Convert::UnsignedToLreal => Ok(slot_f64(a as f64)),
        Convert::RealToInt(ty) => rounded(ty, f64::from(f32_of(a))),
        Convert::LrealToInt(ty) => rounded(ty, f64_of(a)),
        Convert::TruncReal(ty) => cut(ty, libm::trunc(f64::from(f32_of(a)))),
        Convert::TruncLreal(ty) => cut(ty, libm::trunc(f64_of(a))),
        Convert::RealToLreal => Ok(slot_f64(f64::from(f32_of(a)))),
        Convert::LrealToReal => {
            let value = f64_of(a);
            let narrow = value as f32;
            real(narrow, if value.is_finite() { 0.0 } else { narrow }, 0.0)
        }
        Convert::IntToBool => Ok(u64::from(a != 0)),
        Convert::RealToBool => Ok(u64::from(f32_of(a) != 0.0)),
        Convert::LrealToBool => Ok(u64::from(f64_of(a) != 0.0)),
        Convert::TimeToMs(ty) => fit(ty, Some(i64_of(a) / 1000)),
        Convert::TimeToMsReal => Ok(slot_f32((i64_of(a) as f64 / 1000.0) as f32)),
        Convert::TimeToMsLreal => Ok(slot_f64(i64_of(a) as f64 / 1000.0)),
        Convert::MsToTime => fit(IntTy::Lint, i64_of(a).checked_mul(1000)),
        Convert::MsRealToTime => from_ms(f64::from(f32_of(a))),
        Convert::MsLrealToTime => from_ms(f64_of(a)),
        Convert::UsToS => Ok(slot_i64(i64_of(a).div_euclid(SECOND_US))),
        Convert::UsToSReal => Ok(slot_f32((i64_of(a) as f64 / 1e6) as f32)),
        Convert::UsToSLreal => Ok(slot_f64(i64_of(a) as f64 / 1e6)),
        Convert::SToUs(ty) => fit(ty, i64_of(a).checked_mul(SECOND_US)),
        Convert::SRealToUs(ty) => rounded(ty, f64::from(f32_of(a)) * 1e6),
        Convert::SLrealToUs(ty) => rounded(ty, f64_of(a) * 1e6),
        Convert::DayOf => Ok(slot_i64(
            i64_of(a).div_euclid(DAY_US).saturating_mul(DAY_US),
        )),
        Convert::TimeOfDay => Ok(slot_i64(i64_of(a).rem_euclid(DAY_US))),
        // 1970-01-01 was a Thursday.
        Convert::Weekday => Ok(slot_i64((i64_of(a).div_euclid(DAY_US) + 4).rem_euclid(7))),
        Convert::FromBcd => from_bcd(a),
        Convert::ToBcd(digits) => to_bcd(digits, a),
    }
}

/// Value of binary coded decimal digits; a digit above 9 is a fault of the program.
fn from_bcd(bits: u64) -> Outcome {
    let mut value = 0_u64;
    for digit in (0..16).rev().map(|place| bits >> (4 * place) & 15) {
        if digit > 9 {
            return Err(FaultKind::BadValue);
        }
        value = value * 10 + digit;
    }
    Ok(value)
}

fn to_bcd(digits: u8, value: u64) -> Outcome {
    let (mut rest, mut bits) = (value, 0);
    for place in 0..u32::from(digits.min(16)) {
        bits |= (rest % 10) << (4 * place);
        rest /= 10;
    }
    // A negative number is a large one here.
    if rest == 0 {
        Ok(bits)
    } else {
        Err(FaultKind::Overflow)
    }
}

fn f1(f: fn(f32) -> f32, a: u64) -> Outcome {
    let value = f32_of(a);
    real(f(value), value, 0.0).map_err(|_| FaultKind::BadValue)
}

fn d1(f: fn(f64) -> f64, a: u64) -> Outcome {
    let value = f64_of(a);
    lreal(f(value), value, 0.0).map_err(|_| FaultKind::BadValue)
}

/// Applies a function of one operand.
pub(crate) fn unary(f: Fn1, a: u64) -> Outcome {
    match f {
        Fn1::NegI(ty) => fit(ty, i64_of(a).checked_neg()),
        Fn1::AbsI(ty) => fit(ty, i64_of(a).checked_abs()),
        Fn1::NegF => Ok(slot_f32(-f32_of(a))),
        Fn1::NegD => Ok(slot_f64(-f64_of(a))),
        Fn1::AbsF => Ok(slot_f32(libm::fabsf(f32_of(a)))),
        Fn1::AbsD => Ok(slot_f64(libm::fabs(f64_of(a)))),
        Fn1::NotBits(width) => Ok(low(width, !a)),
        Fn1::SqrtF => f1(libm::sqrtf, a),
        Fn1::SqrtD => d1(libm::sqrt, a),
        Fn1::LnF => f1(libm::logf, a),
        Fn1::LnD => d1(libm::log, a),
        Fn1::LogF => f1(libm::log10f, a),
        Fn1::LogD => d1(libm::log10, a),
        Fn1::ExpF => f1(libm::expf, a),
        Fn1::ExpD => d1(libm::exp, a),
        Fn1::SinF => f1(libm::sinf, a),
        Fn1::SinD => d1(libm::sin, a),
        Fn1::CosF => f1(libm::cosf, a),
        Fn1::CosD => d1(libm::cos, a),
        Fn1::TanF => f1(libm::tanf, a),
        Fn1::TanD => d1(libm::tan, a),
        Fn1::AsinF => f1(libm::asinf, a),
        Fn1::AsinD => d1(libm::asin, a),
        Fn1::AcosF => f1(libm::acosf, a),
        Fn1::AcosD => d1(libm::acos, a),
        Fn1::AtanF => f1(libm::atanf, a),
        Fn1::AtanD => d1(libm::atan, a),
    }
}

fn rotate(width: u8, a: u64, left: u64) -> u64 {
    let width_bits = u64::from(width);
    let left = left % width_bits;
    if left == 0 {
        a
    } else {
        low(width, (a << left) | (a >> (width_bits - left)))
    }
}

/// Applies a function of two operands.
pub(crate) fn binary(f: Fn2, a: u64, b: u64) -> Outcome {
    let (fa, fb) = (f32_of(a), f32_of(b));
    let (da, db) = (f64_of(a), f64_of(b));
    match f {
        Fn2::MinI => Ok(slot_i64(i64_of(a).min(i64_of(b)))),
        Fn2::MaxI => Ok(slot_i64(i64_of(a).max(i64_of(b)))),
        Fn2::MinF => Ok(if fa < fb { a } else { b }),
        Fn2::MaxF => Ok(if fa > fb { a } else { b }),
        Fn2::MinD => Ok(if da < db { a } else { b }),
        Fn2::MaxD => Ok(if da > db { a } else { b }),
        Fn2::PowF => real(libm::powf(fa, fb), fa, fb),
        Fn2::PowD => lreal(libm::pow(da, db), da, db),
        Fn2::Atan2F => real(libm::atan2f(fa, fb), fa, fb),
        Fn2::Atan2D => lreal(libm::atan2(da, db), da, db),
        // A count of the width or more shifts everything out; a negative one is a fault of the program.
        Fn2::Shl => shift_count(b).map(|n| {
            u32::try_from(n)
                .ok()
                .and_then(|n| a.checked_shl(n))
                .unwrap_or(0)
        }),
        Fn2::Shr => shift_count(b).map(|n| {
            u32::try_from(n)
                .ok()
                .and_then(|n| a.checked_shr(n))
                .unwrap_or(0)
        }),
        Fn2::Rol8 => shift_count(b).map(|n| rotate(8, a, n)),
        Fn2::Rol16 => shift_count(b).map(|n| rotate(16, a, n)),
        Fn2::Rol32 => shift_count(b).map(|n| rotate(32, a, n)),
        Fn2::Rol64 => shift_count(b).map(|n| rotate(64, a, n)),
        Fn2::Ror8 => shift_count(b).map(|n| rotate(8, a, 8 - n % 8)),
        Fn2::Ror16 => shift_count(b).map(|n| rotate(16, a, 16 - n % 16)),
        Fn2::Ror32 => shift_count(b).map(|n| rotate(32, a, 32 - n % 32)),
        Fn2::Ror64 => shift_count(b).map(|n| rotate(64, a, 64 - n % 64)),
        Fn2::AddU => a.checked_add(b).ok_or(FaultKind::Overflow),
        Fn2::SubU => a.checked_sub(b).ok_or(FaultKind::Overflow),
        Fn2::MulU => a.checked_mul(b).ok_or(FaultKind::Overflow),
        Fn2::DivU => a.checked_div(b).ok_or(FaultKind::DivisionByZero),
        Fn2::ModU => a.checked_rem(b).ok_or(FaultKind::DivisionByZero),
        Fn2::MinU => Ok(a.min(b)),
        Fn2::MaxU => Ok(a.max(b)),
        Fn2::LtU => Ok(u64::from(a < b)),
        Fn2::LeU => Ok(u64::from(a <= b)),
        Fn2::TimeMulI => fit(IntTy::Lint, i64_of(a).checked_mul(i64_of(b))),
        Fn2::TimeMulF => rounded(IntTy::Lint, i64_of(a) as f64 * f64::from(fb)),
        Fn2::TimeMulD => rounded(IntTy::Lint, i64_of(a) as f64 * db),
        Fn2::TimeDivI => div_i(IntTy::Lint, a, b),
        Fn2::TimeDivF if fb == 0.0 => Err(FaultKind::DivisionByZero),
        Fn2::TimeDivF => rounded(IntTy::Lint, i64_of(a) as f64 / f64::from(fb)),
        Fn2::TimeDivD if db == 0.0 => Err(FaultKind::DivisionByZero),
        Fn2::TimeDivD => rounded(IntTy::Lint, i64_of(a) as f64 / db),
    }
}

fn shift_count(b: u64) -> Outcome {
    if i64_of(b) < 0 {
        Err(FaultKind::BadValue)
    } else {
        Ok(b)
    }
}
