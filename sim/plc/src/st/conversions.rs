//! Conversion functions: `INT_TO_REAL`, `TO_REAL`, `REAL_TRUNC_INT`, BCD, dates, texts.

use super::ast::{Arg, BinaryOp, Name};
use super::codegen::{Gen, Val};
use super::error::Pos;
use super::instr::{Convert, Instr, TextConvert};
use super::types::{IntTy, Ty};

/// What the name of a conversion function says.
#[derive(Clone, Copy, Debug)]
enum Conversion {
    /// `A_TO_B`, and `TO_B` for an operand of any type.
    To(Option<Ty>, Ty),
    /// `A_TRUNC_B`.
    Trunc(Ty, Ty),
    /// `WORD_BCD_TO_UINT`.
    FromBcd(Ty, Ty),
    /// `UINT_TO_BCD_WORD`.
    ToBcd(Ty, Ty),
    /// One step from one type to another.
    Step(Ty, Convert, Ty),
    /// Operator with two operands of these types, which need no conversion.
    Operator(BinaryOp, Ty, Ty),
}

impl Gen<'_> {
    /// Compiles a conversion or a function of dates; `None` where the name is neither.
    pub(super) fn library_conversion(&mut self, name: &Name, args: &[Arg]) -> Option<Val> {
        let conversion = self.conversion_name(&name.text)?;
        let pos = name.pos;
        if let Conversion::Operator(op, left, right) = conversion {
            return Some(self.typed_operator(name, args, (op, left, right)));
        }
        let (want, result) = match conversion {
            Conversion::To(from, to) => (from, to),
            Conversion::Trunc(from, to)
            | Conversion::FromBcd(from, to)
            | Conversion::ToBcd(from, to)
            | Conversion::Step(from, _, to)
            | Conversion::Operator(_, from, to) => (Some(from), to),
        };
        let Some(value) = self.operand(name, args, want) else {
            return Some(Val::ERROR);
        };
        let value = match want {
            Some(from) => self.coerce(value, from, pos),
            None => self.settle(value, pos),
        };
        if value.ty == Ty::Error {
            return Some(Val::ERROR);
        }
        Some(match conversion {
            Conversion::To(..) | Conversion::Operator(..) => self.conversion(value, result, pos),
            Conversion::Trunc(Ty::Real, to) => {
                self.convert(Convert::TruncReal(to.int_ty()), value, to, pos)
            }
            Conversion::Trunc(_, to) => {
                self.convert(Convert::TruncLreal(to.int_ty()), value, to, pos)
            }
            Conversion::FromBcd(_, to) => {
                let number = self.convert(Convert::FromBcd, value, Ty::Ulint, pos);
                self.conversion(number, to, pos)
            }
            Conversion::ToBcd(_, to) => {
                let digits = u8::try_from(to.bit_width() / 4).unwrap_or(16);
                self.convert(Convert::ToBcd(digits), value, to, pos)
            }
            Conversion::Step(_, how, to) => self.convert(how, value, to, pos),
        })
    }

    /// Reads `INT_TO_REAL`, `TO_REAL`, `COLOR_TO_INT` and their like.
    fn conversion_name(&self, name: &str) -> Option<Conversion> {
        if let Some(special) = date_function(name) {
            return Some(special);
        }
        if let Some(to) = name.strip_prefix("TO_") {
            return Some(Conversion::To(None, Ty::named(to)?));
        }
        if let Some((from, to)) = name.split_once("_BCD_TO_") {
            let (from, to) = (Ty::named(from)?, Ty::named(to)?);
            return (from.is_bits() && to.is_int()).then_some(Conversion::FromBcd(from, to));
        }
        if let Some((from, to)) = name.split_once("_TO_BCD_") {
            let (from, to) = (Ty::named(from)?, Ty::named(to)?);
            return (from.is_int() && to.is_bits()).then_some(Conversion::ToBcd(from, to));
        }
        if let Some((from, to)) = name.split_once("_TRUNC_") {
            let (from, to) = (Ty::named(from)?, Ty::named(to)?);
            return (from.is_real() && to.is_int()).then_some(Conversion::Trunc(from, to));
        }
        let (from, to) = name.split_once("_TO_")?;
        let from = Ty::named(from).or_else(|| self.enum_named(from).map(Ty::Enum))?;
        Some(Conversion::To(Some(from), Ty::named(to)?))
    }

    fn conversion(&mut self, value: Val, to: Ty, pos: Pos) -> Val {
        if value.ty == to || value.ty == Ty::Error {
            return value;
        }
        if value.ty == Ty::Text || to == Ty::Text {
            return self.text_conversion(value, to, pos);
        }
        // OpenPLC's library counts seconds where this controller's counts milliseconds.
        let seconds = self.unit.configuration.is_some();
        let Some(steps) = steps(value.ty, to, seconds) else {
            return self.no_conversion(value.ty, to, pos);
        };
        let mut value = value;
        for how in steps.into_iter().flatten() {
            value = self.convert(how, value, to, pos);
            if value.ty == Ty::Error {
                return value;
            }
        }
        Val {
            ty: to,
            direct: false,
            ..value
        }
    }

    fn no_conversion(&mut self, from: Ty, to: Ty, pos: Pos) -> Val {
        let (a, b) = (self.type_name(from), self.type_name(to));
        self.error(
            pos,
            "ST072",
            format!("{a} cannot be converted to {b}"),
            "convert by way of another type",
        );
        Val::ERROR
    }

    fn text_conversion(&mut self, value: Val, to: Ty, pos: Pos) -> Val {
        let is_from = to == Ty::Text;
        let Some(how) = text_step(if is_from { value.ty } else { to }, is_from) else {
            return self.no_conversion(value.ty, to, pos);
        };
        let a = self.slot_of(value);
        if is_from {
            let out = self.text_temp();
            let d = self.constant_slot(out);
            self.emit(Instr::TextConvert { how, d, a });
            return Val::constant(Ty::Text, out);
        }
        self.emit_temp(to, |d| Instr::TextConvert { how, d, a })
    }

    /// `ADD_TIME` and its like: an operator whose operands have fixed types.
    fn typed_operator(&mut self, name: &Name, args: &[Arg], operator: (BinaryOp, Ty, Ty)) -> Val {
        let (op, left_ty, right_ty) = operator;
        let Some(values) = self.exact_operands(name, args, &["IN1", "IN2"]) else {
            return Val::ERROR;
        };
        let [left, right] = values.as_slice() else {
            return Val::ERROR;
        };
        let left = self.coerce(*left, left_ty, name.pos);
        // The factor of a duration may be any number.
        let right = if right_ty == Ty::LitReal {
            *right
        } else {
            self.coerce(*right, right_ty, name.pos)
        };
        if (left_ty, right_ty) == (Ty::Date, Ty::Tod) {
            let left = Val { ty: Ty::Dt, ..left };
            let right = Val {
                ty: Ty::Time,
                ..right
            };
            return self.binary(op, left, right, name.pos);
        }
        self.binary(op, left, right, name.pos)
    }
}

