//! Reads and writes from outside: Modbus tables and memory areas, with their protections.

use sim_record::SimTime;
use sim_wire::device::{Area, BitTable, DeviceError, WordTable};

use super::Plc;
use super::config::{KeyPosition, ModbusRange, Table};
use super::event::{ForceTarget, PlcEventKind, WriteTarget};
use crate::memory::MemoryLayout;

/// Channels and Modbus ranges resolved to bytes of memory.
#[derive(Debug)]
pub(super) struct Wiring {
    pub input_words_at: usize,
    pub input_bits_at: usize,
    pub output_words_at: usize,
    pub output_bits_at: usize,
    /// Bits of memory that show the key in REMOTE and in PROGRAM.
    pub key_bits: Option<(usize, usize)>,
    pub ranges: Vec<Mapped>,
    /// Byte in memory of a word, its smallest and its largest value.
    pub checks: Vec<(u32, u16, u16)>,
}

/// A Modbus range with its place in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped {
    table: Table,
    start: u32,
    count: u32,
    area: Area,
    /// First bit for tables of bits, first byte for tables of words, in the whole memory.
    pub at: u32,
}

impl Mapped {
    /// Finds the memory of a range; `None` where it is empty or reaches outside its area or the table.
    pub fn resolve(layout: &MemoryLayout, range: &ModbusRange) -> Option<Self> {
        let (area_at, length) = layout.span(range.area)?;
        let last = range.offset.checked_add(range.count.checked_sub(1)?)?;
        let at = match range.table {
            Table::Bits(_) if last / 8 < length => {
                area_at.checked_mul(8)?.checked_add(range.offset)?
            }
            Table::Bits(_) => return None,
            Table::Words(_) => {
                layout.word_offset(range.area, last)?;
                area_at.checked_add(layout.word_offset(range.area, range.offset)?)?
            }
        };
        let in_table = u32::from(range.start).checked_add(range.count)? <= 0x1_0000;
        in_table.then_some(Self {
            table: range.table,
            start: u32::from(range.start),
            count: range.count,
            area: range.area,
            at,
        })
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.table == other.table
            && self.start < other.start + other.count
            && other.start < self.start + self.count
    }
}

impl Wiring {
    /// The range that holds an address, and how far into it the address lies.
    pub fn find(&self, table: Table, address: u32) -> Option<(&Mapped, u32)> {
        let range = self
            .ranges
            .iter()
            .find(|r| r.table == table && address >= r.start && address - r.start < r.count)?;
        Some((range, address - range.start))
    }

    /// Calls `visit(offset in the request, place in memory, elements, area)` for each run of memory behind a request.
    fn runs(
        &self,
        table: Table,
        start: u16,
        count: usize,
        mut visit: impl FnMut(usize, usize, usize, Area),
    ) -> Result<(), DeviceError> {
        let unit = if matches!(table, Table::Bits(_)) {
            1
        } else {
            2
        };
        let mut done = 0_usize;
        while done < count {
            let address = u32::try_from(done)
                .ok()
                .and_then(|n| u32::from(start).checked_add(n))
                .ok_or(DeviceError::BadAddress)?;
            let (range, distance) = self.find(table, address).ok_or(DeviceError::BadAddress)?;
            let n = (count - done).min((range.count - distance) as usize);
            visit(done, (range.at + distance * unit) as usize, n, range.area);
            done += n;
        }
        Ok(())
    }
}

