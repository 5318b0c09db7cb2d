//! System status lists, made from a persona and the state of its device. Layouts: the manual, chapter "System Status
//! Lists"; xy31 and the general part of xy32 as CPUs answer engineering tools.
//!
//! The high byte of an id says what is wanted of the list that the low byte names: 00 everything, whatever the index;
//! 01 what the index names; 0F only the header.

use sim_record::SimTime;

use super::clock;
use super::device::{S7Device, Selector};
use super::persona::{S7Persona, led};
use crate::cursor::{Reader, UnexpectedEnd};
use crate::device::{Area, DiagnosticEvent, Mode};

/// Bytes before the records: id, index, length of a record, number of records.
pub const HEADER_BYTES: usize = 8;
/// Bytes of one record of the diagnostics buffer.
pub const DIAGNOSTIC_BYTES: usize = 20;
/// Records of the diagnostics buffer that are told at most.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Every id that can be answered, ascending.
pub const IDS: [u16; 32] = [
    0x0000, 0x0011, 0x0012, 0x0013, 0x0014, 0x0015, 0x0019, 0x001C, 0x0074, 0x00A0, 0x0111, 0x0112,
    0x0113, 0x0115, 0x0119, 0x011C, 0x0131, 0x0132, 0x0174, 0x01A0, 0x0232, 0x0424, 0x0F00, 0x0F11,
    0x0F12, 0x0F13, 0x0F14, 0x0F15, 0x0F19, 0x0F1C, 0x0F74, 0x0FA0,
];

/// What a list is made from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Identity and limits.
    pub persona: &'a S7Persona,
    /// Live values.
    pub device: &'a dyn S7Device,
    /// The present.
    pub now: SimTime,
}

/// A list or an extract of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialList {
    /// Id as asked.
    pub id: u16,
    /// Index as asked.
    pub index: u16,
    /// Bytes of one record.
    pub record_bytes: u16,
    /// Number of records; all records follow, or none where only the header was asked.
    pub record_count: u16,
    /// The records.
    pub records: Vec<u8>,
}

impl PartialList {
    /// Header and records.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = [self.id, self.index, self.record_bytes, self.record_count];
        let mut out: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        out.extend_from_slice(&self.records);
        out
    }

    /// Reads header and records.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnexpectedEnd> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            id: reader.read_u16()?,
            index: reader.read_u16()?,
            record_bytes: reader.read_u16()?,
            record_count: reader.read_u16()?,
            records: reader.take_rest().to_vec(),
        })
    }

    /// The records, each with its index.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.records
            .chunks_exact(usize::from(self.record_bytes).max(1))
    }
}

/// The list with that id, or what the index names of it; `None` where this CPU has none.
#[must_use]
pub fn read(source: Source<'_>, id: u16, index: u16) -> Option<PartialList> {
    if !IDS.contains(&id) || source.persona.lists_missing.contains(&id) {
        return None;
    }
    let [extract, list] = id.to_be_bytes();
    let mut records = source.records(list, index)?;
    let record_bytes = records.bytes;
    match extract {
        0x00 | 0x02 | 0x04 => {}
        0x01 => records.keep(list, index)?,
        _ => {
            let record_count = records.count();
            return Some(PartialList {
                id,
                index,
                record_bytes,
                record_count,
                records: Vec::new(),
            });
        }
    }
    Some(PartialList {
        id,
        index,
        record_bytes,
        record_count: records.count(),
        records: records.all,
    })
}

/// One entry of the diagnostics buffer in the form of SSL xyA0.
#[must_use]
pub fn diagnostic_record(device: &dyn S7Device, event: &DiagnosticEvent) -> [u8; DIAGNOSTIC_BYTES] {
    let mut record = [0; DIAGNOSTIC_BYTES];
    let time = clock::date_and_time(device.clock_us(event.time));
    record[..2].copy_from_slice(&device.event_id(event).to_be_bytes());
    record[DIAGNOSTIC_BYTES - time.len()..].copy_from_slice(&time);
    record
}

/// Records of one length, one after the other.
struct Records {
    bytes: u16,
    all: Vec<u8>,
}

impl Records {
    const fn new(bytes: u16) -> Self {
        Self {
            bytes,
            all: Vec::new(),
        }
    }

    fn count(&self) -> u16 {
        u16::try_from(self.all.len() / usize::from(self.bytes).max(1)).unwrap_or(u16::MAX)
    }

    /// Appends words; the caller gives as many as the record has.
    fn words(&mut self, words: &[u16]) {
        self.all
            .extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }

