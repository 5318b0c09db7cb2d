//! The program of a controller as the blocks of an S7 CPU.
//!
//! | block | is |
//! |---|---|
//! | OB1, OB35, OB34 to OB30 | the PROGRAM of the first, second, ... program file |
//! | FB, FC | each FUNCTION_BLOCK and FUNCTION, numbered from 1 in the order of files and text |
//! | DB | each data block of the memory layout, with its live bytes |
//!
//! The code of OB, FB and FC is their Structured Text; the CPU compiles it when a block is inserted. The text of an OB
//! is its file without the FBs and FCs, each of which has left a mark such as `{FB1}` in its place.

use std::collections::{BTreeMap, BTreeSet};

use sim_record::SimTime;
use sim_wire::device::{Area, DeviceError, DiagnosticEvent, Mode};
use sim_wire::s7::block::{self, BlockId, BlockInfo, BlockKind, language};
use sim_wire::s7::device::{Level, MemoryService, Protection, S7Device, Selector, StartKind};

use super::config::KeyPosition;
use super::event::{ModeCause, PlcEventKind};
use super::state::{Reader, RestoreError, length};
use super::{Plc, PlcConfig};
use crate::memory::MAX_DATA_BLOCKS;
use crate::st::{self, MAX_SOURCE_BYTES, Section, UnitKind};

/// Numbers of the organization blocks of program files: the cycle, then cyclic interrupts.
const PROGRAM_OBS: [u16; 7] = [1, 35, 34, 33, 32, 31, 30];
/// Blocks that the load memory holds besides those that are linked.
const LOADED_MAX: usize = 32;
/// Data blocks besides those of the memory layout.
const DATA_MAX: usize = 16;
/// Functions and function blocks of a controller.
const UNITS_MAX: usize = 1_024;
/// Blocks of a controller: its units, OBs and DBs.
const BLOCKS_MAX: usize = UNITS_MAX + PROGRAM_OBS.len() + MAX_DATA_BLOCKS + DATA_MAX;

/// What an S7 CPU remembers besides its program.
#[derive(Clone, Debug, Default)]
pub(super) struct S7State {
    /// Numbers of functions and function blocks, by program file and name.
    numbers: BTreeMap<(BlockKind, u16), (usize, String)>,
    /// Load memory: blocks that were downloaded and not inserted.
    loaded: BTreeMap<BlockId, Vec<u8>>,
    /// Data blocks that were loaded besides those of the memory layout.
    data: BTreeMap<u16, Vec<u8>>,
    /// Blocks that were deleted although the program needs them.
    missing: BTreeSet<BlockId>,
    /// When a block was inserted last; others are as old as the project.
    inserted: BTreeMap<BlockId, SimTime>,
    /// How far the clock was set off, microseconds.
    clock_offset_us: i64,
    pub(super) mode_since: SimTime,
    pub(super) diagnosed: u64,
}

impl S7State {
    /// Numbers the units of the program files.
    pub fn new(config: &PlcConfig) -> Self {
        let mut state = Self::default();
        if config.s7.is_none() {
            return state;
        }
        for (file, program) in config.programs.iter().enumerate() {
            for section in st::sections(&program.source) {
                state.number(file, &section);
            }
        }
        state
    }

    /// Gives a unit the next free number of its kind.
    fn number(&mut self, file: usize, section: &Section) {
        let Some(kind) = unit_block(section.kind) else {
            return;
        };
        let next = (1..=u16::MAX).find(|n| !self.numbers.contains_key(&(kind, *n)));
        if let Some(number) = next.filter(|_| self.numbers.len() < UNITS_MAX) {
            self.numbers
                .insert((kind, number), (file, section.name.clone()));
        }
    }

    fn number_of(&self, kind: BlockKind, file: usize, name: &str) -> Option<u16> {
        let mut numbers = self.numbers.iter();
        numbers
            .find(|((k, _), (f, n))| *k == kind && *f == file && n == name)
            .map(|((_, number), _)| *number)
    }