impl Plc {
    /// May anything be written from outside now?
    pub(super) fn write_gate(&self) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        if self.config.key_gates_writes && self.key != KeyPosition::Remote {
            return Err(DeviceError::WriteRefused);
        }
        Ok(())
    }

    pub(super) fn is_wired(&self, target: ForceTarget) -> bool {
        match target {
            ForceTarget::InputBit(i) => i < self.config.input_bits,
            ForceTarget::InputWord(i) => i < self.config.input_words,
            ForceTarget::OutputBit(i) => i < self.config.output_bits,
            ForceTarget::OutputWord(i) => i < self.config.output_words,
        }
    }

    pub(super) fn bits_from(
        &self,
        table: BitTable,
        start: u16,
        out: &mut [bool],
    ) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let count = out.len();
        self.wiring
            .runs(Table::Bits(table), start, count, |offset, at, n, _| {
                for (i, bit) in out.iter_mut().skip(offset).take(n).enumerate() {
                    *bit = self
                        .memory
                        .get((at + i) / 8)
                        .is_some_and(|byte| byte >> ((at + i) % 8) & 1 == 1);
                }
            })
    }

    pub(super) fn words_from(
        &self,
        table: WordTable,
        start: u16,
        out: &mut [u16],
    ) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let count = out.len();
        self.wiring
            .runs(Table::Words(table), start, count, |offset, at, n, _| {
                let bytes = self.memory.get(at..at + 2 * n).unwrap_or_default();
                for (word, pair) in out.iter_mut().skip(offset).zip(bytes.as_chunks::<2>().0) {
                    *word = u16::from_be_bytes(*pair);
                }
            })
    }

    pub(super) fn bytes_from(
        &self,
        area: Area,
        offset: u32,
        out: &mut [u8],
    ) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let source = match self.s7.data(area) {
            Some(block) => part(block.len(), offset, out.len()).and_then(|at| block.get(at)),
            None => self.memory.get(self.area_bytes(area, offset, out.len())?),
        };
        out.copy_from_slice(source.ok_or(DeviceError::BadAddress)?);
        Ok(())
    }

    fn area_bytes(
        &self,
        area: Area,
        offset: u32,
        count: usize,
    ) -> Result<std::ops::Range<usize>, DeviceError> {
        if self.s7.lacks(area) {
            return Err(DeviceError::BadAddress);
        }
        let (start, length) = self
            .config
            .layout
            .span(area)
            .ok_or(DeviceError::BadAddress)?;
        let end = (offset as usize)
            .checked_add(count)
            .filter(|end| *end <= length as usize);
        let start = start as usize;
        end.map(|end| start + offset as usize..start + end)
            .ok_or(DeviceError::BadAddress)
    }

    /// Writes coils, all or none, and reports a refusal.
    pub(super) fn coils_to(
        &mut self,
        now: SimTime,
        start: u16,
        values: &[bool],
    ) -> Result<(), DeviceError> {
        let table = Table::Bits(BitTable::Coils);
        let outcome = self.check_modbus(table, start, values.len());
        if outcome.is_ok() {
            let memory = &mut self.memory;
            self.wiring
                .runs(table, start, values.len(), |offset, at, n, _| {
                    for (i, value) in values.iter().skip(offset).take(n).enumerate() {
                        if let Some(byte) = memory.get_mut((at + i) / 8) {
                            let mask = 1_u8 << ((at + i) % 8);
                            *byte = if *value { *byte | mask } else { *byte & !mask };
                        }
                    }
                })?;
        }
        self.refused(
            now,
            WriteTarget::Modbus(table),
            u32::from(start),
            values.len(),
            outcome,
        )
    }

    /// Writes holding registers, all or none, and reports a refusal.
    pub(super) fn words_to(
        &mut self,
        now: SimTime,
        start: u16,
        values: &[u16],
    ) -> Result<(), DeviceError> {
        let table = Table::Words(WordTable::HoldingRegisters);
        let mut outcome = self.check_modbus(table, start, values.len());
        if outcome.is_ok() && !self.wiring.checks.is_empty() {
            let mut in_range = true;
            self.wiring
                .runs(table, start, values.len(), |offset, at, n, _| {
                    let new = |i: usize| {
                        values
                            .get(offset + i / 2)
                            .and_then(|word| word.to_be_bytes().get(i % 2).copied())
                    };
                    in_range &= self.passes_checks(at, 2 * n, new);
                })?;
            if !in_range {
                outcome = Err(DeviceError::BadValue);
            }
        }
        if outcome.is_ok() {
            let memory = &mut self.memory;
            self.wiring
                .runs(table, start, values.len(), |offset, at, n, _| {
                    let target = memory.get_mut(at..at + 2 * n).unwrap_or_default();
                    for (pair, word) in target
                        .as_chunks_mut::<2>()
                        .0
                        .iter_mut()
                        .zip(values.iter().skip(offset))
                    {
                        *pair = word.to_be_bytes();
                    }
                })?;
        }
        self.refused(
            now,
            WriteTarget::Modbus(table),
            u32::from(start),
            values.len(),
            outcome,
        )
    }

    /// Writes bytes of an area, all or none, and reports a refusal.
    pub(super) fn bytes_to(
        &mut self,
        now: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        if self.s7.data(area).is_some() {
            let outcome = self.write_gate().and_then(|()| {
                let block = self.s7.data_mut(area).ok_or(DeviceError::BadAddress)?;
                let at = part(block.len(), offset, bytes.len());
                let target = at.and_then(|at| block.get_mut(at));
                target
                    .ok_or(DeviceError::BadAddress)?
                    .copy_from_slice(bytes);
                Ok(())
            });
            return self.refused(now, WriteTarget::Area(area), offset, bytes.len(), outcome);
        }
        let outcome = self.write_gate().and_then(|()| {
            let range = self.area_bytes(area, offset, bytes.len())?;
            // An S7 CPU takes it, until its next scan reads the terminals again.
            if area == Area::Input && self.config.s7.is_none() {
                return Err(DeviceError::WriteRefused);
            }
            if !self.passes_checks(range.start, bytes.len(), |i| bytes.get(i).copied()) {
                return Err(DeviceError::BadValue);
            }
            if self.touches_read_only(&range) {
                Err(DeviceError::WriteRefused)
            } else {
                Ok(range)
            }
        });
        let outcome = outcome.and_then(|range| {
            self.memory
                .get_mut(range)
                .ok_or(DeviceError::BadAddress)?
                .copy_from_slice(bytes);
            Ok(())
        });
        self.refused(now, WriteTarget::Area(area), offset, bytes.len(), outcome)
    }

    /// Key, existence, area and read-only ranges of a Modbus write.
    fn check_modbus(&self, table: Table, start: u16, count: usize) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let mut writable = true;
        self.wiring.runs(table, start, count, |_, _, _, area| {
            writable &= area != Area::Input
        })?;
        let (from, to) = (
            u32::from(start),
            u32::from(start).saturating_add(u32::try_from(count).unwrap_or(u32::MAX)),
        );
        let read_only = self.config.read_only.iter().any(|r| {
            r.table == table
                && from < u32::from(r.start).saturating_add(r.count)
                && u32::from(r.start) < to
        });
        self.write_gate()?;
        if writable && !read_only {
            Ok(())
        } else {
            Err(DeviceError::WriteRefused)
        }
    }

    /// True if the bytes `at..at + count`, which get the values `new`, stay inside all range checks.
    fn passes_checks(&self, at: usize, count: usize, new: impl Fn(usize) -> Option<u8>) -> bool {
        let overlapping = self.wiring.checks.iter().filter(|(byte, _, _)| {
            let byte = *byte as usize;
            byte + 2 > at && byte < at + count
        });
        overlapping.into_iter().all(|(byte, min, max)| {
            let value = |i: usize| {
                i.checked_sub(at)
                    .filter(|i| *i < count)
                    .map_or_else(|| self.memory.get(i).copied(), &new)
            };
            let byte = *byte as usize;
            match (value(byte), value(byte + 1)) {
                (Some(high), Some(low)) => (*min..=*max).contains(&u16::from_be_bytes([high, low])),
                _ => false,
            }
        })
    }

    /// True if a write of these bytes reaches memory behind a read-only Modbus range.
    fn touches_read_only(&self, bytes: &std::ops::Range<usize>) -> bool {
        self.config.read_only.iter().any(|range| {
            let mut hit = false;
            let bits = matches!(range.table, Table::Bits(_));
            // Parts of a read-only range that the map lacks protect nothing.
            let _ = self.wiring.runs(
                range.table,
                range.start,
                range.count as usize,
                |_, at, n, _| {
                    let (from, to) = if bits {
                        (at / 8, (at + n).div_ceil(8))
                    } else {
                        (at, at + 2 * n)
                    };
                    hit |= bytes.start < to && from < bytes.end;
                },
            );
            hit
        })
    }

    fn refused(
        &mut self,
        now: SimTime,
        target: WriteTarget,
        start: u32,
        count: usize,
        outcome: Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        if let Err(reason) = outcome {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.event(
                now,
                PlcEventKind::WriteRefused {
                    target,
                    start,
                    count,
                    reason,
                },
            );
        }
        outcome
    }
}

/// So many bytes from an offset of a block of that length; `None` where it is shorter.
fn part(length: usize, offset: u32, count: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(count).filter(|end| *end <= length)?;
    Some(start..end)
}
