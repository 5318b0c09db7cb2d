//! A CPU with plain memory, for tests.

use std::collections::BTreeMap;

use sim_record::SimTime;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, WordTable,
};
use sim_wire::s7::block::{self, BlockId, BlockInfo, BlockKind};
use sim_wire::s7::device::{MemoryService, Protection, S7Device, StartKind};

/// 2024-02-29T13:07:02.456Z at virtual time 0.
pub const EPOCH_US: u64 = 1_709_212_022_456_000;

/// Byte n of every area is n at first. DB1 has 64 bytes, DB2 65,535, DB3 1,000. OB1 and FC5 exist.
#[derive(Clone, Debug)]
pub struct TestCpu {
    pub identity: Identity,
    pub mode: Mode,
    pub mode_since: SimTime,
    pub areas: BTreeMap<Area, Vec<u8>>,
    pub blocks: BTreeMap<BlockId, Vec<u8>>,
    pub loaded: BTreeMap<BlockId, Vec<u8>>,
    pub protection: Protection,
    pub password: [u8; 8],
    pub clock_offset_us: u64,
    pub diagnostics: Vec<DiagnosticEvent>,
    pub memory_services: Vec<MemoryService>,
    pub starts: Vec<StartKind>,
    /// When set, every write is refused with it.
    pub refusal: Option<DeviceError>,
}

pub fn id(kind: BlockKind, number: u16) -> BlockId {
    BlockId { kind, number }
}

pub fn test_block(id: BlockId, code: &[u8]) -> Vec<u8> {
    let info = BlockInfo::new(id, block::language::SCL, EPOCH_US);
    block::assemble(&info, code, b"source").unwrap()
}

impl TestCpu {
    pub fn new() -> Self {
        let bytes = |count: usize| (0..count).map(|n| n as u8).collect::<Vec<u8>>();
        let mut blocks = BTreeMap::new();
        for (kind, number, count) in [
            (BlockKind::Ob, 1, 10),
            (BlockKind::Fc, 5, 2000),
            (BlockKind::Db, 1, 64),
            (BlockKind::Db, 2, 100),
            (BlockKind::Db, 3, 1000),
        ] {
            let id = id(kind, number);
            blocks.insert(id, test_block(id, &bytes(count)));
        }
        Self {
            identity: Identity::default(),
            mode: Mode::Run,
            mode_since: SimTime::from_secs(1),
            areas: BTreeMap::from([
                (Area::Input, bytes(128)),
                (Area::Output, bytes(128)),
                (Area::Marker, bytes(256)),
                (Area::Timer, bytes(16)),
                (Area::Counter, bytes(16)),
                (Area::DataBlock(1), bytes(64)),
                (Area::DataBlock(2), bytes(65_535)),
                (Area::DataBlock(3), bytes(1000)),
            ]),
            blocks,
            loaded: BTreeMap::new(),
            protection: Protection::default(),
            password: *b"secret  ",
            clock_offset_us: 0,
            diagnostics: vec![DiagnosticEvent {
                time: SimTime::from_secs(1),
                text: "RUN".into(),
            }],
            memory_services: Vec::new(),
            starts: Vec::new(),
            refusal: None,
        }
    }

    fn set_mode(&mut self, now: SimTime, mode: Mode) {
        self.mode = mode;
        self.mode_since = now;
        self.diagnostics.push(DiagnosticEvent {
            time: now,
            text: if mode == Mode::Run { "RUN" } else { "STOP" }.into(),
        });
    }

    fn writable(&self) -> Result<(), DeviceError> {
        self.refusal.map_or(Ok(()), Err)
    }
}