    /// Whether the program has all its blocks.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether an area is a data block that was deleted.
    pub fn lacks(&self, area: Area) -> bool {
        match area {
            Area::DataBlock(number) => {
                let kind = BlockKind::Db;
                self.missing.contains(&BlockId { kind, number })
            }
            _ => false,
        }
    }

    /// The bytes of a data block that the memory layout does not have.
    pub fn data(&self, area: Area) -> Option<&[u8]> {
        let Area::DataBlock(number) = area else {
            return None;
        };
        self.data.get(&number).map(Vec::as_slice)
    }

    /// The same, to write.
    pub fn data_mut(&mut self, area: Area) -> Option<&mut [u8]> {
        let Area::DataBlock(number) = area else {
            return None;
        };
        self.data.get_mut(&number).map(Vec::as_mut_slice)
    }

    /// Notes what status lists tell of an event.
    pub fn note(&mut self, time: SimTime, kind: &PlcEventKind) {
        if matches!(kind, PlcEventKind::ModeChanged { .. }) {
            self.mode_since = time;
        }
    }

    /// The whole state as bytes.
    pub fn write(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&length(self.numbers.len()));
        for ((kind, number), (file, name)) in &self.numbers {
            let (kind, number) = (*kind, *number);
            sink(&BlockId { kind, number }.to_ascii());
            sink(&length(*file));
            sink(&length(name.len()));
            sink(name.as_bytes());
        }
        sink(&length(self.loaded.len()));
        for (id, bytes) in &self.loaded {
            sink(&id.to_ascii());
            sink(&length(bytes.len()));
            sink(bytes);
        }
        sink(&length(self.data.len()));
        for (number, bytes) in &self.data {
            sink(&number.to_be_bytes());
            sink(&length(bytes.len()));
            sink(bytes);
        }
        sink(&length(self.missing.len()));
        self.missing.iter().for_each(|id| sink(&id.to_ascii()));
        sink(&length(self.inserted.len()));
        for (id, time) in &self.inserted {
            sink(&id.to_ascii());
            sink(&time.0.to_be_bytes());
        }
        sink(&self.clock_offset_us.to_be_bytes());
        sink(&self.mode_since.0.to_be_bytes());
        sink(&self.diagnosed.to_be_bytes());
    }

    /// Reads what [`Self::write`] wrote, for a controller with so many program files.
    pub fn read(reader: &mut Reader<'_>, files: usize) -> Result<Self, RestoreError> {
        let mut state = Self::default();
        for _ in 0..reader.count(UNITS_MAX)? {
            let id = read_id(reader)?;
            let file = reader.count(files.saturating_sub(1))?;
            let bytes = reader.count(MAX_SOURCE_BYTES)?;
            let name = std::str::from_utf8(reader.take(bytes)?);
            let name = name.map_err(|_| RestoreError::Damaged)?.to_owned();
            state.numbers.insert((id.kind, id.number), (file, name));
        }
        for _ in 0..reader.count(LOADED_MAX)? {
            let id = read_id(reader)?;
            let bytes = reader.count(block::MAX_BLOCK_BYTES)?;
            state.loaded.insert(id, reader.take(bytes)?.to_vec());
        }
        for _ in 0..reader.count(DATA_MAX)? {
            let number = u16::from_be_bytes(reader.array()?);
            let bytes = reader.count(block::MAX_BLOCK_BYTES)?;
            state.data.insert(number, reader.take(bytes)?.to_vec());
        }
        for _ in 0..reader.count(BLOCKS_MAX)? {
            state.missing.insert(read_id(reader)?);
        }
        for _ in 0..reader.count(BLOCKS_MAX)? {
            let id = read_id(reader)?;
            state.inserted.insert(id, SimTime(reader.u64()?));
        }
        state.clock_offset_us = i64::from_be_bytes(reader.array()?);
        state.mode_since = SimTime(reader.u64()?);
        state.diagnosed = reader.u64()?;
        Ok(state)
    }
}

