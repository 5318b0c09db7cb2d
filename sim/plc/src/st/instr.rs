//! The bytecode: register instructions over absolute slots, eight bytes each.
//!
//! IEC 61131-3 allows no recursion, so every variable of every instance has a fixed slot and function block bodies
//! are compiled once per instance. No instruction needs a frame.

use super::types::IntTy;

/// Index of a slot.
pub(crate) type Slot = u16;
/// Index of an instruction.
pub(crate) type Pc = u16;

/// One instruction. `d` is the destination, `a` and `b` are operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instr {
    Mov {
        d: Slot,
        a: Slot,
    },
    /// Copies `n` slots.
    Copy {
        d: Slot,
        a: Slot,
        n: u16,
    },
    AddI {
        ty: IntTy,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    SubI {
        ty: IntTy,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    MulI {
        ty: IntTy,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    DivI {
        ty: IntTy,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    ModI {
        ty: IntTy,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    AddF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    SubF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    MulF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    DivF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    AddD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    SubD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    MulD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    DivD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    And {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Or {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Xor {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    /// Logical complement of a BOOL.
    Not {
        d: Slot,
        a: Slot,
    },
    EqI {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    NeI {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LtI {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LeI {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    EqF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    NeF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LtF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LeF {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    EqD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    NeD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LtD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    LeD {
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Jump {
        to: Pc,
    },
    /// Jumps where `a` is FALSE.
    JumpNot {
        a: Slot,
        to: Pc,
    },
    /// Jumps unless the comparison holds.
    JumpNotEqI {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    JumpNotNeI {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    JumpNotLtI {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    JumpNotLeI {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    JumpNotLtF {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    JumpNotLeF {
        a: Slot,
        b: Slot,
        to: Pc,
    },
    /// Loads of memory; `at` is a byte offset, of a bit eight times the byte plus the bit.
    LoadBit {
        d: Slot,
        at: u32,
    },
    Load8 {
        d: Slot,
        at: u32,
    },
    LoadS8 {
        d: Slot,
        at: u32,
    },
    Load16 {
        d: Slot,
        at: u32,
    },
    LoadS16 {
        d: Slot,
        at: u32,
    },
    Load32 {
        d: Slot,
        at: u32,
    },
    LoadS32 {
        d: Slot,
        at: u32,
    },
    Load64 {
        d: Slot,
        at: u32,
    },
    StoreBit {
        a: Slot,
        at: u32,
    },
    Store8 {
        a: Slot,
        at: u32,
    },
    Store16 {
        a: Slot,
        at: u32,
    },
    Store32 {
        a: Slot,
        at: u32,
    },
    Store64 {
        a: Slot,
        at: u32,
    },
    /// `d = a - low` with the bounds of dimension `dim`.
    IndexFirst {
        d: Slot,
        a: Slot,
        dim: u16,
    },
    /// `d = d * extent + (a - low)` with the bounds of dimension `dim`.
    Index {
        d: Slot,
        a: Slot,
        dim: u16,
    },
    /// `d = slots[base + slots[i]]`.
    LoadAt {
        d: Slot,
        base: Slot,
        i: Slot,
    },
    /// `slots[base + slots[i]] = a`.
    StoreAt {
        a: Slot,
        base: Slot,
        i: Slot,
    },
    Convert {
        how: Convert,
        d: Slot,
        a: Slot,
    },
    Unary {
        f: Fn1,
        d: Slot,
        a: Slot,
    },
    Binary {
        f: Fn2,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Call {
        to: Pc,
    },
    Ret,
    /// Copies `n` slots between the places whose numbers are in `d` and `a`.
    CopyAt {
        d: Slot,
        a: Slot,
        n: u16,
    },
    /// Faults unless `low <= a <= high`.
    CheckRange {
        a: Slot,
        low: Slot,
        high: Slot,
    },
    /// A function of texts; see [`TextFn`] for its operands.
    Text {
        f: TextFn,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    /// A conversion between a text and a number.
    TextConvert {
        how: TextConvert,
        d: Slot,
        a: Slot,
    },
    /// Runs a standard function block on the instance at `base`.
    Block {
        kind: super::blocks::StdBlock,
        base: Slot,
    },
}

// Half the instructions of a program share a cache line with the other half only if they stay this small.
const _: () = assert!(size_of::<Instr>() == 8);

/// Conversions between types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convert {
    /// Integer to integer with a range check.
    Check(IntTy),
    /// ULINT to a signed or smaller integer with a range check.
    CheckUnsigned(IntTy),
    /// Keeps the low bits: 8, 16, 32 or 64.
    Low(u8),
    /// Keeps the low bits and extends their sign: 8, 16 or 32.
    Signed(u8),
    IntToReal,
    IntToLreal,
    UnsignedToReal,
    UnsignedToLreal,
    /// Rounds half to even, then checks the range (IEC 60559 as IEC 61131-3 asks).
    RealToInt(IntTy),
    LrealToInt(IntTy),
    /// Cuts the fraction, then checks the range.
    TruncReal(IntTy),
    TruncLreal(IntTy),
    RealToLreal,
    LrealToReal,
    /// Anything but zero is TRUE.
    IntToBool,
    RealToBool,
    LrealToBool,
    /// Milliseconds.
    TimeToMs(IntTy),
    TimeToMsReal,
    TimeToMsLreal,
    MsToTime,
    MsRealToTime,
    MsLrealToTime,
    /// Seconds of a DATE, DT or, in OpenPLC's dialect, TIME or TOD.
    UsToS,
    UsToSReal,
    UsToSLreal,
    /// Seconds as microseconds inside the range of the type.
    SToUs(IntTy),
    SRealToUs(IntTy),
    SLrealToUs(IntTy),
    /// Midnight of the day.
    DayOf,
    /// Time since midnight.
    TimeOfDay,
    /// Day of the week, 0 is Sunday.
    Weekday,
    /// Binary coded decimal with this number of digits.
    FromBcd,
    ToBcd(u8),
}

/// Functions of texts. `d`, `a` and `b` are slots; a text operand is a slot that holds a reference (see `text`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFn {
    /// Text `d` becomes text `a`.
    Copy,
    /// `d` is TRUE if the comparison of texts `a` and `b` holds.
    Eq,
    Ne,
    Lt,
    Le,
    /// `d` is the length of text `a`.
    Len,
    /// `d` is the place of text `b` in text `a`, from 1; 0 where it is not.
    Find,
    /// Text `d` becomes the first or last `b` characters of text `a`.
    Left,
    Right,
    /// Text `d` becomes text `a` followed by text `b`.
    Concat,
    /// Text `d` becomes a part of text `a`; length and place are in `b` and behind it.
    Mid,
    Delete,
    /// Text `d` becomes text `a` with another in it; in `b` and behind are the other text and the place.
    Insert,
    /// As `Insert`; in `b` and behind are the other text, the length to replace and the place.
    Replace,
}

/// Conversions of text `a` to number `d` and of number `a` to text `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextConvert {
    FromBool,
    FromInt,
    FromUnsigned,
    /// `16#` and as many hexadecimal digits as 4 bits each need.
    FromBits(u8),
    FromReal,
    FromLreal,
    FromTime,
    FromDate,
    FromTod,
    FromDt,
    ToBool,
    ToInt(IntTy),
    ToReal,
    ToLreal,
    ToTime,
    ToDate,
    ToTod,
    ToDt,
}

/// Functions of one operand. The suffixes name the operand: I integer, F REAL, D LREAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fn1 {
    NegI(IntTy),
    AbsI(IntTy),
    NegF,
    NegD,
    AbsF,
    AbsD,
    /// Complement of a bit string of 8, 16, 32 or 64 bits.
    NotBits(u8),
    SqrtF,
    SqrtD,
    LnF,
    LnD,
    LogF,
    LogD,
    ExpF,
    ExpD,
    SinF,
    SinD,
    CosF,
    CosD,
    TanF,
    TanD,
    AsinF,
    AsinD,
    AcosF,
    AcosD,
    AtanF,
    AtanD,
}

/// Functions of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fn2 {
    MinI,
    MaxI,
    MinF,
    MaxF,
    MinD,
    MaxD,
    PowF,
    PowD,
    Atan2F,
    Atan2D,
    /// Left shift in 64 bits; the width is cut off afterwards.
    Shl,
    Shr,
    /// Rotations of a bit string of 8, 16, 32 or 64 bits.
    Rol8,
    Rol16,
    Rol32,
    Rol64,
    Ror8,
    Ror16,
    Ror32,
    Ror64,
    /// ULINT; the comparisons also serve LWORD.
    AddU,
    SubU,
    MulU,
    DivU,
    ModU,
    MinU,
    MaxU,
    LtU,
    LeU,
    /// Time by a number.
    TimeMulI,
    TimeMulF,
    TimeMulD,
    TimeDivI,
    TimeDivF,
    TimeDivD,
}

impl Instr {
    /// The slot an expression's last instruction writes, so that an assignment can redirect it.
    pub fn destination_mut(&mut self) -> Option<&mut Slot> {
        match self {
            Self::Mov { d, .. }
            | Self::AddI { d, .. }
            | Self::SubI { d, .. }
            | Self::MulI { d, .. }
            | Self::DivI { d, .. }
            | Self::ModI { d, .. }
            | Self::AddF { d, .. }
            | Self::SubF { d, .. }
            | Self::MulF { d, .. }
            | Self::DivF { d, .. }
            | Self::AddD { d, .. }
            | Self::SubD { d, .. }
            | Self::MulD { d, .. }
            | Self::DivD { d, .. }
            | Self::And { d, .. }
            | Self::Or { d, .. }
            | Self::Xor { d, .. }
            | Self::Not { d, .. }
            | Self::EqI { d, .. }
            | Self::NeI { d, .. }
            | Self::LtI { d, .. }
            | Self::LeI { d, .. }
            | Self::EqF { d, .. }
            | Self::NeF { d, .. }
            | Self::LtF { d, .. }
            | Self::LeF { d, .. }
            | Self::EqD { d, .. }
            | Self::NeD { d, .. }
            | Self::LtD { d, .. }
            | Self::LeD { d, .. }
            | Self::LoadBit { d, .. }
            | Self::Load8 { d, .. }
            | Self::LoadS8 { d, .. }
            | Self::Load16 { d, .. }
            | Self::LoadS16 { d, .. }
            | Self::Load32 { d, .. }
            | Self::LoadS32 { d, .. }
            | Self::Load64 { d, .. }
            | Self::LoadAt { d, .. }
            | Self::Convert { d, .. }
            | Self::Unary { d, .. }
            | Self::Binary { d, .. } => Some(d),
            _ => None,
        }
    }

    /// Sets the target of a jump or call.
    pub fn set_target(&mut self, target: Pc) {
        match self {
            Self::Jump { to }
            | Self::JumpNot { to, .. }
            | Self::JumpNotEqI { to, .. }
            | Self::JumpNotNeI { to, .. }
            | Self::JumpNotLtI { to, .. }
            | Self::JumpNotLeI { to, .. }
            | Self::JumpNotLtF { to, .. }
            | Self::JumpNotLeF { to, .. }
            | Self::Call { to } => *to = target,
            _ => {}
        }
    }

    /// The jump that is taken unless this comparison holds, with its target still open.
    pub fn as_jump_unless(self) -> Option<Self> {
        let to = 0;
        Some(match self {
            Self::EqI { a, b, .. } => Self::JumpNotEqI { a, b, to },
            Self::NeI { a, b, .. } => Self::JumpNotNeI { a, b, to },
            Self::LtI { a, b, .. } => Self::JumpNotLtI { a, b, to },
            Self::LeI { a, b, .. } => Self::JumpNotLeI { a, b, to },
            Self::LtF { a, b, .. } => Self::JumpNotLtF { a, b, to },
            Self::LeF { a, b, .. } => Self::JumpNotLeF { a, b, to },
            _ => return None,
        })
    }
}
