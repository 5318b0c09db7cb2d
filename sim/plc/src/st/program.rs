//! A compiled source file: code, initial values and the names of its variables.

use std::collections::BTreeMap;
use std::ops::Range;

use super::blocks::Cycle;
use super::fault::Fault;
use super::instr::{Instr, Pc, Slot};
use super::numeric::{f32_of, f64_of, i64_of, slot_f32, slot_f64, slot_i64};
use super::types::Ty;
use super::vm::{self, Code, Dim};
use crate::memory::AccessSize;

/// Name of the program that runs once at start.
pub(crate) const STARTUP: &str = "STARTUP";

/// Where a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Slot(Slot),
    /// Byte offset in memory, of a bit eight times the byte plus the bit.
    Memory {
        at: u32,
        size: AccessSize,
    },
}

/// A variable as the engineering station sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Symbol {
    pub ty: Ty,
    pub place: Place,
    /// Bounds where it is an array; its elements are consecutive slots.
    pub dims: Vec<Dim>,
    pub constant: bool,
}

impl Symbol {
    fn len(&self) -> usize {
        self.dims.iter().fold(1, |n, dim| n * dim.extent as usize)
    }
}

/// Initial value of a located variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocatedInit {
    pub at: u32,
    pub size: AccessSize,
    pub value: u64,
    pub retain: bool,
}

/// Name and type of a variable, for lists of online values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableInfo {
    /// Full name in upper case, such as `MAIN.T1.ET`.
    pub name: String,
    /// Name of its type.
    pub type_name: &'static str,
    /// Number of elements; 1 for what is no array.
    pub elements: usize,
}

/// A compiled source file.
#[derive(Debug)]
pub struct Program {
    pub(crate) code: Vec<Instr>,
    pub(crate) lines: Vec<u32>,
    pub(crate) dims: Vec<Dim>,
    pub(crate) init: Vec<u64>,
    pub(crate) retain: Vec<Range<usize>>,
    pub(crate) located: Vec<LocatedInit>,
    pub(crate) cyclic: Vec<Pc>,
    pub(crate) startup: Vec<Pc>,
    pub(crate) symbols: BTreeMap<String, Symbol>,
    pub(crate) driven_outputs: Vec<(u32, AccessSize)>,
}

impl Program {
    /// Number of instructions.
    #[must_use]
    pub fn instruction_count(&self) -> usize {
        self.code.len()
    }

    /// Elements of the output area that the program writes: first bit (eight times the byte plus the bit) for bits,
    /// first byte otherwise, inside the area. Two files that write one element are two drivers of one output.
    #[must_use]
    pub fn driven_outputs(&self) -> &[(u32, AccessSize)] {
        &self.driven_outputs
    }