/// The functions of dates and durations in IEC 61131-3 that are no plain conversion.
fn date_function(name: &str) -> Option<Conversion> {
    use Conversion::{Operator, Step};
    Some(match name {
        "DT_TO_DATE" | "DATE_AND_TIME_TO_DATE" => Step(Ty::Dt, Convert::DayOf, Ty::Date),
        "DT_TO_TOD" | "DATE_AND_TIME_TO_TIME_OF_DAY" => Step(Ty::Dt, Convert::TimeOfDay, Ty::Tod),
        "DAY_OF_WEEK" => Step(Ty::Date, Convert::Weekday, Ty::Int),
        "ADD_TIME" => Operator(BinaryOp::Add, Ty::Time, Ty::Time),
        "SUB_TIME" => Operator(BinaryOp::Sub, Ty::Time, Ty::Time),
        "ADD_TOD_TIME" => Operator(BinaryOp::Add, Ty::Tod, Ty::Time),
        "SUB_TOD_TIME" => Operator(BinaryOp::Sub, Ty::Tod, Ty::Time),
        "SUB_TOD_TOD" => Operator(BinaryOp::Sub, Ty::Tod, Ty::Tod),
        "ADD_DT_TIME" => Operator(BinaryOp::Add, Ty::Dt, Ty::Time),
        "SUB_DT_TIME" => Operator(BinaryOp::Sub, Ty::Dt, Ty::Time),
        "SUB_DT_DT" => Operator(BinaryOp::Sub, Ty::Dt, Ty::Dt),
        "SUB_DATE_DATE" => Operator(BinaryOp::Sub, Ty::Date, Ty::Date),
        "CONCAT_DATE_TOD" => Operator(BinaryOp::Add, Ty::Date, Ty::Tod),
        "MULTIME" | "MUL_TIME" => Operator(BinaryOp::Mul, Ty::Time, Ty::LitReal),
        "DIVTIME" | "DIV_TIME" => Operator(BinaryOp::Div, Ty::Time, Ty::LitReal),
        _ => return None,
    })
}

