//! A compiled source file: code, initial values and the names of its variables.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::blocks::Cycle;
use super::fault::Fault;
use super::instr::{Instr, Pc, Slot};
use super::numeric::{self, f32_of, f64_of, i64_of, slot_f32, slot_f64, slot_i64};
use super::text;
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

/// Bounds of one dimension and the slots from one element to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SymbolDim {
    pub dim: Dim,
    pub stride: usize,
}

/// A variable, or a member of structures, as the engineering station sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Symbol {
    pub ty: Ty,
    pub place: Place,
    /// Dimensions of all arrays that it is inside, outermost first.
    pub dims: Vec<SymbolDim>,
    /// Slots of one element.
    pub slots: usize,
    /// Limits of a subrange; of a text 0 and its capacity.
    pub range: Option<(i64, i64)>,
    pub constant: bool,
}

impl Symbol {
    fn len(&self) -> usize {
        self.dims
            .iter()
            .fold(1, |n, dim| n * dim.dim.extent as usize)
    }

    /// Distance of element number `index`, in order, from the first.
    fn offset(&self, mut index: usize) -> usize {
        let mut offset = 0;
        for SymbolDim { dim, stride } in self.dims.iter().rev() {
            let extent = dim.extent as usize;
            offset += index % extent * stride;
            index /= extent;
        }
        offset
    }

    /// True if values of the other can be taken over.
    fn is_like(&self, other: &Self) -> bool {
        let bounds = |symbol: &Self| -> Vec<Dim> { symbol.dims.iter().map(|d| d.dim).collect() };
        self.ty == other.ty
            && self.range == other.range
            && self.slots == other.slots
            && bounds(self) == bounds(other)
    }
}

/// A task of a CONFIGURATION.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskPlan {
    pub name: String,
    /// Time from one run to the next; 0 where a trigger starts it.
    pub interval_us: i64,
    /// Smaller ones run first.
    pub priority: i64,
    /// Slot with the instant of the next run, 0 for the next scan. Of a task with a trigger: its last value.
    pub due: Slot,
    pub trigger: Option<Trigger>,
    pub programs: Vec<Pc>,
}

/// Code that computes a BOOL, whose rising edge starts a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub entry: Pc,
    pub value: Slot,
}