fn read_id(reader: &mut Reader<'_>) -> Result<BlockId, RestoreError> {
    BlockId::from_ascii(reader.take(7)?).ok_or(RestoreError::Damaged)
}

impl S7Device for Plc {
    fn area_bytes(&self, area: Area) -> Option<u32> {
        if self.s7.lacks(area) {
            return None;
        }
        let loaded = self.s7.data(area);
        let loaded = loaded.and_then(|bytes| u32::try_from(bytes.len()).ok());
        loaded.or_else(|| self.config.layout.span(area).map(|(_, bytes)| bytes))
    }

    fn blocks(&self, kind: BlockKind) -> Vec<(u16, u8)> {
        let language = match kind {
            BlockKind::Db => language::DB,
            _ => language::SCL,
        };
        let numbers = self.block_numbers(kind).into_iter();
        numbers.map(|number| (number, language)).collect()
    }

    fn read_block(&self, id: BlockId) -> Result<Vec<u8>, DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        if self.s7.missing.contains(&id) {
            return Err(DeviceError::BadAddress);
        }
        let (language, name, code) = match id.kind {
            BlockKind::Db => {
                let bytes = S7Device::area_bytes(self, Area::DataBlock(id.number));
                let mut data = vec![0; bytes.ok_or(DeviceError::BadAddress)? as usize];
                self.bytes_from(Area::DataBlock(id.number), 0, &mut data)?;
                (language::DB, String::new(), data)
            }
            _ => {
                let (name, text) = self.unit_text(id).ok_or(DeviceError::BadAddress)?;
                (language::SCL, name, text.into_bytes())
            }
        };
        let mut info = BlockInfo::new(id, language, self.block_time_us(id));
        for (to, from) in info.name.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        block::assemble(&info, &code, &[]).map_err(|_| DeviceError::Failure)
    }

    fn load_block(&mut self, _now: SimTime, id: BlockId, bytes: &[u8]) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let (info, code, _) = block::parts(bytes).map_err(|_| DeviceError::BadValue)?;
        if info.id != id {
            return Err(DeviceError::BadValue);
        }
        match id.kind {
            BlockKind::Db => {
                // One of the layout keeps its length, for the program counts on it.
                let span = self.config.layout.span(Area::DataBlock(id.number));
                if id.number == 0 || span.is_some_and(|(_, bytes)| bytes as usize != code.len()) {
                    return Err(DeviceError::BadValue);
                }
            }
            BlockKind::Ob | BlockKind::Fb | BlockKind::Fc => {
                self.unit_of(id, code)?;
            }
            BlockKind::Sdb | BlockKind::Sfc | BlockKind::Sfb => {
                return Err(DeviceError::NotSupported);
            }
        }
        if self.s7.loaded.len() >= LOADED_MAX && !self.s7.loaded.contains_key(&id) {
            return Err(DeviceError::Failure);
        }
        self.s7.loaded.insert(id, bytes.to_vec());
        Ok(())
    }

    fn insert_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError> {
        let bytes = self.s7.loaded.remove(&id).ok_or(DeviceError::BadAddress)?;
        let (_, code, _) = block::parts(&bytes).map_err(|_| DeviceError::BadValue)?;
        let area = Area::DataBlock(id.number);
        if id.kind == BlockKind::Db && self.config.layout.span(area).is_none() {
            let room = self.s7.data.len() < DATA_MAX || self.s7.data.contains_key(&id.number);
            if !room {
                return Err(DeviceError::Failure);
            }
            self.s7.data.insert(id.number, code.to_vec());
        } else if id.kind == BlockKind::Db {
            let missing = self.s7.missing.remove(&id);
            let written = self.bytes_to(now, area, 0, code);
            if missing && written.is_err() {
                self.s7.missing.insert(id);
            }
            written?;
        } else {
            let (file, unit, text) = self.unit_of(id, code)?;
            let source = self.source_with(file, id, &text);
            let name = self.file_name(file);
            self.download(now, &name, source.as_bytes())?;
            if let Some(unit) = unit {
                self.s7.numbers.insert((id.kind, id.number), (file, unit));
            }
        }
        self.s7.missing.remove(&id);
        self.s7.inserted.insert(id, now);
        self.diagnose(now, format!("block {id} inserted"));
        Ok(())
    }

    fn delete_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        if !self.block_numbers(id.kind).contains(&id.number) {
            return Err(DeviceError::BadAddress);
        }
        self.diagnose(now, format!("block {id} deleted"));
        self.s7.inserted.remove(&id);
        if id.kind == BlockKind::Db && self.s7.data.remove(&id.number).is_some() {
            return Ok(());
        }
        // What nobody calls goes at once; what the program needs is missed at its next call.
        let unit = self.s7.numbers.get(&(id.kind, id.number)).cloned();
        if let Some((file, _)) = unit {
            let source = self.source_with(file, id, "");
            let name = self.file_name(file);
            if self.download(now, &name, source.as_bytes()).is_ok() {
                self.s7.numbers.remove(&(id.kind, id.number));
                return Ok(());
            }
        }
        self.s7.missing.insert(id);
        if self.mode == Mode::Run {
            self.diagnose(
                now,
                format!("{id} not loaded and no OB 121: CPU goes to STOP"),
            );
            self.set_mode(now, Mode::Stop, ModeCause::Fault);
        }
        Ok(())
    }

    fn start(&mut self, now: SimTime, kind: StartKind) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let locked = self.config.key_gates_writes && self.key == KeyPosition::Run;
        if locked || !self.s7.is_complete() {
            return Err(DeviceError::ModeRefused);
        }
        match kind {
            StartKind::Warm => self.warm_restart(now, ModeCause::Request),
            StartKind::Cold => self.cold_restart(now, ModeCause::Request),
        }
        Ok(())
    }

    fn memory_service(&mut self, now: SimTime, service: MemoryService) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let what = match service {
            MemoryService::Compress => {
                self.s7.loaded.clear();
                "memory compressed"
            }
            MemoryService::CopyRamToRom => "RAM copied to ROM",
        };
        self.diagnose(now, what.to_owned());
        Ok(())
    }

    fn clock_us(&self, at: SimTime) -> u64 {
        self.project_us()
            .saturating_add(at.0)
            .saturating_add_signed(self.s7.clock_offset_us)
    }

    fn set_clock_us(&mut self, now: SimTime, unix_us: u64) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        let plain = self.project_us().saturating_add(now.0);
        let off = i128::from(unix_us) - i128::from(plain);
        self.s7.clock_offset_us = i64::try_from(off).map_err(|_| DeviceError::BadValue)?;
        self.diagnose(now, "clock set".to_owned());
        Ok(())
    }

    fn protection(&self) -> Protection {
        let (selector, selector_level) = match self.key {
            KeyPosition::Run => (Selector::Run, Level::ReadOnly),
            KeyPosition::Remote | KeyPosition::Program => (Selector::RunP, Level::Full),
        };
        let s7 = self.config.s7.as_ref();
        let password = s7.and_then(|s7| s7.password.map(|_| s7.password_level));
        Protection {
            selector,
            selector_level,
            password_level: password,
        }
    }

    fn check_password(&self, password: &[u8; 8]) -> bool {
        let known = self.config.s7.as_ref().and_then(|s7| s7.password);
        known.is_some_and(|known| known == *password)
    }

    fn mode_since(&self) -> SimTime {
        self.s7.mode_since
    }

    fn diagnostics_total(&self) -> u64 {
        self.s7.diagnosed
    }

    fn event_id(&self, event: &DiagnosticEvent) -> u16 {
        let text = event.text.as_str();
        let known = EVENTS.iter().find(|(words, _)| text.contains(words));
        known.map_or(USER_EVENT, |(_, id)| *id)
    }

    fn work_memory_used(&self) -> u32 {
        let sources = self.config.programs.iter();
        let texts = sources.filter_map(|p| self.program_source(&p.file_name));
        let bytes = texts.map(str::len).sum::<usize>();
        let data = self.config.layout.data_blocks.iter();
        let data = data.fold(0_u32, |sum, (_, bytes)| sum.saturating_add(*bytes));
        u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_add(data)
    }
}

