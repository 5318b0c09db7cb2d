//! Whole state of a controller as bytes: digest, save, restore.

use std::collections::{BTreeMap, VecDeque};

use sim_record::SimTime;
use sim_wire::device::{DiagnosticEvent, Mode};

use super::blocks::S7State;
use super::config::KeyPosition;
use super::event::ForceTarget;
use super::{MAX_DIAGNOSTICS, MAX_FORCES, Plc, Stored, Task};
use crate::st::MAX_SOURCE_BYTES;

/// First byte of a saved state.
const FORMAT: u8 = 1;
/// Longest text of a diagnostics entry in a saved state, in bytes.
const MAX_DIAGNOSTIC_BYTES: usize = 1_024;

/// Why a saved state cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The bytes end early, go on too long or hold an impossible value.
    #[error("the saved state is damaged")]
    Damaged,
    /// The state was saved by another format.
    #[error("the saved state has another format")]
    Format,
    /// The state belongs to a controller of another configuration.
    #[error("the saved state belongs to another configuration")]
    Configuration,
}

impl Plc {
    /// Feeds the whole state to `sink`: mode, key, memory, terminals, variables of every instance, timing, forces,
    /// program hashes and diagnostics. Events that wait to be taken are not state.
    pub fn digest_into(&self, sink: &mut impl FnMut(&[u8])) {
        self.write_state(&mut |bytes| sink(bytes), |stored, sink| sink(&stored.hash));
    }

    /// The whole state, for [`Plc::restore`] on a controller of the same configuration.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        self.write_state(&mut |bytes| out.extend_from_slice(bytes), |stored, sink| {
            sink(&length(stored.source.len()));
            sink(stored.source.as_bytes());
        });
        out
    }

    /// Takes over a saved state. On an error nothing changes.
    ///
    /// # Errors
    /// See [`RestoreError`].
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        let mut reader = Reader { rest: bytes };
        if reader.u8()? != FORMAT {
            return Err(RestoreError::Format);
        }
        let mut next = self.clone();
        next.read_state(&mut reader)?;
        if !reader.rest.is_empty() {
            return Err(RestoreError::Damaged);
        }
        next.events = VecDeque::new();
        *self = next;
        Ok(())
    }

    fn write_state(
        &self,
        sink: &mut dyn FnMut(&[u8]),
        program: impl Fn(&Stored, &mut dyn FnMut(&[u8])),
    ) {
        let flags = [
            mode_byte(self.mode),
            key_byte(self.key),
            u8::from(self.powered),
            u8::from(self.startup_due),
        ];
        sink(&flags);
        sink(&self.last_scan.0.to_be_bytes());
        sink(&self.scans.to_be_bytes());
        sink(&length(self.memory.len()));
        sink(&self.memory);
        for words in [&self.field.input_words, &self.field.output_words] {
            sink(&length(words.len()));
            words.iter().for_each(|word| sink(&word.to_be_bytes()));
        }
        for bits in [&self.field.input_bits, &self.field.output_bits] {
            sink(&length(bits.len()));
            sink(bits);
        }
        sink(&length(self.tasks.len()));
        for task in &self.tasks {
            sink(&[
                u8::from(task.next_due.is_some()),
                u8::from(task.pending.is_some()),
            ]);
            sink(&task.next_due.unwrap_or_default().0.to_be_bytes());
            program(&task.running, sink);
            if let Some(pending) = &task.pending {
                program(pending, sink);
            }
            sink(&length(task.slots.len()));
            task.slots.iter().for_each(|slot| sink(&slot.to_be_bytes()));
        }
        sink(&length(self.forces.len()));
        for (target, value) in &self.forces {
            let (kind, index) = force_parts(*target);
            sink(&[kind]);
            sink(&index.to_be_bytes());
            sink(&value.to_be_bytes());
        }
        if self.config.s7.is_some() {
            self.s7.write(sink);
        }
        sink(&length(self.diagnostics.len()));
        for event in &self.diagnostics {
            sink(&event.time.0.to_be_bytes());
            sink(&length(event.text.len()));
            sink(event.text.as_bytes());
        }
    }

    fn read_state(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        self.mode = match reader.u8()? {
            0 => Mode::Run,
            1 => Mode::Stop,
            2 => Mode::Fault,
            _ => return Err(RestoreError::Damaged),
        };
        self.key = match reader.u8()? {
            0 => KeyPosition::Run,
            1 => KeyPosition::Remote,
            2 => KeyPosition::Program,
            _ => return Err(RestoreError::Damaged),
        };
        self.powered = reader.flag()?;
        self.startup_due = reader.flag()?;
        self.last_scan = SimTime(reader.u64()?);
        self.scans = reader.u64()?;
        reader.expect_length(self.memory.len())?;
        let saved = reader.take(self.memory.len())?;
        self.memory.copy_from_slice(saved);
        for words in [&mut self.field.input_words, &mut self.field.output_words] {
            reader.expect_length(words.len())?;
            for word in words {
                *word = u16::from_be_bytes(reader.array()?);
            }
        }
        for bits in [&mut self.field.input_bits, &mut self.field.output_bits] {
            reader.expect_length(bits.len())?;
            let saved = reader.take(bits.len())?;
            bits.copy_from_slice(saved);
        }
        reader.expect_length(self.tasks.len())?;
        let layout = self.config.layout.clone();
        for task in &mut self.tasks {
            task.read_state(reader, &layout)?;
        }
        self.read_forces(reader)?;
        if self.config.s7.is_some() {
            self.s7 = S7State::read(reader, self.tasks.len())?;
        }
        self.read_diagnostics(reader)
    }

    fn read_forces(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        self.forces = BTreeMap::new();
        for _ in 0..reader.count(MAX_FORCES)? {
            let kind = reader.u8()?;
            let index = u16::from_be_bytes(reader.array()?);
            let target = match kind {
                0 => ForceTarget::InputBit(index),
                1 => ForceTarget::InputWord(index),
                2 => ForceTarget::OutputBit(index),
                3 => ForceTarget::OutputWord(index),
                _ => return Err(RestoreError::Damaged),
            };
            if !self.is_wired(target) {
                return Err(RestoreError::Configuration);
            }
            self.forces
                .insert(target, u16::from_be_bytes(reader.array()?));
        }
        Ok(())
    }

    fn read_diagnostics(&mut self, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        self.diagnostics = Vec::new();
        for _ in 0..reader.count(MAX_DIAGNOSTICS)? {
            let time = SimTime(reader.u64()?);
            let bytes = reader.count(MAX_DIAGNOSTIC_BYTES)?;
            let text =
                std::str::from_utf8(reader.take(bytes)?).map_err(|_| RestoreError::Damaged)?;
            self.diagnostics.push(DiagnosticEvent {
                time,
                text: text.to_owned(),
            });
        }
        Ok(())
    }
}

