//! What the virtual network sees of an external controller: a mirror of its declared registers.

use crate::sessions::Device;
use sim_plc::Plc;
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_scenario::model::{ExternalController, Register};
use sim_view::Table;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, WordTable,
};
use std::collections::BTreeMap;

/// Trust in what the mirror shows, as its status register tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkQuality {
    /// The device answers every cycle.
    Good = 0,
    /// It has missed a cycle, or could not be asked.
    Uncertain = 1,
    /// It has not answered for the stale time, or never: the registers cannot be read.
    #[default]
    Bad = 2,
}

/// The declared registers of a device as they were last seen, and what players want to write to them.
pub(crate) struct Mirror {
    identity: Identity,
    registers: BTreeMap<Register, u16>,
    status_address: u16,
    /// Quality of the link to the device.
    pub quality: LinkQuality,
    age: SimDuration,
    takes_writes: bool,
    /// Never more than there are registers.
    wanted: BTreeMap<Register, u16>,
}

impl Mirror {
    /// Nothing is known yet.
    pub fn new(controller: &ExternalController, takes_writes: bool) -> Self {
        let sensors = controller.sensors.iter().map(|s| holding(s.address));
        Self {
            identity: crate::persona::identity(&controller.persona),
            registers: sensors
                .chain(controller.reads())
                .map(|register| (register, 0))
                .collect(),
            status_address: controller.status_address,
            quality: LinkQuality::Bad,
            age: SimDuration::ZERO,
            takes_writes,
            wanted: BTreeMap::new(),
        }
    }

    /// Shows a value of a declared register.
    pub fn show(&mut self, register: Register, value: u16) {
        if let Some(shown) = self.registers.get_mut(&register) {
            *shown = value;
        }
    }

    /// The value that a declared register was last seen with, whatever the link's quality.
    pub fn shown(&self, register: Register) -> Option<u16> {
        self.registers.get(&register).copied()
    }

    /// Shows how the link is.
    pub fn show_status(&mut self, quality: LinkQuality, age: SimDuration) {
        self.quality = quality;
        self.age = age;
    }

    /// What players have written since the last call.
    pub fn take_wanted(&mut self) -> BTreeMap<Register, u16> {
        std::mem::take(&mut self.wanted)
    }

    /// A value as a reader would get it.
    pub fn raw(&self, table: Table, address: u16) -> Option<u16> {
        self.read(Register { table, address }).ok()
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.value(&self.registers.iter().collect::<Vec<_>>());
        hasher.value(&self.wanted.iter().collect::<Vec<_>>());
        hasher.u64(self.quality as u64);
        hasher.u64(self.age.0);
        hasher.u64(u64::from(self.takes_writes));
    }

    fn read(&self, register: Register) -> Result<u16, DeviceError> {
        if register.table == Table::Input {
            if register.address == self.status_address {
                return Ok(self.quality as u16);
            }
            if self.status_address.checked_add(1) == Some(register.address) {
                return Ok(u16::try_from(self.age.0 / 1000).unwrap_or(u16::MAX));
            }
        }
        let shown = self.registers.get(&register);
        let value = shown.copied().ok_or(DeviceError::BadAddress)?;
        match self.quality {
            LinkQuality::Good | LinkQuality::Uncertain => Ok(value),
            LinkQuality::Bad => Err(DeviceError::Failure),
        }
    }

    fn read_all<T>(
        &self,
        table: Table,
        start: u16,
        out: &mut [T],
        from: impl Fn(u16) -> T,
    ) -> Result<(), DeviceError> {
        for (index, value) in out.iter_mut().enumerate() {
            let address = nth(start, index)?;
            *value = from(self.read(Register { table, address })?);
        }
        Ok(())
    }

    /// All or none.
    fn want_all(
        &mut self,
        table: Table,
        start: u16,
        values: impl Iterator<Item = u16>,
    ) -> Result<(), DeviceError> {
        let mut wanted = Vec::new();
        for (index, value) in values.enumerate() {
            let address = nth(start, index)?;
            let register = Register { table, address };
            if !self.registers.contains_key(&register) {
                return Err(DeviceError::BadAddress);
            }
            wanted.push((register, value));
        }
        if !self.takes_writes || self.quality == LinkQuality::Bad {
            return Err(DeviceError::WriteRefused);
        }
        self.wanted.extend(wanted);
        Ok(())
    }
}

impl Device for Mirror {
    fn cpu(&self) -> Option<&Plc> {
        None
    }
    fn cpu_mut(&mut self) -> Option<&mut Plc> {
        None
    }
}

impl DeviceModel for Mirror {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn mode(&self) -> Mode {
        match self.quality {
            LinkQuality::Good | LinkQuality::Uncertain => Mode::Run,
            LinkQuality::Bad => Mode::Fault,
        }
    }

    fn request_mode(&mut self, _now: SimTime, _mode: Mode) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }

    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError> {
        let table = match table {
            BitTable::Coils => Table::Coil,
            BitTable::DiscreteInputs => Table::Discrete,
        };
        self.read_all(table, start, out, |value| value != 0)
    }

    fn write_coils(
        &mut self,
        _now: SimTime,
        start: u16,
        values: &[bool],
    ) -> Result<(), DeviceError> {
        let values = values.iter().map(|value| u16::from(*value));
        self.want_all(Table::Coil, start, values)
    }

    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError> {
        let table = match table {
            WordTable::InputRegisters => Table::Input,
            WordTable::HoldingRegisters => Table::Holding,
        };
        self.read_all(table, start, out, |value| value)
    }

    fn write_words(
        &mut self,
        _now: SimTime,
        start: u16,
        values: &[u16],
    ) -> Result<(), DeviceError> {
        self.want_all(Table::Holding, start, values.iter().copied())
    }

    fn read_area(&self, _area: Area, _offset: u32, _out: &mut [u8]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }

    fn write_area(
        &mut self,
        _now: SimTime,
        _area: Area,
        _offset: u32,
        _bytes: &[u8],
    ) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }

    fn point(&self, _tag: &str) -> Option<Point> {
        None
    }

    fn diagnostics(&self) -> &[DiagnosticEvent] {
        &[]
    }

    fn file_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn read_file(&self, _name: &str) -> Result<Vec<u8>, DeviceError> {
        Err(DeviceError::NotSupported)
    }

    fn write_file(&mut self, _now: SimTime, _name: &str, _bytes: &[u8]) -> Result<(), DeviceError> {
        Err(DeviceError::NotSupported)
    }
}

/// A holding register.
pub(crate) fn holding(address: u16) -> Register {
    Register {
        table: Table::Holding,
        address,
    }
}

fn nth(start: u16, index: usize) -> Result<u16, DeviceError> {
    let index = u16::try_from(index).map_err(|_| DeviceError::BadAddress)?;
    start.checked_add(index).ok_or(DeviceError::BadAddress)
}