/// Event ids of diagnostics entries by their words (*System Software for S7-300/400*, tables of event ids).
const EVENTS: [(&str, u16); 11] = [
    ("not loaded", 0x4562),
    ("FAULT", 0x4562),
    ("to STOP", 0x4304),
    ("cold restart", 0x1383),
    ("warm restart", 0x1381),
    ("power on", 0x1382),
    ("power off", 0x4308),
    ("watchdog", 0x3501),
    ("clock set", 0x4579),
    ("key switch", 0x4303),
    ("refused", 0x2530),
];
/// Event id of an entry of the user's own (event class A).
const USER_EVENT: u16 = 0xA001;

impl Plc {
    /// Numbers of the linked blocks of a kind, ascending.
    fn block_numbers(&self, kind: BlockKind) -> Vec<u16> {
        let mut numbers: Vec<u16> = match kind {
            BlockKind::Ob => {
                let programs = PROGRAM_OBS.iter().take(self.config.programs.len());
                programs.copied().collect()
            }
            BlockKind::Db => {
                let blocks = self.config.layout.data_blocks.iter();
                let own = blocks.map(|(number, _)| *number);
                own.chain(self.s7.data.keys().copied()).collect()
            }
            BlockKind::Fb | BlockKind::Fc => {
                let units = self.s7.numbers.keys();
                units
                    .filter(|(k, _)| *k == kind)
                    .map(|(_, number)| *number)
                    .collect()
            }
            BlockKind::Sdb | BlockKind::Sfc | BlockKind::Sfb => Vec::new(),
        };
        numbers.retain(|number| {
            let id = BlockId {
                kind,
                number: *number,
            };
            !self.s7.missing.contains(&id)
        });
        numbers.sort_unstable();
        numbers
    }