impl Task {
    fn read_state(
        &mut self,
        reader: &mut Reader<'_>,
        layout: &crate::memory::MemoryLayout,
    ) -> Result<(), RestoreError> {
        let (has_due, has_pending) = (reader.flag()?, reader.flag()?);
        let due = SimTime(reader.u64()?);
        self.next_due = has_due.then_some(due);
        if let Some(stored) = read_program(reader, &self.running, layout)? {
            self.running = stored;
        }
        self.pending = None;
        if has_pending {
            self.pending = Some(
                read_program(reader, &self.running, layout)?
                    .unwrap_or_else(|| self.running.clone()),
            );
        }
        let slots = self.running.program.init.len();
        reader.expect_length(slots)?;
        self.slots = (0..slots).map(|_| reader.u64()).collect::<Result<_, _>>()?;
        self.running
            .program
            .slots_are_sound(&self.slots)
            .then_some(())
            .ok_or(RestoreError::Damaged)
    }
}

/// Reads a program's text; `None` where it is the same as `current`.
fn read_program(
    reader: &mut Reader<'_>,
    current: &Stored,
    layout: &crate::memory::MemoryLayout,
) -> Result<Option<Stored>, RestoreError> {
    let bytes = reader.count(MAX_SOURCE_BYTES)?;
    let source = std::str::from_utf8(reader.take(bytes)?).map_err(|_| RestoreError::Damaged)?;
    if *source == *current.source {
        return Ok(None);
    }
    Stored::compile(source, layout)
        .map(Some)
        .map_err(|_| RestoreError::Configuration)
}

pub(super) fn length(n: usize) -> [u8; 8] {
    (n as u64).to_be_bytes()
}

fn mode_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Run => 0,
        Mode::Stop => 1,
        Mode::Fault => 2,
    }
}

fn key_byte(key: KeyPosition) -> u8 {
    match key {
        KeyPosition::Run => 0,
        KeyPosition::Remote => 1,
        KeyPosition::Program => 2,
    }
}

fn force_parts(target: ForceTarget) -> (u8, u16) {
    match target {
        ForceTarget::InputBit(i) => (0, i),
        ForceTarget::InputWord(i) => (1, i),
        ForceTarget::OutputBit(i) => (2, i),
        ForceTarget::OutputWord(i) => (3, i),
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], RestoreError> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(RestoreError::Damaged)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(RestoreError::Damaged)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, RestoreError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u64(&mut self) -> Result<u64, RestoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn flag(&mut self) -> Result<bool, RestoreError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RestoreError::Damaged),
        }
    }

    /// A length that may be at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, RestoreError> {
        usize::try_from(self.u64()?)
            .ok()
            .filter(|n| *n <= most)
            .ok_or(RestoreError::Damaged)
    }

    pub(super) fn expect_length(&mut self, n: usize) -> Result<(), RestoreError> {
        if self.u64()? == n as u64 {
            Ok(())
        } else {
            Err(RestoreError::Configuration)
        }
    }
}
