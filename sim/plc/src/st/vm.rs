//! Executes bytecode over slots and memory. Nothing here allocates.
#![allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::neg_cmp_op_on_partial_ord,
    reason = "slots are untyped 64-bit words; each cast reads the width that the compiler has checked; \
              comparisons are exact and false for NaN, as IEEE 754 says"
)]

use super::blocks::Cycle;
use super::fault::FaultKind;
use super::instr::{Instr, Pc};
use super::numeric::{
    binary, convert, div_d, div_f, div_i, f32_of, f64_of, fit, i64_of, lreal, mod_i, real, unary,
};
use super::text;

/// Calls nested deeper than this are a fault.
pub(crate) const MAX_CALL_DEPTH: usize = 64;

/// Instructions that a function of texts counts as: about the time of copying one of the longest.
const TEXT_COST: u64 = 16;

/// Bounds of one array dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dim {
    pub low: i64,
    pub extent: u32,
}

impl Dim {
    /// Distance of `index` from the lower bound.
    #[inline]
    fn offset(self, index: i64) -> Result<u64, FaultKind> {
        let offset = index.wrapping_sub(self.low).cast_unsigned();
        if offset < u64::from(self.extent) {
            Ok(offset)
        } else {
            Err(FaultKind::BadIndex)
        }
    }
}

/// The parts of a program that execution needs.
#[derive(Clone, Copy)]
pub(crate) struct Code<'a> {
    pub instructions: &'a [Instr],
    pub dims: &'a [Dim],
}

/// Runs from `entry` until its RET. `budget` counts instructions down across calls of one scan.
/// On a fault the index of the instruction comes with it.
pub(crate) fn run(
    code: Code<'_>,
    entry: Pc,
    slots: &mut [u64],
    memory: &mut [u8],
    cycle: Cycle,
    budget: &mut u64,
) -> Result<(), (FaultKind, usize)> {
    let mut pc = usize::from(entry);
    let mut left = *budget;
    let result = execute(code, &mut pc, slots, memory, cycle, &mut left);
    *budget = left;
    // `pc` already points behind the instruction.
    result.map_err(|kind| (kind, pc.saturating_sub(1)))
}

