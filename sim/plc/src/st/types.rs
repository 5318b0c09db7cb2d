//! Elementary types, their ranges and implicit widening.

use crate::memory::AccessSize;

/// Type of a scalar value. Values live in 64-bit slots: integers and times sign-extended (ULINT and LWORD use all
/// 64 bits), REAL as `f32` bits, LREAL as `f64` bits, BOOL as 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ty {
    Bool,
    Byte,
    Word,
    Dword,
    Sint,
    Usint,
    Int,
    Uint,
    Dint,
    Udint,
    Lint,
    Ulint,
    Lword,
    Real,
    Lreal,
    /// Microseconds.
    Time,
    /// Microseconds since 1970-01-01 at midnight.
    Date,
    /// Microseconds since midnight.
    Tod,
    /// Microseconds since 1970-01-01.
    Dt,
    /// A text; its value is a reference, see `text`.
    Text,
    /// Index into the table of enumerations.
    Enum(u16),
    /// Integer literal, which takes the type of its surroundings.
    LitInt,
    /// Real literal, which takes the type of its surroundings.
    LitReal,
    /// Already reported; agrees with everything.
    Error,
}

/// Range of the checked integer types; the discriminant indexes [`RANGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum IntTy {
    Sint,
    Usint,
    Int,
    Uint,
    Dint,
    Udint,
    /// LINT and TIME.
    Lint,
    /// ULINT and LWORD. Checks take signed numbers; sums and products of two ULINT are functions of their own.
    Ulint,
    /// Time of day.
    Tod,
    /// DATE and DT.
    Date,
}

/// Smallest and largest value of each [`IntTy`].
pub(crate) const RANGES: [(i64, i64); 10] = [
    (-128, 127),
    (0, 255),
    (-32_768, 32_767),
    (0, 65_535),
    (-2_147_483_648, 2_147_483_647),
    (0, 4_294_967_295),
    (i64::MIN, i64::MAX),
    (0, i64::MAX),
    (0, super::dates::DAY_US - 1),
    (0, super::dates::LAST_US),
];

/// Types with a name in the language.
const NAMED: [(&str, Ty); 23] = [
    ("BOOL", Ty::Bool),
    ("BYTE", Ty::Byte),
    ("WORD", Ty::Word),
    ("DWORD", Ty::Dword),
    ("SINT", Ty::Sint),
    ("USINT", Ty::Usint),
    ("INT", Ty::Int),
    ("UINT", Ty::Uint),
    ("DINT", Ty::Dint),
    ("UDINT", Ty::Udint),
    ("LINT", Ty::Lint),
    ("REAL", Ty::Real),
    ("LREAL", Ty::Lreal),
    ("TIME", Ty::Time),
    ("ULINT", Ty::Ulint),
    ("LWORD", Ty::Lword),
    ("STRING", Ty::Text),
    ("DATE", Ty::Date),
    ("TOD", Ty::Tod),
    ("DT", Ty::Dt),
    ("TIME_OF_DAY", Ty::Tod),
    ("DATE_AND_TIME", Ty::Dt),
    ("LTIME", Ty::Time),
];