impl S7Device for TestCpu {
    fn area_bytes(&self, area: Area) -> Option<u32> {
        self.areas.get(&area).map(|bytes| bytes.len() as u32)
    }
    fn blocks(&self, kind: BlockKind) -> Vec<(u16, u8)> {
        let ids = self.blocks.keys().filter(|id| id.kind == kind);
        ids.map(|id| (id.number, block::language::SCL)).collect()
    }
    fn read_block(&self, id: BlockId) -> Result<Vec<u8>, DeviceError> {
        self.blocks.get(&id).cloned().ok_or(DeviceError::BadAddress)
    }
    fn load_block(&mut self, _: SimTime, id: BlockId, block: &[u8]) -> Result<(), DeviceError> {
        self.writable()?;
        let info = BlockInfo::read(block).map_err(|_| DeviceError::BadValue)?;
        if info.id != id {
            return Err(DeviceError::BadValue);
        }
        self.loaded.insert(id, block.to_vec());
        Ok(())
    }
    fn insert_block(&mut self, _: SimTime, id: BlockId) -> Result<(), DeviceError> {
        let block = self.loaded.remove(&id).ok_or(DeviceError::BadAddress)?;
        self.blocks.insert(id, block);
        Ok(())
    }
    fn delete_block(&mut self, _: SimTime, id: BlockId) -> Result<(), DeviceError> {
        let known = self.blocks.remove(&id);
        known.map(|_| ()).ok_or(DeviceError::BadAddress)
    }
    fn start(&mut self, now: SimTime, kind: StartKind) -> Result<(), DeviceError> {
        self.starts.push(kind);
        self.request_mode(now, Mode::Run)
    }
    fn memory_service(&mut self, _: SimTime, service: MemoryService) -> Result<(), DeviceError> {
        self.memory_services.push(service);
        Ok(())
    }
    fn clock_us(&self, at: SimTime) -> u64 {
        EPOCH_US + self.clock_offset_us + at.0
    }
    fn set_clock_us(&mut self, now: SimTime, unix_us: u64) -> Result<(), DeviceError> {
        self.clock_offset_us = unix_us.saturating_sub(EPOCH_US + now.0);
        Ok(())
    }
    fn protection(&self) -> Protection {
        self.protection
    }
    fn check_password(&self, password: &[u8; 8]) -> bool {
        *password == self.password
    }
    fn mode_since(&self) -> SimTime {
        self.mode_since
    }
    fn diagnostics_total(&self) -> u64 {
        self.diagnostics.len() as u64
    }
    fn event_id(&self, event: &DiagnosticEvent) -> u16 {
        if event.text == "RUN" { 0x4302 } else { 0x4304 }
    }
    fn work_memory_used(&self) -> u32 {
        self.blocks.values().map(|block| block.len() as u32).sum()
    }
}

impl DeviceModel for TestCpu {
    fn identity(&self) -> &Identity {
        &self.identity
    }
    fn mode(&self) -> Mode {
        self.mode
    }
    fn request_mode(&mut self, now: SimTime, mode: Mode) -> Result<(), DeviceError> {
        self.writable()?;
        self.set_mode(now, mode);
        Ok(())
    }
    fn read_bits(&self, _: BitTable, _: u16, _: &mut [bool]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
    fn write_coils(&mut self, _: SimTime, _: u16, _: &[bool]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
    fn read_words(&self, _: WordTable, _: u16, _: &mut [u16]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
    fn write_words(&mut self, _: SimTime, _: u16, _: &[u16]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError> {
        let bytes = self.areas.get(&area).ok_or(DeviceError::BadAddress)?;
        let start = offset as usize;
        let from = bytes.get(start..start + out.len());
        out.copy_from_slice(from.ok_or(DeviceError::BadAddress)?);
        Ok(())
    }
    fn write_area(
        &mut self,
        _: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        self.writable()?;
        let to = self.areas.get_mut(&area).ok_or(DeviceError::BadAddress)?;
        let start = offset as usize;
        to.get_mut(start..start + bytes.len())
            .ok_or(DeviceError::BadAddress)?
            .copy_from_slice(bytes);
        Ok(())
    }
    fn point(&self, _: &str) -> Option<Point> {
        None
    }
    fn diagnostics(&self) -> &[DiagnosticEvent] {
        &self.diagnostics
    }
    fn file_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn read_file(&self, _: &str) -> Result<Vec<u8>, DeviceError> {
        Err(DeviceError::BadAddress)
    }
    fn write_file(&mut self, _: SimTime, _: &str, _: &[u8]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
}