    fn doubles(&mut self, doubles: &[u32]) {
        self.all
            .extend(doubles.iter().flat_map(|double| double.to_be_bytes()));
    }

    /// Appends a text of exactly `length` bytes.
    fn text(&mut self, text: &str, length: usize, fill: u8) {
        let mut bytes: Vec<u8> = text.bytes().take(length).collect();
        bytes.resize(length, fill);
        self.all.extend_from_slice(&bytes);
    }

    /// Fills the last record with zeros.
    fn fill(&mut self) {
        let bytes = usize::from(self.bytes).max(1);
        self.all.resize(self.all.len().next_multiple_of(bytes), 0);
    }

    /// Keeps what the index of an extract 01 names; `None` where that is nothing.
    fn keep(&mut self, list: u8, index: u16) -> Option<()> {
        let bytes = usize::from(self.bytes).max(1);
        if list == 0xA0 {
            self.all.truncate(usize::from(index).saturating_mul(bytes));
            return Some(());
        }
        // Characteristics are asked by group, all others by their first word.
        let mask = if list == 0x12 { 0xFF00 } else { 0xFFFF };
        let kept = self.all.chunks_exact(bytes).filter(|record| {
            let field = record.first_chunk().map(|field| u16::from_be_bytes(*field));
            field.is_some_and(|field| field & mask == index)
        });
        self.all = kept.flatten().copied().collect();
        (!self.all.is_empty()).then_some(())
    }
}