    /// Variables in order of their names.
    pub fn variables(&self) -> impl Iterator<Item = VariableInfo> + '_ {
        self.symbols.iter().map(|(name, symbol)| VariableInfo {
            name: name.clone(),
            type_name: symbol.ty.name(),
            elements: symbol.len(),
        })
    }

    /// Runs the cyclic programs once, in the order of the file.
    pub(crate) fn run_cyclic(
        &self,
        slots: &mut [u64],
        memory: &mut [u8],
        cycle: Cycle,
        budget: &mut u64,
    ) -> Result<(), Fault> {
        self.run(&self.cyclic, slots, memory, cycle, budget)
    }

    /// Runs the start-up programs once.
    pub(crate) fn run_startup(
        &self,
        slots: &mut [u64],
        memory: &mut [u8],
        cycle: Cycle,
        budget: &mut u64,
    ) -> Result<(), Fault> {
        self.run(&self.startup, slots, memory, cycle, budget)
    }

    fn run(
        &self,
        entries: &[Pc],
        slots: &mut [u64],
        memory: &mut [u8],
        cycle: Cycle,
        budget: &mut u64,
    ) -> Result<(), Fault> {
        let code = Code {
            instructions: &self.code,
            dims: &self.dims,
        };
        for entry in entries {
            vm::run(code, *entry, slots, memory, cycle, budget).map_err(|(kind, pc)| Fault {
                kind,
                line: self.lines.get(pc).copied().unwrap_or(0),
            })?;
        }
        Ok(())
    }

    /// Values at a restart: initial ones, but RETAIN variables keep those of `old` unless it is cold.
    pub(crate) fn restart_slots(&self, slots: &mut [u64], cold: bool) {
        let mut kept = self.retain.iter().filter(|_| !cold).peekable();
        for (i, (slot, init)) in slots.iter_mut().zip(&self.init).enumerate() {
            while kept.next_if(|range| range.end <= i).is_some() {}
            if !kept.peek().is_some_and(|range| range.contains(&i)) {
                *slot = *init;
            }
        }
    }

    /// True if constants hold their values: a restored state must not change the program.
    pub(crate) fn slots_are_sound(&self, slots: &[u64]) -> bool {
        let mut constants = self.symbols.values().filter(|symbol| symbol.constant);
        slots.len() == self.init.len()
            && constants.all(|symbol| match symbol.place {
                Place::Slot(slot) => {
                    let range = usize::from(slot)..usize::from(slot) + symbol.len();
                    slots.get(range.clone()) == self.init.get(range)
                }
                Place::Memory { .. } => true,
            })
    }

    /// Slots for this program that carry over the values of equally named variables of equal type from `old`.
    pub(crate) fn carry_over(&self, old: &Self, old_slots: &[u64]) -> Vec<u64> {
        let mut slots = self.init.clone();
        for (name, symbol) in &self.symbols {
            let Some(before) = old.symbols.get(name) else {
                continue;
            };
            if symbol.constant
                || before.constant
                || before.ty != symbol.ty
                || before.dims != symbol.dims
            {
                continue;
            }
            let (Place::Slot(from), Place::Slot(to)) = (before.place, symbol.place) else {
                continue;
            };
            let (from, to, n) = (usize::from(from), usize::from(to), symbol.len());
            if let (Some(source), Some(target)) =
                (old_slots.get(from..from + n), slots.get_mut(to..to + n))
            {
                target.copy_from_slice(source);
            }
        }
        slots
    }

    /// Finds `MAIN.LEVEL`, `LEVEL`, `MAIN.T1.ET` or `MAIN.A[3]` and the element's offset.
    pub(crate) fn find(&self, name: &str) -> Option<(&Symbol, usize)> {
        let name = name.trim().to_ascii_uppercase();
        let (base, indices) = match name.split_once('[') {
            Some((base, rest)) => (base, Some(rest.strip_suffix(']')?)),
            None => (name.as_str(), None),
        };
        let symbol = self.symbols.get(base).or_else(|| self.find_suffix(base))?;
        let mut offset = 0_usize;
        let mut dims = symbol.dims.iter();
        for text in indices.iter().flat_map(|list| list.split(',')) {
            let dim = dims.next()?;
            let index = text.trim().parse::<i64>().ok()?.checked_sub(dim.low)?;
            let index = usize::try_from(index)
                .ok()
                .filter(|i| *i < dim.extent as usize)?;
            offset = offset * dim.extent as usize + index;
        }
        dims.next().is_none().then_some((symbol, offset))
    }

    /// The outermost variable whose full name ends in `.name`.
    fn find_suffix(&self, name: &str) -> Option<&Symbol> {
        let matching = self.symbols.iter().filter(|(path, _)| {
            path.strip_suffix(name)
                .is_some_and(|prefix| prefix.ends_with('.'))
        });
        matching
            .min_by_key(|(path, _)| path.bytes().filter(|b| *b == b'.').count())
            .map(|(_, symbol)| symbol)
    }

    /// Current value of a variable; times in seconds.
    pub(crate) fn value(&self, name: &str, slots: &[u64], memory: &[u8]) -> Option<f64> {
        let (symbol, offset) = self.find(name)?;
        let bits = match symbol.place {
            Place::Slot(slot) => *slots.get(usize::from(slot) + offset)?,
            Place::Memory { at, size } => extended(read_memory(memory, at, size)?, size, symbol.ty),
        };
        Some(match symbol.ty {
            Ty::Real => f64::from(f32_of(bits)),
            Ty::Lreal => f64_of(bits),
            Ty::Time => i64_of(bits) as f64 / 1e6,
            _ => i64_of(bits) as f64,
        })
    }

    /// Sets a variable as the engineering station does; `None` where it does not exist, is constant or the value does
    /// not fit.
    pub(crate) fn set_value(
        &self,
        name: &str,
        value: f64,
        slots: &mut [u64],
        memory: &mut [u8],
    ) -> Option<()> {
        let (symbol, offset) = self.find(name)?;
        if symbol.constant || !value.is_finite() {
            return None;
        }
        let bits = slot_from_f64(symbol.ty, value)?;
        match symbol.place {
            Place::Slot(slot) => *slots.get_mut(usize::from(slot) + offset)? = bits,
            Place::Memory { at, size } => write_memory(memory, at, size, bits)?,
        }
        Some(())
    }
}

fn slot_from_f64(ty: Ty, value: f64) -> Option<u64> {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the range is checked right after, the nearest REAL is meant"
    )]
    let (whole, narrow) = (libm::rint(value) as i64, value as f32);
    match ty {
        Ty::Real => narrow.is_finite().then(|| slot_f32(narrow)),
        Ty::Lreal => Some(slot_f64(value)),
        Ty::Time => {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "saturating is right for a time"
            )]
            let us = libm::rint(value * 1e6) as i64;
            Some(slot_i64(us))
        }
        _ => {
            let (low, high) = ty.range();
            (low..=high).contains(&whole).then(|| slot_i64(whole))
        }
    }
}

/// Reads an element without regard to its sign.
pub(crate) fn read_memory(memory: &[u8], at: u32, size: AccessSize) -> Option<u64> {
    let at = at as usize;
    if size == AccessSize::Bit {
        return Some(u64::from(memory.get(at / 8)? >> (at % 8) & 1));
    }
    let bytes = memory.get(at..at.checked_add(size.bytes() as usize)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    )
}

/// Extends the sign of a number that was read from memory.
fn extended(bits: u64, size: AccessSize, ty: Ty) -> u64 {
    if matches!(ty, Ty::Sint | Ty::Int | Ty::Dint | Ty::Enum(_)) {
        let shift = 64 - 8 * size.bytes();
        return slot_i64(i64_of(bits << shift) >> shift);
    }
    bits
}

/// Writes the low bits of a slot to an element.
pub(crate) fn write_memory(memory: &mut [u8], at: u32, size: AccessSize, bits: u64) -> Option<()> {
    let at = at as usize;
    if size == AccessSize::Bit {
        let byte = memory.get_mut(at / 8)?;
        let mask = 1_u8 << (at % 8);
        *byte = if bits & 1 == 1 {
            *byte | mask
        } else {
            *byte & !mask
        };
        return Some(());
    }
    let width = size.bytes() as usize;
    let target = memory.get_mut(at..at.checked_add(width)?)?;
    target.copy_from_slice(bits.to_be_bytes().get(8 - width..)?);
    Some(())
}