    /// Name and text of a linked OB, FB or FC.
    fn unit_text(&self, id: BlockId) -> Option<(String, String)> {
        if id.kind == BlockKind::Ob {
            let file = program_file(id.number)?;
            let source = self.source(file)?;
            let sections = st::sections(source);
            let name = sections.iter().find(|s| s.kind == UnitKind::Program);
            let name = name.map_or_else(String::new, |s| s.name.clone());
            return Some((name, self.without_units(file, source, &sections)));
        }
        let (file, name) = self.s7.numbers.get(&(id.kind, id.number))?;
        let source = self.source(*file)?;
        let sections = st::sections(source);
        let section = sections.iter().find(|s| is_unit(s, id.kind, name))?;
        let text = source.get(section.start..section.end)?;
        Some((name.clone(), text.to_owned()))
    }

    /// The text of a file with a mark in place of each FB and FC.
    fn without_units(&self, file: usize, source: &str, sections: &[Section]) -> String {
        let mut text = String::with_capacity(source.len());
        let mut at = 0;
        for section in sections {
            let number = unit_block(section.kind)
                .and_then(|kind| Some((kind, self.s7.number_of(kind, file, &section.name)?)));
            if let Some((kind, number)) = number {
                text.push_str(source.get(at..section.start).unwrap_or_default());
                text.push_str(&mark(BlockId { kind, number }));
                at = section.end;
            }
        }
        text.push_str(source.get(at..).unwrap_or_default());
        text
    }

