//! What a controller is made of: programs, persona, channels, memory map and protections.

use sim_wire::device::{Area, BitTable, Identity, WordTable};
use sim_wire::s7::device::Level;

use crate::memory::MemoryLayout;
use crate::st::CompileError;

/// Most program files of one controller.
pub const MAX_PROGRAMS: usize = 16;
/// Shortest task period in microseconds.
pub const MIN_PERIOD_US: u64 = 1_000;
/// Longest task period in microseconds.
pub const MAX_PERIOD_US: u64 = 3_600_000_000;
/// Most ranges of a Modbus map, of range checks and of read-only ranges, each.
pub const MAX_MAP_ENTRIES: usize = 1_024;
/// Instructions a scan may execute unless the configuration says otherwise: about a millisecond of host time.
pub const DEFAULT_WATCHDOG_INSTRUCTIONS: u64 = 200_000;
/// Largest watchdog limit, which bounds the host time of one scan.
pub const MAX_WATCHDOG_INSTRUCTIONS: u64 = 5_000_000;

/// Everything a controller is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct PlcConfig {
    /// Name of the controller, such as `PLC-1`.
    pub name: String,
    /// Program files in the order in which tasks due at the same time run.
    pub programs: Vec<ProgramConfig>,
    /// Who the controller says it is.
    pub persona: Identity,
    /// Key position at start.
    pub key: KeyPosition,
    /// Sizes of the memory areas and how `%` addresses count.
    pub layout: MemoryLayout,
    /// Wired input words, `%IW0` and up.
    pub input_words: u16,
    /// Wired input bits, `%IX0.0` and up.
    pub input_bits: u16,
    /// Wired output words, `%QW0` and up.
    pub output_words: u16,
    /// Wired output bits, `%QX0.0` and up.
    pub output_bits: u16,
    /// Fail state of each output word; words beyond the list are [`FailState::Off`].
    pub word_fail_states: Vec<FailState>,
    /// Fail state of each output bit; bits beyond the list are [`FailState::Off`].
    pub bit_fail_states: Vec<FailState>,
    /// What Modbus addresses reach.
    pub modbus: ModbusMap,
    /// Limits of values written from outside, checked whichever protocol writes.
    pub range_checks: Vec<RangeCheck>,
    /// Modbus ranges that refuse writes.
    pub read_only: Vec<ReadOnlyRange>,
    /// True where the key decides: writes from outside only in REMOTE, downloads only in PROGRAM, mode changes in both.
    pub key_gates_writes: bool,
    /// Input bits (`%IX`, counted from 0.0) that show the key in REMOTE and in PROGRAM to the program.
    pub key_bits: Option<(u16, u16)>,
    /// What an S7 CPU has besides; `None` for other controllers.
    pub s7: Option<S7Config>,
    /// Instructions of all tasks in one scan before the watchdog stops the CPU.
    pub watchdog_instructions: u64,
}

impl Default for PlcConfig {
    /// A controller with the memory and Modbus map of OpenPLC, without programs and channels.
    fn default() -> Self {
        Self {
            name: String::new(),
            programs: Vec::new(),
            persona: Identity::default(),
            key: KeyPosition::Run,
            layout: MemoryLayout::openplc(),
            input_words: 0,
            input_bits: 0,
            output_words: 0,
            output_bits: 0,
            word_fail_states: Vec::new(),
            bit_fail_states: Vec::new(),
            modbus: ModbusMap::openplc(),
            range_checks: Vec::new(),
            read_only: Vec::new(),
            key_gates_writes: false,
            key_bits: None,
            s7: None,
            watchdog_instructions: DEFAULT_WATCHDOG_INSTRUCTIONS,
        }
    }
}

/// What an S7 CPU has besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S7Config {
    /// Its clock at virtual time 0, microseconds since 1970.
    pub start_unix_us: u64,
    /// Time stamp of the blocks that it came with, microseconds since 1970.
    pub project_unix_us: u64,
    /// Password, filled with spaces; `None` where none is set.
    pub password: Option<[u8; 8]>,
    /// Level that holds for who has not given the password.
    pub password_level: Level,
}

/// A program file and the period of the task that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramConfig {
    /// Name under which it is uploaded, downloaded and compared.
    pub file_name: String,
    /// Structured Text.
    pub source: String,
    /// Period of its task in microseconds, a multiple of 1 ms.
    pub period_us: u64,
}

/// Position of the key switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPosition {
    /// Runs; nothing from outside is accepted where the key decides.
    #[default]
    Run,
    /// Runs; writes from outside are accepted.
    Remote,
    /// Runs; downloads are accepted.
    Program,
}

/// What an output does while the program does not run. Loss of power always gives zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailState {
    /// Zero, FALSE.
    #[default]
    Off,
    /// Stays as it was.
    Hold,
    /// This value; anything but zero is TRUE for a bit.
    Substitute(u16),
}

