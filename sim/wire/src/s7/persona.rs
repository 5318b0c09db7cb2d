//! What a make of CPU decides: identity, limits, habits.

use super::block::BlockKind;
use super::cotp::{self, Tsap};

/// Light-emitting diodes by their number in SSL xy19 and xy74 (manual).
pub mod led {
    /// Group error.
    pub const SF: u16 = 0x01;
    /// Running.
    pub const RUN: u16 = 0x04;
    /// Stopped.
    pub const STOP: u16 = 0x05;
    /// Variables are forced.
    pub const FORCE: u16 = 0x06;
    /// Bus fault of the first interface.
    pub const BUS_FAULT_1: u16 = 0x0B;
    /// Bus fault of the second interface.
    pub const BUS_FAULT_2: u16 = 0x0C;
}

/// Families of services that a CPU offers or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services {
    /// Reading and writing variables ("PUT/GET").
    pub variables: bool,
    /// Block lists, uploads, downloads, insertion and deletion.
    pub blocks: bool,
    /// Start, stop, compress, copy.
    pub control: bool,
    /// Cyclic reading.
    pub cyclic: bool,
    /// Mode and diagnostics messages.
    pub messages: bool,
}

impl Services {
    /// Everything, as an S7-300 or S7-400 has it.
    pub const ALL: Self = Self {
        variables: true,
        blocks: true,
        control: true,
        cyclic: true,
        messages: true,
    };
}

/// Which transport addresses a CPU answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressing {
    /// Connection types: 1 programming device, 2 operator station, 3 other.
    pub connection_types: Vec<u8>,
    /// Racks and slots.
    pub places: Vec<(u8, u8)>,
}

impl Addressing {
    /// Whether a call to that address is for this CPU.
    #[must_use]
    pub fn accepts(&self, called: &Tsap) -> bool {
        called.parts().is_some_and(|(connection, rack, slot)| {
            self.connection_types.contains(&connection) && self.places.contains(&(rack, slot))
        })
    }
}

/// What SSL xy15 tells of one kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimit {
    /// Kind.
    pub kind: BlockKind,
    /// Blocks at most.
    pub count: u16,
    /// Length of one at most, in KiB.
    pub length_kib: u16,
}

/// Identity, limits and habits of a CPU. Texts longer than their field are cut, shorter ones filled with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S7Persona {
    /// Order number, 20 characters.
    pub order_number: String,
    /// Version of the hardware.
    pub hardware_version: u8,
    /// Version of the firmware.
    pub firmware: [u8; 3],
    /// Name of the automation system, 24 characters.
    pub system_name: String,
    /// Name of the module, 24 characters.
    pub module_name: String,
    /// Plant identification, 32 characters.
    pub plant_identification: String,
    /// Copyright entry, 26 characters.
    pub copyright: String,
    /// Serial number, 24 characters.
    pub serial_number: String,
    /// Module type, 32 characters.
    pub module_type: String,
    /// Serial number of the memory card, 32 characters; `None` where the module has no card.
    pub card_serial_number: Option<String>,
    /// Manufacturer and profile (SSL xy1C, index 9): manufacturer, profile, profile-specific type.
    pub profile: [u16; 3],
    /// OEM identification, 26 characters.
    pub oem: String,
    /// Location designation, 32 characters.
    pub location: String,
    /// Characteristics (SSL xy12), ascending.
    pub characteristics: Vec<u16>,
    /// Largest PDU, in bytes.
    pub pdu_bytes: u16,
    /// Jobs under way on one connection at most.
    pub parallel_jobs: u16,
    /// Connections at most.
    pub connections: u16,
    /// Rate of the multipoint interface, bits a second.
    pub mpi_bps: u32,
    /// Rate of the backplane bus, bits a second.
    pub bus_bps: u32,
    /// Working memory, in bytes.
    pub work_memory_bytes: u32,
    /// Load memory, in bytes.
    pub load_memory_bytes: u32,
    /// Bytes of local data.
    pub local_bytes: u16,
    /// Limits of blocks.
    pub block_limits: Vec<BlockLimit>,
    /// Light-emitting diodes, from [`led`].
    pub leds: Vec<u16>,
    /// Transport addresses.
    pub addressing: Addressing,
    /// Largest size code of transport PDUs.
    pub size_code: u8,
    /// Own transport reference of a connection is the client's plus this.
    pub reference_base: u16,
    /// Services.
    pub services: Services,
    /// Ids of system status lists that this CPU does not have although others do.
    pub lists_missing: Vec<u16>,
}

impl S7Persona {
    /// A CPU of the given order number and module type with an S7-300's usual limits and no names.
    #[must_use]
    pub fn new(order_number: &str, module_type: &str) -> Self {
        Self {
            order_number: order_number.to_owned(),
            hardware_version: 1,
            firmware: [1, 0, 0],
            system_name: String::new(),
            module_name: String::new(),
            plant_identification: String::new(),
            copyright: String::new(),
            serial_number: String::new(),
            module_type: module_type.to_owned(),
            card_serial_number: None,
            profile: [0; 3],
            oem: String::new(),
            location: String::new(),
            characteristics: CHARACTERISTICS_300.to_vec(),
            pdu_bytes: 480,
            parallel_jobs: 8,
            connections: 16,
            mpi_bps: 187_500,
            bus_bps: 187_500,
            work_memory_bytes: 256 * 1024,
            load_memory_bytes: 2 * 1024 * 1024,
            local_bytes: 16 * 1024,
            block_limits: vec![
                limit(BlockKind::Ob, 16, 64),
                limit(BlockKind::Db, 1024, 64),
                limit(BlockKind::Fc, 1024, 64),
                limit(BlockKind::Fb, 1024, 64),
            ],
            leds: vec![
                led::SF,
                led::RUN,
                led::STOP,
                led::FORCE,
                led::BUS_FAULT_1,
                led::BUS_FAULT_2,
            ],
            addressing: Addressing {
                connection_types: vec![1, 2, 3],
                places: vec![(0, 2)],
            },
            size_code: cotp::USUAL_SIZE_CODE,
            reference_base: 0x4400,
            services: Services::ALL,
            lists_missing: Vec::new(),
        }
    }
}

const fn limit(kind: BlockKind, count: u16, length_kib: u16) -> BlockLimit {
    BlockLimit {
        kind,
        count,
        length_kib,
    }
}

/// Characteristics of a CPU that interprets its code, has a clock with all functions, starts warm, and computes with
/// 32-bit integers and floating point (ids: manual, SSL xy12).
const CHARACTERISTICS_300: [u16; 8] = [
    0x0002, 0x0101, 0x0104, 0x0105, 0x0302, 0x0303, 0x0304, 0x0306,
];