impl TaskPlan {
    /// True if the task runs now; then it is next due one interval later, or one from now where it is late.
    fn take_due(&self, slots: &mut [u64], now_us: i64) -> bool {
        let value = self
            .trigger
            .and_then(|t| slots.get(usize::from(t.value)).copied());
        let Some(due) = slots.get_mut(usize::from(self.due)) else {
            return false;
        };
        if let Some(value) = value {
            return std::mem::replace(due, value) == 0 && value != 0;
        }
        let next_us = i64_of(*due);
        if now_us < next_us {
            return false;
        }
        let on_time = next_us.saturating_add(self.interval_us);
        *due = slot_i64(if now_us < on_time && next_us > 0 {
            on_time
        } else {
            now_us.saturating_add(self.interval_us)
        });
        true
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
    pub(crate) tasks: Vec<TaskPlan>,
    /// Slots of literals, which the code relies on.
    pub(crate) fixed: Vec<Range<usize>>,
    pub(crate) symbols: BTreeMap<String, Symbol>,
    /// Program types with a single instance, and its name.
    pub(crate) aliases: BTreeMap<String, String>,
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

    /// Runs what is due: the tasks in the order of their priorities, then the programs without a task in the order of
    /// the file.
    pub(crate) fn run_cyclic(
        &self,
        slots: &mut [u64],
        memory: &mut [u8],
        cycle: Cycle,
        budget: &mut u64,
    ) -> Result<(), Fault> {
        for task in &self.tasks {
            if let Some(trigger) = task.trigger {
                self.run(&[trigger.entry], slots, memory, cycle, budget)?;
            }
            if task.take_due(slots, cycle.now_us) {
                let period_us = cycle.period_us.max(task.interval_us);
                let cycle = Cycle { period_us, ..cycle };
                self.run(&task.programs, slots, memory, cycle, budget)?;
            }
        }
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

    /// True if constants and literals hold their values: a restored state must not change the program.
    pub(crate) fn slots_are_sound(&self, slots: &[u64]) -> bool {
        let mut constants = self.symbols.values().filter(|symbol| symbol.constant);
        let mut fixed = self.fixed.iter();
        slots.len() == self.init.len()
            && fixed.all(|range| slots.get(range.clone()) == self.init.get(range.clone()))
            && constants.all(|symbol| match symbol.place {
                Place::Slot(slot) => (0..symbol.len()).all(|index| {
                    let first = usize::from(slot) + symbol.offset(index);
                    let range = first..first + symbol.slots;
                    slots.get(range.clone()) == self.init.get(range)
                }),
                Place::Memory { .. } => true,
            })
    }

    /// Slots for this program that carry over the values of equally named variables of equal type from `old`, and when
    /// equally named tasks are due.
    pub(crate) fn carry_over(&self, old: &Self, old_slots: &[u64]) -> Vec<u64> {
        let mut slots = self.init.clone();
        for task in &self.tasks {
            let same = |t: &&TaskPlan| t.name == task.name && t.interval_us == task.interval_us;
            let due = old.tasks.iter().find(same).map(|t| usize::from(t.due));
            if let (Some(due), Some(target)) = (
                due.and_then(|due| old_slots.get(due)),
                slots.get_mut(usize::from(task.due)),
            ) {
                *target = *due;
            }
        }
        for (name, symbol) in &self.symbols {
            let Some(before) = old.symbols.get(name) else {
                continue;
            };
            if symbol.constant || before.constant || !before.is_like(symbol) {
                continue;
            }
            let (Place::Slot(from), Place::Slot(to)) = (before.place, symbol.place) else {
                continue;
            };
            for index in 0..symbol.len() {
                let from = usize::from(from) + before.offset(index);
                let to = usize::from(to) + symbol.offset(index);
                if let (Some(source), Some(target)) = (
                    old_slots.get(from..from + symbol.slots),
                    slots.get_mut(to..to + symbol.slots),
                ) {
                    target.copy_from_slice(source);
                }
            }
        }
        slots
    }

    /// Finds `MAIN.LEVEL`, `LEVEL`, `MAIN.T1.ET`, `MAIN.A[3]` or `MAIN.A[3].SPEED` and the element's offset.
    pub(crate) fn find(&self, name: &str) -> Option<(&Symbol, usize)> {
        let name = name.trim().to_ascii_uppercase();
        // A symbol has its name without indices.
        let (mut base, mut indices, mut rest) = (Cow::Borrowed(""), Vec::new(), name.as_str());
        while let Some((before, after)) = rest.split_once('[') {
            let (list, behind) = after.split_once(']')?;
            base += before;
            indices.extend(list.split(','));
            if !(behind.is_empty() || behind.starts_with(['.', '['])) {
                return None;
            }
            rest = behind;
        }
        base += rest;
        let symbol = self.symbol(&base)?;
        if indices.len() != symbol.dims.len() {
            return None;
        }
        let mut offset = 0_usize;
        for (text, SymbolDim { dim, stride }) in indices.into_iter().zip(&symbol.dims) {
            let index = text.trim().parse::<i64>().ok()?.checked_sub(dim.low)?;
            let index = usize::try_from(index)
                .ok()
                .filter(|i| *i < dim.extent as usize)?;
            offset += index * stride;
        }
        Some((symbol, offset))
    }

    fn symbol(&self, name: &str) -> Option<&Symbol> {
        let aliased = || {
            let (program, rest) = name.split_once('.')?;
            let instance = self.aliases.get(program)?;
            self.symbols.get(&format!("{instance}.{rest}"))
        };
        self.symbols
            .get(name)
            .or_else(aliased)
            .or_else(|| self.find_suffix(name))
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

    /// Current text of a STRING.
    pub(crate) fn text(&self, name: &str, slots: &[u64]) -> Option<String> {
        let (symbol, offset) = self.find(name)?;
        let (Place::Slot(slot), Ty::Text) = (symbol.place, symbol.ty) else {
            return None;
        };
        let capacity = u8::try_from(symbol.range?.1).ok()?;
        text::string(slots, usize::from(slot) + offset, capacity)
    }

    /// Current value of a variable, but not of a text; times in seconds, dates in seconds since 1970.
    pub(crate) fn value(&self, name: &str, slots: &[u64], memory: &[u8]) -> Option<f64> {
        let (symbol, offset) = self.find(name)?;
        let bits = match symbol.place {
            Place::Slot(slot) => *slots.get(usize::from(slot) + offset)?,
            Place::Memory { at, size } => extended(read_memory(memory, at, size)?, size, symbol.ty),
        };
        Some(match symbol.ty {
            Ty::Real => f64::from(f32_of(bits)),
            Ty::Lreal => f64_of(bits),
            Ty::Time | Ty::Date | Ty::Tod | Ty::Dt => i64_of(bits) as f64 / 1e6,
            Ty::Ulint | Ty::Lword => bits as f64,
            Ty::Text => return None,
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
        let allowed = |(low, high): (i64, i64)| (low..=high).contains(&i64_of(bits));
        if !symbol.range.is_none_or(allowed) {
            return None;
        }
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
    let (whole, narrow) = (libm::rint(value) as i128, value as f32);
    match ty {
        Ty::Real => narrow.is_finite().then(|| slot_f32(narrow)),
        Ty::Lreal => Some(slot_f64(value)),
        Ty::Text => None,
        Ty::Time | Ty::Date | Ty::Tod | Ty::Dt => {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "saturating is right for a time"
            )]
            let us = libm::rint(value * 1e6) as i64;
            numeric::fit(ty.int_ty(), Some(us)).ok()
        }
        _ => {
            let (low, high) = ty.range();
            if !(low..=high).contains(&whole) {
                return None;
            }
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked right before; the low 64 bits are the slot"
            )]
            Some(whole as u64)
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