/// A table of the Modbus data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Coils or discrete inputs.
    Bits(BitTable),
    /// Input or holding registers.
    Words(WordTable),
}

/// One run of Modbus addresses and the memory behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModbusRange {
    /// Table.
    pub table: Table,
    /// First wire address.
    pub start: u16,
    /// Number of bits or words.
    pub count: u32,
    /// Memory area.
    pub area: Area,
    /// First bit (eight times the byte plus the bit) for tables of bits, first word as `%MW` counts under
    /// [`crate::memory::Addressing::OpenPlc`] for tables of words. Words go on past the last `%MW`: `%MD0` is word
    /// 1024, `%ML0` word 3072. Under S7 addressing and in data blocks word 1 is bytes 2 and 3.
    pub offset: u32,
}

/// Which Modbus addresses exist and what they reach. Everything else is an address that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModbusMap {
    /// Ranges that do not overlap within a table.
    pub ranges: Vec<ModbusRange>,
}

impl ModbusMap {
    /// The addresses of OpenPLC: coils are `%QX`, discrete inputs `%IX`, input registers `%IW`; holding registers
    /// from 0 are `%QW`, from 1024 `%MW`, from 2048 `%MD`, from 4096 `%ML`, wide ones high word first.
    #[must_use]
    pub fn openplc() -> Self {
        use sim_wire::device::BitTable::{Coils, DiscreteInputs};
        use sim_wire::device::WordTable::{HoldingRegisters, InputRegisters};
        let rows = [
            (Table::Bits(Coils), 0, 8_192, Area::Output, 0),
            (Table::Bits(DiscreteInputs), 0, 8_192, Area::Input, 0),
            (Table::Words(InputRegisters), 0, 1_024, Area::Input, 0),
            (Table::Words(HoldingRegisters), 0, 1_024, Area::Output, 0),
            (
                Table::Words(HoldingRegisters),
                1_024,
                7_168,
                Area::Marker,
                0,
            ),
        ];
        let range = |(table, start, count, area, offset)| ModbusRange {
            table,
            start,
            count,
            area,
            offset,
        };
        Self {
            ranges: rows.into_iter().map(range).collect(),
        }
    }
}

/// Limits of a holding register, as the program's author set them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeCheck {
    /// Wire address of the holding register.
    pub address: u16,
    /// Smallest value allowed.
    pub min: u16,
    /// Largest value allowed.
    pub max: u16,
}

/// Modbus addresses that refuse writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOnlyRange {
    /// Table.
    pub table: Table,
    /// First wire address.
    pub start: u16,
    /// Number of bits or words.
    pub count: u32,
}

/// Why a controller cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlcError {
    /// No program, or more than [`MAX_PROGRAMS`].
    #[error("{0} program files, where 1 to {MAX_PROGRAMS} are possible")]
    ProgramCount(usize),
    /// Two program files have one name, or a name is empty.
    #[error("program file name {0:?} is empty or taken twice")]
    FileName(String),
    /// A period is no multiple of 1 ms or out of range.
    #[error("period of {file_name}: {period_us} us is not a multiple of 1 ms from 1 ms to 1 h")]
    Period {
        /// Program file.
        file_name: String,
        /// Period given.
        period_us: u64,
    },
    /// A program does not compile.
    #[error("{file_name} does not compile: {}", errors.first().map_or(String::new(), ToString::to_string))]
    Compile {
        /// Program file.
        file_name: String,
        /// All problems found.
        errors: Vec<CompileError>,
    },
    /// An area is larger than [`crate::memory::MAX_AREA_BYTES`], or there are too many data blocks.
    #[error("the memory layout exceeds the limits")]
    Layout,
    /// More channels than the process image holds.
    #[error("{0} channels are beyond the process image")]
    Channels(&'static str),
    /// A range of the Modbus map is outside its area, overlaps another or is empty.
    #[error(
        "Modbus range {index} (start {start}, count {count}) is outside its area, overlaps another or is empty"
    )]
    ModbusRange {
        /// Position in the map.
        index: usize,
        /// First wire address.
        start: u16,
        /// Number of elements.
        count: u32,
    },
    /// A range check or a read-only range names an address that the map lacks, or min exceeds max.
    #[error("{what} at {address} is not in the Modbus map or its limits are reversed")]
    Protection {
        /// What kind of entry.
        what: &'static str,
        /// Wire address.
        address: u16,
    },
    /// A list is longer than [`MAX_MAP_ENTRIES`].
    #[error("{0} has too many entries")]
    TooMany(&'static str),
    /// The watchdog limit is zero or above [`MAX_WATCHDOG_INSTRUCTIONS`].
    #[error("watchdog limit of {0} instructions is out of range")]
    Watchdog(u64),
}