    /// Where downloaded code belongs: file, name of the unit unless it is an OB, text.
    fn unit_of(
        &self,
        id: BlockId,
        code: &[u8],
    ) -> Result<(usize, Option<String>, String), DeviceError> {
        let text = std::str::from_utf8(code).map_err(|_| DeviceError::BadValue)?;
        let sections = st::sections(text);
        if id.kind == BlockKind::Ob {
            let file = program_file(id.number).filter(|file| *file < self.tasks.len());
            let file = file.ok_or(DeviceError::BadAddress)?;
            let only_programs = sections.iter().all(|s| s.kind == UnitKind::Program);
            return if only_programs && !sections.is_empty() {
                Ok((file, None, text.to_owned()))
            } else {
                Err(DeviceError::BadValue)
            };
        }
        let [section] = sections.as_slice() else {
            return Err(DeviceError::BadValue);
        };
        if unit_block(section.kind) != Some(id.kind) {
            return Err(DeviceError::BadValue);
        }
        let known = self.s7.numbers.get(&(id.kind, id.number));
        let file = known.map_or(0, |(file, _)| *file);
        let same_name = self.s7.number_of(id.kind, file, &section.name);
        let taken = same_name.is_some_and(|number| number != id.number);
        if taken || known.is_none() && self.s7.numbers.len() >= UNITS_MAX {
            return Err(DeviceError::BadValue);
        }
        Ok((file, Some(section.name.clone()), text.to_owned()))
    }

    /// The source of a file in which block `id` has that text.
    fn source_with(&self, file: usize, id: BlockId, text: &str) -> String {
        let source = self.source(file).unwrap_or_default();
        let sections = st::sections(source);
        if id.kind == BlockKind::Ob {
            let mut whole = text.to_owned();
            for section in &sections {
                let number = unit_block(section.kind)
                    .and_then(|kind| Some((kind, self.s7.number_of(kind, file, &section.name)?)));
                let Some((kind, number)) = number else {
                    continue;
                };
                let unit = source.get(section.start..section.end).unwrap_or_default();
                let mark = mark(BlockId { kind, number });
                if whole.contains(&mark) {
                    whole = whole.replacen(&mark, unit, 1);
                } else {
                    whole.push('\n');
                    whole.push_str(unit);
                }
            }
            return whole;
        }
        let known = self.s7.numbers.get(&(id.kind, id.number));
        let place = known.and_then(|(_, name)| {
            let mut sections = sections.iter();
            sections.find(|s| is_unit(s, id.kind, name))
        });
        match place {
            Some(section) => {
                let before = source.get(..section.start).unwrap_or_default();
                let after = source.get(section.end..).unwrap_or_default();
                [before, text, after].concat()
            }
            None => [source, "\n", text, "\n"].concat(),
        }
    }

    fn source(&self, file: usize) -> Option<&str> {
        self.program_source(&self.config.programs.get(file)?.file_name)
    }

    fn file_name(&self, file: usize) -> String {
        let program = self.config.programs.get(file);
        program.map_or_else(String::new, |p| p.file_name.clone())
    }

    /// Microseconds since 1970 at virtual time 0.
    fn project_us(&self) -> u64 {
        self.config.s7.as_ref().map_or(0, |s7| s7.start_unix_us)
    }

    fn block_time_us(&self, id: BlockId) -> u64 {
        match self.s7.inserted.get(&id) {
            Some(at) => self.clock_us(*at),
            None => self.config.s7.as_ref().map_or(0, |s7| s7.project_unix_us),
        }
    }
}

/// The file whose program an organization block is.
fn program_file(number: u16) -> Option<usize> {
    PROGRAM_OBS.iter().position(|known| *known == number)
}

const fn unit_block(kind: UnitKind) -> Option<BlockKind> {
    match kind {
        UnitKind::Function => Some(BlockKind::Fc),
        UnitKind::FunctionBlock => Some(BlockKind::Fb),
        UnitKind::Program => None,
    }
}

fn is_unit(section: &Section, kind: BlockKind, name: &str) -> bool {
    unit_block(section.kind) == Some(kind) && section.name == name
}

fn mark(id: BlockId) -> String {
    format!("{{{}{}}}", id.kind.name(), id.number)
}
