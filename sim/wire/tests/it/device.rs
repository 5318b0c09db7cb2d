//! A device with plain memory, for tests.

use sim_record::SimTime;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, WordTable,
};

/// 64 coils and inputs, 256 registers of each kind; holding register n is n * 0x0101 at first, input register n is
/// 0x1000 + n, every third bit is on. Data block 4 has ten words, word n is 0x0400 + n.
#[derive(Clone, Debug)]
pub struct MemoryDevice {
    pub identity: Identity,
    pub mode: Mode,
    pub coils: Vec<bool>,
    pub inputs: Vec<bool>,
    pub holding: Vec<u16>,
    pub input_registers: Vec<u16>,
    /// When set, every write is refused with it.
    pub refusal: Option<DeviceError>,
    pub diagnostics: Vec<DiagnosticEvent>,
    pub files: Vec<(String, Vec<u8>)>,
    /// Data block 4.
    pub block: Vec<u8>,
}

impl MemoryDevice {
    pub fn new() -> Self {
        Self {
            identity: Identity {
                vendor_name: "Harrow".into(),
                product_code: "HX-20".into(),
                revision: "V2.1".into(),
                server_id: vec![0x0A],
                server_id_extra: b"HX-20".to_vec(),
                ..Identity::default()
            },
            mode: Mode::Run,
            coils: (0..64).map(|n| n % 3 == 0).collect(),
            inputs: (0..64).map(|n| n % 3 == 0).collect(),
            holding: (0..256).map(|n: u16| n.wrapping_mul(0x0101)).collect(),
            input_registers: (0..256).map(|n| 0x1000 + n).collect(),
            refusal: None,
            diagnostics: Vec::new(),
            block: (0x0400..0x040A_u16).flat_map(u16::to_be_bytes).collect(),
            files: vec![("main.st".into(), b"PROGRAM main END_PROGRAM".to_vec())],
        }
    }

    fn writable(&self) -> Result<(), DeviceError> {
        self.refusal.map_or(Ok(()), Err)
    }
}

fn to_u16(offset: u32) -> Result<u16, DeviceError> {
    u16::try_from(offset).map_err(|_| DeviceError::BadAddress)
}

fn copy_out<T: Copy>(from: &[T], start: u16, out: &mut [T]) -> Result<(), DeviceError> {
    let start = usize::from(start);
    out.copy_from_slice(
        from.get(start..start + out.len())
            .ok_or(DeviceError::BadAddress)?,
    );
    Ok(())
}

fn copy_in<T: Copy>(to: &mut [T], start: u16, values: &[T]) -> Result<(), DeviceError> {
    let start = usize::from(start);
    to.get_mut(start..start + values.len())
        .ok_or(DeviceError::BadAddress)?
        .copy_from_slice(values);
    Ok(())
}

impl DeviceModel for MemoryDevice {
    fn identity(&self) -> &Identity {
        &self.identity
    }
    fn mode(&self) -> Mode {
        self.mode
    }
    fn request_mode(&mut self, _: SimTime, mode: Mode) -> Result<(), DeviceError> {
        self.writable()?;
        if mode == Mode::Fault {
            return Err(DeviceError::BadValue);
        }
        self.mode = mode;
        Ok(())
    }
    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError> {
        match table {
            BitTable::Coils => copy_out(&self.coils, start, out),
            BitTable::DiscreteInputs => copy_out(&self.inputs, start, out),
        }
    }
    fn write_coils(&mut self, _: SimTime, start: u16, values: &[bool]) -> Result<(), DeviceError> {
        self.writable()?;
        copy_in(&mut self.coils, start, values)
    }
    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError> {
        match table {
            WordTable::HoldingRegisters => copy_out(&self.holding, start, out),
            WordTable::InputRegisters => copy_out(&self.input_registers, start, out),
        }
    }
    fn write_words(&mut self, _: SimTime, start: u16, values: &[u16]) -> Result<(), DeviceError> {
        self.writable()?;
        copy_in(&mut self.holding, start, values)
    }
    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError> {
        if area != Area::DataBlock(4) {
            return Err(DeviceError::BadAddress);
        }
        copy_out(&self.block, to_u16(offset)?, out)
    }
    fn write_area(
        &mut self,
        _: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        self.writable()?;
        if area != Area::DataBlock(4) {
            return Err(DeviceError::BadAddress);
        }
        copy_in(&mut self.block, to_u16(offset)?, bytes)
    }
    fn point(&self, _: &str) -> Option<Point> {
        None
    }
    fn diagnostics(&self) -> &[DiagnosticEvent] {
        &self.diagnostics
    }
    fn file_names(&self) -> Vec<String> {
        self.files.iter().map(|(name, _)| name.clone()).collect()
    }
    fn read_file(&self, name: &str) -> Result<Vec<u8>, DeviceError> {
        let file = self.files.iter().find(|(known, _)| known == name);
        file.map(|(_, bytes)| bytes.clone())
            .ok_or(DeviceError::BadAddress)
    }
    fn write_file(&mut self, _: SimTime, name: &str, bytes: &[u8]) -> Result<(), DeviceError> {
        self.writable()?;
        if bytes.starts_with(b"BROKEN") {
            return Err(DeviceError::BadValue);
        }
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.into(), bytes.to_vec()));
        Ok(())
    }
}
