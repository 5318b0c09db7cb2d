//! What an S7 server asks of its device beyond [`DeviceModel`].

use sim_record::SimTime;

use super::block::{BlockId, BlockInfo, BlockKind};
use crate::device::{Area, DeviceError, DeviceModel, DiagnosticEvent, Mode};

/// How a stopped CPU is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartKind {
    /// Warm restart: retentive data stay.
    Warm,
    /// Cold restart: all data at their initial values.
    Cold,
}

/// Position of the mode selector (manual, SSL 0232).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// There is none, or it cannot be told.
    #[default]
    Undefined,
    /// RUN.
    Run,
    /// RUN-P: running, and programming allowed.
    RunP,
    /// STOP.
    Stop,
    /// MRES.
    Mres,
}

/// How far a client without password gets. It guards programs and modes, not process values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Level 1: everything.
    #[default]
    Full,
    /// Level 2: blocks can be read; no download, no change of mode.
    ReadOnly,
    /// Level 3: blocks can be neither read nor written.
    ReadProtected,
    /// No access: not even variables.
    NoAccess,
}

impl Level {
    /// The level's number, as system status lists tell it.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Full => 1,
            Self::ReadOnly => 2,
            Self::ReadProtected => 3,
            Self::NoAccess => 4,
        }
    }
}

/// Protection of a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Position of the mode selector.
    pub selector: Selector,
    /// Level that the selector's position demands; no password lifts it.
    pub selector_level: Level,
    /// Level that the program's settings demand of clients without password; `None` where no password is set.
    pub password_level: Option<Level>,
}

impl Protection {
    /// The level that holds for a client that gave the password, or did not.
    #[must_use]
    pub fn level(&self, legitimated: bool) -> Level {
        let password_level = self.password_level.filter(|_| !legitimated);
        self.selector_level.max(password_level.unwrap_or_default())
    }
}

/// Work that a CPU does on its memory on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryService {
    /// Close the gaps that deleted blocks left.
    Compress,
    /// Copy the working memory to the memory that survives a loss of power.
    CopyRamToRom,
}

/// What an S7 server may ask of its device. Sizes and counts are the device's to bound.
pub trait S7Device: DeviceModel {
    /// Bytes of an area; `None` where it does not exist. Timers and counters have two bytes each.
    fn area_bytes(&self, area: Area) -> Option<u32>;

    /// Number and language ([`super::block::language`]) of each linked block of a kind, ascending by number.
    fn blocks(&self, kind: BlockKind) -> Vec<(u16, u8)>;

    /// A linked block as it is loaded, header and footer included. [`DeviceError::BadAddress`] where there is none.
    fn read_block(&self, id: BlockId) -> Result<Vec<u8>, DeviceError>;

    /// A linked block's description. [`DeviceError::BadAddress`] where there is none.
    fn block_info(&self, id: BlockId) -> Result<BlockInfo, DeviceError> {
        BlockInfo::read(&self.read_block(id)?).map_err(|_| DeviceError::Failure)
    }

    /// Takes a block into the load memory; nothing changes before [`Self::insert_block`].
    /// [`DeviceError::BadValue`] for bytes that are no such block.
    fn load_block(&mut self, now: SimTime, id: BlockId, block: &[u8]) -> Result<(), DeviceError>;

    /// Links a block of the load memory into the program, in place of one with its name.
    /// [`DeviceError::BadAddress`] where none was loaded.
    fn insert_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError>;

    /// Deletes a block. [`DeviceError::BadAddress`] where there is none.
    fn delete_block(&mut self, now: SimTime, id: BlockId) -> Result<(), DeviceError>;

    /// Starts the CPU.
    fn start(&mut self, now: SimTime, kind: StartKind) -> Result<(), DeviceError>;

    /// Stops the CPU.
    fn stop(&mut self, now: SimTime) -> Result<(), DeviceError> {
        self.request_mode(now, Mode::Stop)
    }

    /// Compresses, or copies to the permanent memory.
    fn memory_service(&mut self, now: SimTime, service: MemoryService) -> Result<(), DeviceError>;

    /// The CPU's clock at an instant of virtual time, microseconds since 1970.
    fn clock_us(&self, at: SimTime) -> u64;

    /// Sets the clock. [`DeviceError::WriteRefused`] where it follows another.
    fn set_clock_us(&mut self, now: SimTime, unix_us: u64) -> Result<(), DeviceError>;

    /// Protection and mode selector.
    fn protection(&self) -> Protection;

    /// Whether the password, eight characters filled with spaces, is right.
    fn check_password(&self, password: &[u8; 8]) -> bool;

    /// When the operating mode last changed.
    fn mode_since(&self) -> SimTime;

    /// Events that entered the diagnostics buffer since power-on, those that left it again included.
    fn diagnostics_total(&self) -> u64;

    /// Event id of a diagnostic event, as the manual's tables list them.
    fn event_id(&self, event: &DiagnosticEvent) -> u16;

    /// Bytes of working memory in use.
    fn work_memory_used(&self) -> u32;
}
