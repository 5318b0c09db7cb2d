//! A device as protocol servers see it, with a note of what they changed.

use super::Device;
use sim_plc::Plc;
use sim_record::SimTime;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, WordTable,
};
use sim_wire::s7::block::{BlockId, BlockInfo, BlockKind};
use sim_wire::s7::device::{MemoryService, Protection, S7Device, StartKind};

/// A device that notes whether a write changed anything.
pub(super) struct Observed<'a> {
    pub device: &'a mut dyn Device,
    pub changed: bool,
}

impl Observed<'_> {
    fn cpu(&self) -> Result<&Plc, DeviceError> {
        self.device.cpu().ok_or(DeviceError::NotSupported)
    }

    fn cpu_mut(&mut self) -> Result<&mut Plc, DeviceError> {
        self.device.cpu_mut().ok_or(DeviceError::NotSupported)
    }
}

impl DeviceModel for Observed<'_> {
    fn identity(&self) -> &Identity {
        self.device.identity()
    }
    fn mode(&self) -> Mode {
        self.device.mode()
    }
    fn request_mode(&mut self, now: SimTime, mode: Mode) -> Result<(), DeviceError> {
        self.device.request_mode(now, mode)
    }
    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError> {
        self.device.read_bits(table, start, out)
    }
    fn write_coils(
        &mut self,
        now: SimTime,
        start: u16,
        values: &[bool],
    ) -> Result<(), DeviceError> {
        let mut before = vec![false; values.len()];
        let known = self
            .device
            .read_bits(BitTable::Coils, start, &mut before)
            .is_ok();
        self.device.write_coils(now, start, values)?;
        self.changed |= !known || before != values;
        Ok(())
    }
    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError> {
        self.device.read_words(table, start, out)
    }
    fn write_words(&mut self, now: SimTime, start: u16, values: &[u16]) -> Result<(), DeviceError> {
        let mut before = vec![0; values.len()];
        let known = self
            .device
            .read_words(WordTable::HoldingRegisters, start, &mut before)
            .is_ok();
        self.device.write_words(now, start, values)?;
        self.changed |= !known || before != values;
        Ok(())
    }
    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError> {
        self.device.read_area(area, offset, out)
    }
    fn write_area(
        &mut self,
        now: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        let mut before = vec![0; bytes.len()];
        let known = self.device.read_area(area, offset, &mut before).is_ok();
        self.device.write_area(now, area, offset, bytes)?;
        self.changed |= !known || before != bytes;
        Ok(())
    }
    fn point(&self, tag: &str) -> Option<Point> {
        self.device.point(tag)
    }
    fn diagnostics(&self) -> &[DiagnosticEvent] {
        self.device.diagnostics()
    }
    fn file_names(&self) -> Vec<String> {
        self.device.file_names()
    }
    fn read_file(&self, name: &str) -> Result<Vec<u8>, DeviceError> {
        self.device.read_file(name)
    }
    fn write_file(&mut self, now: SimTime, name: &str, bytes: &[u8]) -> Result<(), DeviceError> {
        self.device.write_file(now, name, bytes)
    }
}

impl S7Device for Observed<'_> {
    fn area_bytes(&self, area: Area) -> Option<u32> {
        S7Device::area_bytes(self.device.cpu()?, area)
    }
    fn blocks(&self, kind: BlockKind) -> Vec<(u16, u8)> {
        self.device
            .cpu()
            .map_or_else(Vec::new, |cpu| cpu.blocks(kind))
    }
    fn read_block(&self, id: BlockId) -> Result<Vec<u8>, DeviceError> {
        self.cpu()?.read_block(id)
    }
    fn block_info(&self, id: BlockId) -> Result<BlockInfo, DeviceError> {
        self.cpu()?.block_info(id)
    }
    fn load_block(&mut self, now: SimTime, id: BlockId, block: &[u8]) -> Result<(), DeviceError> {
        self.cpu_mut()?.load_block(now, id, block)
    }
    fn insert_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError> {
        self.cpu_mut()?.insert_block(now, id)
    }
    fn delete_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError> {
        self.cpu_mut()?.delete_block(now, id)
    }
    fn start(&mut self, now: SimTime, kind: StartKind) -> Result<(), DeviceError> {
        self.cpu_mut()?.start(now, kind)
    }
    fn stop(&mut self, now: SimTime) -> Result<(), DeviceError> {
        self.cpu_mut()?.stop(now)
    }
    fn memory_service(&mut self, now: SimTime, service: MemoryService) -> Result<(), DeviceError> {
        self.cpu_mut()?.memory_service(now, service)
    }
    fn clock_us(&self, at: SimTime) -> u64 {
        self.device.cpu().map_or(at.0, |cpu| cpu.clock_us(at))
    }
    fn set_clock_us(&mut self, now: SimTime, unix_us: u64) -> Result<(), DeviceError> {
        self.cpu_mut()?.set_clock_us(now, unix_us)
    }
    fn protection(&self) -> Protection {
        let cpu = self.device.cpu();
        cpu.map_or_else(Protection::default, S7Device::protection)
    }
    fn check_password(&self, password: &[u8; 8]) -> bool {
        let cpu = self.device.cpu();
        cpu.is_some_and(|cpu| cpu.check_password(password))
    }
    fn mode_since(&self) -> SimTime {
        let cpu = self.device.cpu();
        cpu.map_or(SimTime::ZERO, S7Device::mode_since)
    }
    fn diagnostics_total(&self) -> u64 {
        self.device.cpu().map_or(0, S7Device::diagnostics_total)
    }
    fn event_id(&self, event: &DiagnosticEvent) -> u16 {
        self.device.cpu().map_or(0, |cpu| cpu.event_id(event))
    }
    fn work_memory_used(&self) -> u32 {
        self.device.cpu().map_or(0, S7Device::work_memory_used)
    }
}