impl Source<'_> {
    /// All records of a list; those of xy31 and xy32 exist only by index.
    fn records(self, list: u8, index: u16) -> Option<Records> {
        match list {
            0x00 => Some(self.list_of_lists()),
            0x11 => Some(self.module_identification()),
            0x12 => {
                let mut records = Records::new(2);
                records.words(&self.persona.characteristics);
                Some(records)
            }
            0x13 => Some(self.memory_areas()),
            0x14 => Some(self.system_areas()),
            0x15 => Some(self.block_types()),
            0x19 | 0x74 => Some(self.leds()),
            0x1C => Some(self.component_identification()),
            0x24 => (index == 0).then(|| self.mode_transition()),
            0x31 => (index == 1).then(|| self.communication_limits()),
            0x32 => self.communication_status(index),
            0xA0 => Some(self.diagnostics()),
            _ => None,
        }
    }

    fn list_of_lists(self) -> Records {
        let mut records = Records::new(2);
        let mut ids = IDS.to_vec();
        ids.retain(|id| !self.persona.lists_missing.contains(id));
        ids.sort_unstable();
        records.words(&ids);
        records
    }

    fn module_identification(self) -> Records {
        let persona = self.persona;
        let [major, minor, patch] = persona.firmware;
        let versioned = |major: u8| u16::from_be_bytes([b'V', major]);
        let hardware = u16::from(persona.hardware_version);
        let rows = [
            (1, persona.order_number.as_str(), [0, hardware, 0]),
            (
                6,
                persona.order_number.as_str(),
                [0, versioned(persona.hardware_version), 0],
            ),
            (
                7,
                "",
                [0, versioned(major), u16::from_be_bytes([minor, patch])],
            ),
        ];
        let mut records = Records::new(28);
        for (index, text, versions) in rows {
            records.words(&[index]);
            records.text(text, 20, b' ');
            records.words(&versions);
        }
        records
    }

    fn memory_areas(self) -> Records {
        // Index, code (1 RAM, 2 FEPROM), mode (bit 0 volatile, 1 not, 4 code and data together).
        const RAM: [u16; 3] = [1, 1, 0b1_0001];
        const CARD: [u16; 3] = [3, 2, 0b0_0010];
        let persona = self.persona;
        let (work, load) = (persona.work_memory_bytes, persona.load_memory_bytes);
        let used = self.device.work_memory_used().min(work);
        let rows = [
            (RAM, work, [work, used, work - used, 0, 0, 0]),
            (
                CARD,
                load,
                [0, 0, 0, load, used.min(load), load.saturating_sub(used)],
            ),
        ];
        let mut records = Records::new(36);
        for ([index, code, mode], size, areas) in rows {
            records.words(&[index, code]);
            records.doubles(&[size]);
            records.words(&[mode, 0]);
            records.doubles(&areas);
        }
        records
    }

    fn system_areas(self) -> Records {
        let bytes = |area| self.device.area_bytes(area).unwrap_or(0);
        let rows = [
            (1, bytes(Area::Input)),
            (2, bytes(Area::Output)),
            (3, bytes(Area::Marker).saturating_mul(8)),
            (4, bytes(Area::Timer) / 2),
            (5, bytes(Area::Counter) / 2),
            (7, u32::from(self.persona.local_bytes)),
            (8, bytes(Area::Marker)),
        ];
        let mut records = Records::new(8);
        for (index, quantity) in rows {
            // A quantity that one word cannot say is left out, as the manual says of markers.
            if let Ok(quantity) = u16::try_from(quantity) {
                records.words(&[index, 1, quantity, 0]);
            }
        }
        records
    }

    fn block_types(self) -> Records {
        let mut records = Records::new(10);
        for limit in &self.persona.block_limits {
            let kind = u16::from(limit.kind.number()) << 8;
            records.words(&[kind, limit.count, limit.length_kib]);
            records.doubles(&[self.persona.load_memory_bytes]);
        }
        records
    }

    fn leds(self) -> Records {
        let mode = self.device.mode();
        let mut records = Records::new(4);
        for number in &self.persona.leds {
            let on = match *number {
                led::RUN => mode == Mode::Run,
                led::STOP => mode != Mode::Run,
                led::SF => mode == Mode::Fault,
                _ => false,
            };
            // On, and not blinking.
            records.words(&[*number, u16::from(on) << 8]);
        }
        records
    }

    fn component_identification(self) -> Records {
        let persona = self.persona;
        let mut rows = vec![
            (1, persona.system_name.as_str(), 24),
            (2, persona.module_name.as_str(), 24),
            (3, persona.plant_identification.as_str(), 32),
            (4, persona.copyright.as_str(), 26),
            (5, persona.serial_number.as_str(), 24),
            (7, persona.module_type.as_str(), 32),
        ];
        if let Some(serial_number) = &persona.card_serial_number {
            rows.push((8, serial_number, 32));
        }
        let mut records = Records::new(34);
        for (index, text, length) in rows {
            records.words(&[index]);
            records.text(text, length, 0);
            records.fill();
        }
        records.words(&[9]);
        records.words(&persona.profile);
        records.fill();
        for (index, text, length) in [(10, &persona.oem, 26), (11, &persona.location, 32)] {
            records.words(&[index]);
            records.text(text, length, 0);
            records.fill();
        }
        records
    }

    fn mode_transition(self) -> Records {
        // Event ids of the manual: STARTUP to RUN; STOP by a programming device; STOP by a programming error. Modes
        // of SSL 0424: 8 RUN, 4 STOP.
        let (event, mode) = match self.device.mode() {
            Mode::Run => (0x4302_u16, 0x08),
            Mode::Stop => (0x4304, 0x04),
            Mode::Fault => (0x4562, 0x04),
        };
        let mut records = Records::new(20);
        records.words(&[event, 0xFF00 | mode]);
        records.doubles(&[0, 0]);
        let since = self.device.clock_us(self.device.mode_since());
        records.all.extend_from_slice(&clock::date_and_time(since));
        records
    }

    fn communication_limits(self) -> Records {
        let persona = self.persona;
        let mut records = Records::new(40);
        records.words(&[1, persona.pdu_bytes, persona.connections]);
        records.doubles(&[persona.mpi_bps, persona.bus_bps]);
        records.fill();
        records
    }

    fn communication_status(self, index: u16) -> Option<Records> {
        let mut records = Records::new(40);
        records.words(&[index]);
        match index {
            // Reserved for programming devices and for operator stations: one each; communication load 20 %.
            1 => records.words(&[
                1,
                1,
                0,
                0,
                0,
                0,
                self.persona.connections.saturating_sub(2),
                0,
                20,
            ]),
            4 => {
                let protection = self.device.protection();
                let set = protection.password_level.map_or(0, |level| level.number());
                let selector = match protection.selector {
                    Selector::Undefined => 0,
                    Selector::Run => 1,
                    Selector::RunP => 2,
                    Selector::Stop => 3,
                    Selector::Mres => 4,
                };
                let valid = protection.level(false).number();
                records.words(&[protection.selector_level.number(), set, valid, selector]);
            }
            8 => {
                // No synchronization, no run-time meters; then the time.
                records.words(&[0; 10]);
                let time = clock::date_and_time(self.device.clock_us(self.now));
                records.all.extend_from_slice(&time);
            }
            _ => return None,
        }
        records.fill();
        Some(records)
    }

    fn diagnostics(self) -> Records {
        let mut records = Records::new(20);
        for event in self.device.diagnostics().iter().rev().take(MAX_DIAGNOSTICS) {
            let record = diagnostic_record(self.device, event);
            records.all.extend_from_slice(&record);
        }
        records
    }
}