#[allow(
    clippy::too_many_lines,
    reason = "one arm an instruction; splitting the match would cost a second dispatch"
)]
fn execute(
    code: Code<'_>,
    pc: &mut usize,
    slots: &mut [u64],
    memory: &mut [u8],
    cycle: Cycle,
    left: &mut u64,
) -> Result<(), FaultKind> {
    let mut stack = [0_u16; MAX_CALL_DEPTH];
    let mut depth = 0_usize;
    macro_rules! get {
        ($slot:expr) => {
            slots[usize::from($slot)]
        };
    }
    macro_rules! int {
        ($slot:expr) => {
            i64_of(get!($slot))
        };
    }
    macro_rules! compare {
        ($d:expr, $holds:expr) => {
            get!($d) = u64::from($holds)
        };
    }
    macro_rules! jump_unless {
        ($holds:expr, $to:expr) => {
            if !$holds {
                *pc = usize::from($to);
            }
        };
    }
    macro_rules! float {
        ($check:ident, $of:ident, $d:expr, $a:expr, $op:tt, $b:expr) => {{
            let (a, b) = ($of(get!($a)), $of(get!($b)));
            get!($d) = $check(a $op b, a, b)?;
        }};
    }
    loop {
        let Some(instruction) = code.instructions.get(*pc) else {
            return Ok(());
        };
        *pc += 1;
        if *left == 0 {
            return Err(FaultKind::Watchdog);
        }
        *left -= 1;
        match *instruction {
            Instr::Mov { d, a } => get!(d) = get!(a),
            Instr::Copy { d, a, n } => {
                let a = usize::from(a);
                slots.copy_within(a..a + usize::from(n), usize::from(d));
                *left = left.saturating_sub(u64::from(n) / 8);
            }
            Instr::AddI { ty, d, a, b } => get!(d) = fit(ty, int!(a).checked_add(int!(b)))?,
            Instr::SubI { ty, d, a, b } => get!(d) = fit(ty, int!(a).checked_sub(int!(b)))?,
            Instr::MulI { ty, d, a, b } => get!(d) = fit(ty, int!(a).checked_mul(int!(b)))?,
            Instr::DivI { ty, d, a, b } => get!(d) = div_i(ty, get!(a), get!(b))?,
            Instr::ModI { ty, d, a, b } => get!(d) = mod_i(ty, get!(a), get!(b))?,
            Instr::AddF { d, a, b } => float!(real, f32_of, d, a, +, b),
            Instr::SubF { d, a, b } => float!(real, f32_of, d, a, -, b),
            Instr::MulF { d, a, b } => float!(real, f32_of, d, a, *, b),
            Instr::DivF { d, a, b } => get!(d) = div_f(f32_of(get!(a)), f32_of(get!(b)))?,
            Instr::AddD { d, a, b } => float!(lreal, f64_of, d, a, +, b),
            Instr::SubD { d, a, b } => float!(lreal, f64_of, d, a, -, b),
            Instr::MulD { d, a, b } => float!(lreal, f64_of, d, a, *, b),
            Instr::DivD { d, a, b } => get!(d) = div_d(f64_of(get!(a)), f64_of(get!(b)))?,
            Instr::And { d, a, b } => get!(d) = get!(a) & get!(b),
            Instr::Or { d, a, b } => get!(d) = get!(a) | get!(b),
            Instr::Xor { d, a, b } => get!(d) = get!(a) ^ get!(b),
            Instr::Not { d, a } => get!(d) = get!(a) ^ 1,
            Instr::EqI { d, a, b } => compare!(d, get!(a) == get!(b)),
            Instr::NeI { d, a, b } => compare!(d, get!(a) != get!(b)),
            Instr::LtI { d, a, b } => compare!(d, int!(a) < int!(b)),
            Instr::LeI { d, a, b } => compare!(d, int!(a) <= int!(b)),
            Instr::EqF { d, a, b } => compare!(d, f32_of(get!(a)) == f32_of(get!(b))),
            Instr::NeF { d, a, b } => compare!(d, f32_of(get!(a)) != f32_of(get!(b))),
            Instr::LtF { d, a, b } => compare!(d, f32_of(get!(a)) < f32_of(get!(b))),
            Instr::LeF { d, a, b } => compare!(d, f32_of(get!(a)) <= f32_of(get!(b))),
            Instr::EqD { d, a, b } => compare!(d, f64_of(get!(a)) == f64_of(get!(b))),
            Instr::NeD { d, a, b } => compare!(d, f64_of(get!(a)) != f64_of(get!(b))),
            Instr::LtD { d, a, b } => compare!(d, f64_of(get!(a)) < f64_of(get!(b))),
            Instr::LeD { d, a, b } => compare!(d, f64_of(get!(a)) <= f64_of(get!(b))),
            Instr::Jump { to } => *pc = usize::from(to),
            Instr::JumpNot { a, to } => jump_unless!((get!(a) != 0), to),
            Instr::JumpNotEqI { a, b, to } => jump_unless!((get!(a) == get!(b)), to),
            Instr::JumpNotNeI { a, b, to } => jump_unless!((get!(a) != get!(b)), to),
            Instr::JumpNotLtI { a, b, to } => jump_unless!((int!(a) < int!(b)), to),
            Instr::JumpNotLeI { a, b, to } => jump_unless!((int!(a) <= int!(b)), to),
            Instr::JumpNotLtF { a, b, to } => jump_unless!((f32_of(get!(a)) < f32_of(get!(b))), to),
            Instr::JumpNotLeF { a, b, to } => {
                jump_unless!((f32_of(get!(a)) <= f32_of(get!(b))), to)
            }
            Instr::LoadBit { d, at } => {
                get!(d) = u64::from(memory[at as usize / 8] >> (at % 8) & 1)
            }
            Instr::Load8 { d, at } => get!(d) = u64::from(memory[at as usize]),
            Instr::LoadS8 { d, at } => {
                get!(d) = i64::from(memory[at as usize].cast_signed()).cast_unsigned()
            }
            Instr::Load16 { d, at } => get!(d) = u64::from(u16::from_be_bytes(load(memory, at))),
            Instr::LoadS16 { d, at } => {
                get!(d) = i64::from(i16::from_be_bytes(load(memory, at))).cast_unsigned()
            }
            Instr::Load32 { d, at } => get!(d) = u64::from(u32::from_be_bytes(load(memory, at))),
            Instr::LoadS32 { d, at } => {
                get!(d) = i64::from(i32::from_be_bytes(load(memory, at))).cast_unsigned()
            }
            Instr::Load64 { d, at } => get!(d) = u64::from_be_bytes(load(memory, at)),
            Instr::StoreBit { a, at } => {
                let byte = &mut memory[at as usize / 8];
                let mask = 1_u8 << (at % 8);
                *byte = if get!(a) != 0 {
                    *byte | mask
                } else {
                    *byte & !mask
                };
            }
            Instr::Store8 { a, at } => memory[at as usize] = get!(a) as u8,
            Instr::Store16 { a, at } => store(memory, at, (get!(a) as u16).to_be_bytes()),
            Instr::Store32 { a, at } => store(memory, at, (get!(a) as u32).to_be_bytes()),
            Instr::Store64 { a, at } => store(memory, at, get!(a).to_be_bytes()),
            Instr::IndexFirst { d, a, dim } => {
                get!(d) = code.dims[usize::from(dim)].offset(int!(a))?
            }
            Instr::Index { d, a, dim } => {
                let dim = code.dims[usize::from(dim)];
                let offset = dim.offset(int!(a))?;
                get!(d) = get!(d)
                    .wrapping_mul(u64::from(dim.extent))
                    .wrapping_add(offset);
            }
            Instr::LoadAt { d, base, i } => get!(d) = slots[usize::from(base) + get!(i) as usize],
            Instr::StoreAt { a, base, i } => slots[usize::from(base) + get!(i) as usize] = get!(a),
            Instr::Convert { how, d, a } => get!(d) = convert(how, get!(a))?,
            Instr::Unary { f, d, a } => get!(d) = unary(f, get!(a))?,
            Instr::Binary { f, d, a, b } => get!(d) = binary(f, get!(a), get!(b))?,
            Instr::Call { to } => {
                let Some(frame) = stack.get_mut(depth) else {
                    return Err(FaultKind::CallDepth);
                };
                *frame = *pc as u16;
                depth += 1;
                *pc = usize::from(to);
            }
            Instr::Ret => {
                if depth == 0 {
                    return Ok(());
                }
                depth -= 1;
                *pc = usize::from(stack[depth]);
            }
            Instr::CopyAt { d, a, n } => {
                let (a, d) = (get!(a) as usize, get!(d) as usize);
                slots.copy_within(a..a + usize::from(n), d);
                *left = left.saturating_sub(u64::from(n) / 8);
            }
            Instr::CheckRange { a, low, high } => {
                if !(int!(low)..=int!(high)).contains(&int!(a)) {
                    return Err(FaultKind::Overflow);
                }
            }
            Instr::Text { f, d, a, b } => {
                text::run(f, slots, d, a, b)?;
                *left = left.saturating_sub(TEXT_COST);
            }
            Instr::TextConvert { how, d, a } => {
                text::convert(how, slots, d, a)?;
                *left = left.saturating_sub(TEXT_COST);
            }
            Instr::Block { kind, base } => kind.call(&mut slots[usize::from(base)..], cycle)?,
        }
    }
}

#[inline]
fn load<const N: usize>(memory: &[u8], at: u32) -> [u8; N] {
    let at = at as usize;
    let mut bytes = [0; N];
    bytes.copy_from_slice(&memory[at..at + N]);
    bytes
}

#[inline]
fn store<const N: usize>(memory: &mut [u8], at: u32, bytes: [u8; N]) {
    let at = at as usize;
    memory[at..at + N].copy_from_slice(&bytes);
}
