//! What a request was and what became of it.

use sim_record::SimTime;

use crate::device::Area;
use crate::s7::block::{BlockId, BlockKind};
use crate::s7::cotp::Tsap;
use crate::s7::device::{MemoryService, StartKind};
use crate::s7::error::{ErrorCode, ItemCode};
use crate::s7::item::DataType;

/// Bytes of a variable that an [`Access`] keeps at most.
pub const MAX_BYTES_KEPT: usize = 16;

/// What one request was and what became of it, for the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// When it was executed.
    pub time: SimTime,
    /// Reference of the PDU; 0 for transport requests.
    pub reference: u16,
    /// What was wanted.
    pub action: Action,
    /// Why it was refused as a whole. Variables that were refused have their own code in their [`Access`].
    pub refusal: Option<ErrorCode>,
    /// Bytes of the request's PDU.
    pub request_bytes: u16,
    /// Whether an answer was sent.
    pub answered: bool,
}

impl Transaction {
    /// Whether it changed, or would have changed, the device's memory, program, mode or clock, also when refused.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        matches!(
            self.action,
            Action::Write(_)
                | Action::LoadBlock(_)
                | Action::InsertBlocks(_)
                | Action::DeleteBlocks(_)
                | Action::Start(_)
                | Action::Stop
                | Action::Memory(_)
                | Action::SetClock(_)
        )
    }

    /// Whether all of it was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let done = |access: &Access| access.code == ItemCode::OK;
        self.refusal.is_none() && self.accesses().iter().all(done)
    }

    /// The variables of a read or write job; none of others.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        match &self.action {
            Action::Read(accesses) | Action::Write(accesses) => accesses,
            _ => &[],
        }
    }
}

/// What was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A transport connection to that address.
    Connect {
        /// Who called.
        calling: Tsap,
        /// Who was called.
        called: Tsap,
    },
    /// The end of the transport connection.
    Disconnect,
    /// A connection on top of it, with that PDU as answered.
    Setup {
        /// Bytes of the PDU.
        pdu_bytes: u16,
    },
    /// Read variables.
    Read(Vec<Access>),
    /// Write variables.
    Write(Vec<Access>),
    /// Read a system status list.
    ReadList {
        /// Id.
        id: u16,
        /// Index.
        index: u16,
    },
    /// The next part of an answer.
    NextPart,
    /// Count blocks, or list those of a kind.
    ListBlocks(Option<BlockKind>),
    /// Describe a block.
    BlockInfo(BlockId),
    /// Open an upload: from here on the block is read.
    StartUpload(BlockId),
    /// A part of an upload.
    UploadPart,
    /// Close an upload.
    EndUpload,
    /// Announce a download.
    StartDownload(BlockId),
    /// A part of a download, or its end.
    DownloadPart,
    /// The last part of a download: the block is in the load memory.
    LoadBlock(BlockId),
    /// Link blocks into the program: the instant at which the program changes.
    InsertBlocks(Vec<BlockId>),
    /// Delete blocks.
    DeleteBlocks(Vec<BlockId>),
    /// Start the CPU.
    Start(StartKind),
    /// Stop the CPU.
    Stop,
    /// Work on the memory.
    Memory(MemoryService),
    /// Read the clock.
    ReadClock,
    /// Set the clock to that time, microseconds since 1970.
    SetClock(u64),
    /// Give the password.
    GivePassword,
    /// Take the password back.
    ClearPassword,
    /// Read variables again and again.
    Subscribe,
    /// Be told of changes of mode or of diagnostic events.
    SubscribeMessages,
    /// End a subscription.
    Unsubscribe,
    /// A job with a function that is not offered or does not exist.
    UnknownJob(u8),
    /// Userdata of a group and a service that are not offered or do not exist.
    UnknownService {
        /// Group.
        group: u8,
        /// Service.
        service: u8,
    },
    /// Nothing that can be read; with the first byte.
    Malformed(u8),
}

impl Action {
    /// A name in a few words, for records and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Disconnect => "disconnect",
            Self::Setup { .. } => "setup communication",
            Self::Read(_) => "read variables",
            Self::Write(_) => "write variables",
            Self::ReadList { .. } => "read system status list",
            Self::NextPart => "next part",
            Self::ListBlocks(_) => "list blocks",
            Self::BlockInfo(_) => "block information",
            Self::StartUpload(_) => "start upload",
            Self::UploadPart => "upload",
            Self::EndUpload => "end upload",
            Self::StartDownload(_) => "request download",
            Self::DownloadPart => "download",
            Self::LoadBlock(_) => "load block",
            Self::InsertBlocks(_) => "insert blocks",
            Self::DeleteBlocks(_) => "delete blocks",
            Self::Start(StartKind::Warm) => "warm restart",
            Self::Start(StartKind::Cold) => "cold restart",
            Self::Stop => "stop",
            Self::Memory(MemoryService::Compress) => "compress",
            Self::Memory(MemoryService::CopyRamToRom) => "copy RAM to ROM",
            Self::ReadClock => "read clock",
            Self::SetClock(_) => "set clock",
            Self::GivePassword => "give password",
            Self::ClearPassword => "clear password",
            Self::Subscribe => "subscribe to variables",
            Self::SubscribeMessages => "subscribe to messages",
            Self::Unsubscribe => "unsubscribe",
            Self::UnknownJob(_) => "unknown job",
            Self::UnknownService { .. } => "unknown service",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// One variable of a read or write job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Area; `None` where the address says none that exists.
    pub area: Option<Area>,
    /// First byte.
    pub offset: u32,
    /// Bit in the first byte, where a bit was meant.
    pub bit: Option<u8>,
    /// Data type, where it exists.
    pub data_type: Option<DataType>,
    /// Bytes.
    pub bytes: u32,
    /// What became of it.
    pub code: ItemCode,
    /// The first bytes to be written, also when they were refused, or that were read.
    pub values: Bytes,
}

/// The first bytes of a variable.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    len: usize,
    kept: [u8; MAX_BYTES_KEPT],
}

impl Bytes {
    /// Keeps the first [`MAX_BYTES_KEPT`] of `bytes`.
    #[must_use]
    pub fn keep(bytes: &[u8]) -> Self {
        let mut summary = Self::default();
        for (slot, byte) in summary.kept.iter_mut().zip(bytes) {
            *slot = *byte;
            summary.len += 1;
        }
        summary
    }

    /// The bytes kept.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.kept.get(..self.len).unwrap_or(&self.kept)
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().fmt(f)
    }
}