impl Ty {
    pub fn named(name: &str) -> Option<Self> {
        NAMED
            .iter()
            .find(|(text, _)| *text == name)
            .map(|(_, ty)| *ty)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Enum(_) => "an enumeration",
            Self::LitInt => "an integer",
            Self::LitReal => "a real number",
            Self::Error => "an unknown type",
            other => NAMED
                .iter()
                .find(|(_, ty)| *ty == other)
                .map_or("", |(text, _)| *text),
        }
    }

    pub fn is_int(self) -> bool {
        matches!(
            self,
            Self::Sint
                | Self::Usint
                | Self::Int
                | Self::Uint
                | Self::Dint
                | Self::Udint
                | Self::Lint
                | Self::Ulint
                | Self::LitInt
        )
    }

    pub fn is_real(self) -> bool {
        matches!(self, Self::Real | Self::Lreal | Self::LitReal)
    }

    pub fn is_num(self) -> bool {
        self.is_int() || self.is_real()
    }

    /// BYTE, WORD, DWORD, LWORD.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Byte | Self::Word | Self::Dword | Self::Lword)
    }

    /// Width of a bit string in bits.
    pub fn bit_width(self) -> u32 {
        match self {
            Self::Bool => 1,
            Self::Byte => 8,
            Self::Word => 16,
            Self::Lword => 64,
            _ => 32,
        }
    }

    /// The range check of results of this type.
    pub fn int_ty(self) -> IntTy {
        match self {
            Self::Sint => IntTy::Sint,
            Self::Usint | Self::Byte => IntTy::Usint,
            Self::Int | Self::Enum(_) => IntTy::Int,
            Self::Uint | Self::Word => IntTy::Uint,
            Self::Dint => IntTy::Dint,
            Self::Udint | Self::Dword => IntTy::Udint,
            Self::Ulint | Self::Lword => IntTy::Ulint,
            Self::Tod => IntTy::Tod,
            Self::Date | Self::Dt => IntTy::Date,
            _ => IntTy::Lint,
        }
    }

    /// Smallest and largest value an integer or bit string can hold.
    pub fn range(self) -> (i128, i128) {
        match self {
            Self::Bool => (0, 1),
            Self::Ulint | Self::Lword => (0, i128::from(u64::MAX)),
            other => {
                let (low, high) = RANGES
                    .get(other.int_ty() as usize)
                    .copied()
                    .unwrap_or((0, 0));
                (i128::from(low), i128::from(high))
            }
        }
    }

    /// True for types whose values use all 64 bits without a sign.
    pub fn is_wide_unsigned(self) -> bool {
        matches!(self, Self::Ulint | Self::Lword)
    }

    /// DATE, TOD and DT.
    pub fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::Tod | Self::Dt)
    }

    /// True if a value of `self` may stand where `target` is wanted without a conversion function
    /// (IEC 61131-3, implicit type conversion: only where no value is lost).
    pub fn widens_to(self, target: Self) -> bool {
        use Ty::{
            Byte, Dint, Dword, Int, Lint, Lreal, Lword, Real, Sint, Udint, Uint, Ulint, Usint, Word,
        };
        if self == target || self == Self::Error || target == Self::Error {
            return true;
        }
        match self {
            Byte => matches!(target, Word | Dword | Lword),
            Word => matches!(target, Dword | Lword),
            Dword => matches!(target, Lword),
            Sint => matches!(target, Int | Dint | Lint | Real | Lreal),
            Usint => matches!(
                target,
                Int | Uint | Dint | Udint | Lint | Ulint | Real | Lreal
            ),
            Int => matches!(target, Dint | Lint | Real | Lreal),
            Uint => matches!(target, Dint | Udint | Lint | Ulint | Real | Lreal),
            Dint => matches!(target, Lint | Lreal),
            Udint => matches!(target, Lint | Ulint | Lreal),
            Real => matches!(target, Lreal),
            _ => false,
        }
    }

    /// Smallest type to which both widen, or `None`.
    pub fn common(a: Self, b: Self) -> Option<Self> {
        if a == Self::Error || b == Self::Error {
            return Some(Self::Error);
        }
        const ORDER: [Ty; 14] = [
            Ty::Byte,
            Ty::Word,
            Ty::Dword,
            Ty::Lword,
            Ty::Sint,
            Ty::Usint,
            Ty::Int,
            Ty::Uint,
            Ty::Dint,
            Ty::Udint,
            Ty::Lint,
            Ty::Ulint,
            Ty::Real,
            Ty::Lreal,
        ];
        if a == b {
            return Some(a);
        }
        ORDER
            .into_iter()
            .find(|t| a.widens_to(*t) && b.widens_to(*t))
    }

    /// True if a value of this type can be located at an address of `size`.
    pub fn fits(self, size: AccessSize) -> bool {
        match size {
            AccessSize::Bit => self == Self::Bool,
            AccessSize::Byte => matches!(self, Self::Byte | Self::Sint | Self::Usint),
            AccessSize::Word => matches!(self, Self::Word | Self::Int | Self::Uint | Self::Enum(_)),
            AccessSize::Dword => {
                matches!(self, Self::Dword | Self::Dint | Self::Udint | Self::Real)
            }
            AccessSize::Lword => {
                matches!(self, Self::Lint | Self::Ulint | Self::Lword | Self::Lreal)
            }
        }
    }
}
