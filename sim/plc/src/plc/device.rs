//! What protocol servers see.

use sim_record::SimTime;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, Quality,
    WordTable,
};

use super::Plc;
use super::config::KeyPosition;
use super::event::ModeCause;

impl DeviceModel for Plc {
    fn identity(&self) -> &Identity {
        &self.config.persona
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    fn request_mode(&mut self, now: SimTime, mode: Mode) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        if self.config.key_gates_writes && self.key == KeyPosition::Run {
            return Err(DeviceError::ModeRefused);
        }
        if mode == Mode::Fault {
            return Err(DeviceError::BadValue);
        }
        self.set_mode(now, mode, ModeCause::Request);
        Ok(())
    }

    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError> {
        self.bits_from(table, start, out)
    }

    fn write_coils(
        &mut self,
        now: SimTime,
        start: u16,
        values: &[bool],
    ) -> Result<(), DeviceError> {
        self.coils_to(now, start, values)
    }

    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError> {
        self.words_from(table, start, out)
    }

    fn write_words(&mut self, now: SimTime, start: u16, values: &[u16]) -> Result<(), DeviceError> {
        self.words_to(now, start, values)
    }

    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError> {
        self.bytes_from(area, offset, out)
    }

    fn write_area(
        &mut self,
        now: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        self.bytes_to(now, area, offset, bytes)
    }

    fn point(&self, tag: &str) -> Option<Point> {
        let value = self.variable(tag)?;
        let quality = match (self.powered, self.mode) {
            (false, _) => Quality::Bad,
            (true, Mode::Run) => Quality::Good,
            (true, _) => Quality::Uncertain,
        };
        Some(Point {
            value,
            quality,
            time: self.last_scan,
        })
    }

    fn diagnostics(&self) -> &[DiagnosticEvent] {
        &self.diagnostics
    }

    fn file_names(&self) -> Vec<String> {
        self.config
            .programs
            .iter()
            .map(|p| p.file_name.clone())
            .collect()
    }

    fn read_file(&self, name: &str) -> Result<Vec<u8>, DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        self.program_source(name)
            .map(|text| text.as_bytes().to_vec())
            .ok_or(DeviceError::BadAddress)
    }

    fn write_file(&mut self, now: SimTime, name: &str, bytes: &[u8]) -> Result<(), DeviceError> {
        self.download(now, name, bytes)
    }
}