/// How a slot of one type becomes a slot of another: one step or two, or none where its bits stay. Where `seconds` is
/// set, durations and times of day count seconds instead of milliseconds.
fn steps(from: Ty, to: Ty, seconds: bool) -> Option<[Option<Convert>; 2]> {
    let integral =
        |ty: Ty| ty.is_int() || ty.is_bits() || ty == Ty::Bool || matches!(ty, Ty::Enum(_));
    let number = |ty: Ty| ty.is_int() || ty.is_bits() || ty.is_real();
    let in_seconds =
        |ty: Ty| matches!(ty, Ty::Date | Ty::Dt) || seconds && matches!(ty, Ty::Time | Ty::Tod);
    let to_signed = |ty: Ty| {
        ty.is_wide_unsigned()
            .then_some(Convert::CheckUnsigned(IntTy::Lint))
    };
    match (from, to) {
        (from, Ty::Real) if in_seconds(from) => return Some([Some(Convert::UsToSReal), None]),
        (from, Ty::Lreal) if in_seconds(from) => return Some([Some(Convert::UsToSLreal), None]),
        (from, to) if in_seconds(from) && number(to) => {
            let [second, _] = match to {
                Ty::Lint => [None, None],
                to => steps(Ty::Lint, to, seconds)?,
            };
            return Some([Some(Convert::UsToS), second]);
        }
        (Ty::Real, to) if in_seconds(to) => {
            return Some([Some(Convert::SRealToUs(to.int_ty())), None]);
        }
        (Ty::Lreal, to) if in_seconds(to) => {
            return Some([Some(Convert::SLrealToUs(to.int_ty())), None]);
        }
        (from, to) if in_seconds(to) && number(from) => {
            return Some([to_signed(from), Some(Convert::SToUs(to.int_ty()))]);
        }
        (from, to) if from.is_wide_unsigned() && to == Ty::Time => {
            return Some([to_signed(from), Some(Convert::MsToTime)]);
        }
        // A time of day counts milliseconds, as a duration does.
        (Ty::Tod, to) if number(to) => return steps(Ty::Time, to, seconds),
        (from, Ty::Tod) if number(from) => {
            // A number too large for any duration is too large for a time of day as well.
            let [first, second] = steps(from, Ty::Time, seconds)?;
            return Some([second.or(first), Some(Convert::Check(IntTy::Tod))]);
        }
        _ => {}
    }
    let wide = from.is_wide_unsigned();
    let step = match (from, to) {
        (Ty::Real, Ty::Lreal) => Convert::RealToLreal,
        (Ty::Lreal, Ty::Real) => Convert::LrealToReal,
        (Ty::Real, Ty::Bool) => Convert::RealToBool,
        (Ty::Lreal, Ty::Bool) => Convert::LrealToBool,
        (Ty::Real, Ty::Time) => Convert::MsRealToTime,
        (Ty::Lreal, Ty::Time) => Convert::MsLrealToTime,
        (Ty::Time, Ty::Real) => Convert::TimeToMsReal,
        (Ty::Time, Ty::Lreal) => Convert::TimeToMsLreal,
        (Ty::Time, to) if to.is_int() || to.is_bits() => Convert::TimeToMs(to.int_ty()),
        (from, Ty::Time) if from.is_int() || from.is_bits() => Convert::MsToTime,
        (Ty::Real, to) if to.is_int() || to.is_bits() => Convert::RealToInt(to.int_ty()),
        (Ty::Lreal, to) if to.is_int() || to.is_bits() => Convert::LrealToInt(to.int_ty()),
        (_, Ty::Real) if wide => Convert::UnsignedToReal,
        (_, Ty::Lreal) if wide => Convert::UnsignedToLreal,
        (from, Ty::Real) if integral(from) => Convert::IntToReal,
        (from, Ty::Lreal) if integral(from) => Convert::IntToLreal,
        (from, Ty::Bool) if integral(from) => Convert::IntToBool,
        (from, to) if integral(from) && to.is_bits() => {
            Convert::Low(u8::try_from(to.bit_width()).unwrap_or(64))
        }
        // The bits of a bit string, read as a signed number where the width is the same or smaller.
        (from, Ty::Sint) if from.is_bits() => Convert::Signed(8),
        (from, Ty::Int) if from.is_bits() && from != Ty::Byte => Convert::Signed(16),
        (Ty::Dword | Ty::Lword, Ty::Dint) => Convert::Signed(32),
        (Ty::Lword, Ty::Lint | Ty::Ulint) => return Some([None, None]),
        (from, to) if integral(from) && to.is_int() => {
            if from.widens_to(to) {
                return Some([None, None]);
            } else if wide {
                Convert::CheckUnsigned(to.int_ty())
            } else {
                Convert::Check(to.int_ty())
            }
        }
        _ => return None,
    };
    Some([Some(step), None])
}

/// Conversion between a text and a type.
fn text_step(ty: Ty, is_from: bool) -> Option<TextConvert> {
    use TextConvert as T;
    let (from, to) = match ty {
        Ty::Bool => (T::FromBool, T::ToBool),
        Ty::Ulint => (T::FromUnsigned, T::ToInt(IntTy::Ulint)),
        Ty::Real => (T::FromReal, T::ToReal),
        Ty::Lreal => (T::FromLreal, T::ToLreal),
        Ty::Time => (T::FromTime, T::ToTime),
        Ty::Date => (T::FromDate, T::ToDate),
        Ty::Tod => (T::FromTod, T::ToTod),
        Ty::Dt => (T::FromDt, T::ToDt),
        ty if ty.is_bits() => (
            T::FromBits(u8::try_from(ty.bit_width()).unwrap_or(64)),
            T::ToInt(ty.int_ty()),
        ),
        ty if ty.is_int() => (T::FromInt, T::ToInt(ty.int_ty())),
        Ty::Enum(_) if is_from => (T::FromInt, T::FromInt),
        _ => return None,
    };
    Some(if is_from { from } else { to })
}
