//! What a controller reports to the range.

use sim_record::SimTime;
use sim_wire::device::{Area, DeviceError, Mode};

use super::config::{KeyPosition, Table};
use crate::st::Fault;

/// Something that happened in a controller, for records and detections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlcEvent {
    /// When.
    pub time: SimTime,
    /// What.
    pub kind: PlcEventKind,
}

/// Kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlcEventKind {
    /// The operating mode changed, or the CPU restarted in the same mode.
    ModeChanged {
        /// Mode before.
        from: Mode,
        /// Mode after.
        to: Mode,
        /// Who or what did it.
        cause: ModeCause,
    },
    /// A program file was replaced by one with other contents.
    ProgramChanged {
        /// Program file.
        file_name: String,
        /// BLAKE3 of the source before.
        old_hash: [u8; 32],
        /// BLAKE3 of the source after.
        new_hash: [u8; 32],
    },
    /// A download was refused.
    DownloadRefused {
        /// Program file as the client named it, cut to a bounded length.
        file_name: String,
        /// Why.
        reason: DeviceError,
    },
    /// The key was turned.
    KeyChanged {
        /// Position before.
        from: KeyPosition,
        /// Position after.
        to: KeyPosition,
    },
    /// Supply power went off or on.
    PowerChanged {
        /// True where it came back.
        on: bool,
    },
    /// A write from outside was refused.
    WriteRefused {
        /// What it aimed at.
        target: WriteTarget,
        /// First wire address or byte.
        start: u32,
        /// Number of elements.
        count: u32,
        /// Why.
        reason: DeviceError,
    },
    /// A program stopped the CPU.
    Fault {
        /// Program file.
        file_name: String,
        /// Kind and source line.
        fault: Fault,
    },
    /// A channel was forced, or its force removed.
    Forced {
        /// Channel.
        target: ForceTarget,
        /// Value, or `None` where the force was removed.
        value: Option<u16>,
    },
    /// The engineering station set a variable.
    VariableSet {
        /// Name as given, cut to a bounded length.
        name: String,
    },
}

/// What a refused write aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteTarget {
    /// A Modbus table.
    Modbus(Table),
    /// Bytes of an area.
    Area(Area),
    /// A variable by name.
    Variable,
    /// The forces.
    Forces,
}

/// Who or what changed the operating mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModeCause {
    /// A client over the network.
    Request,
    /// Somebody at the controller, or the instructor.
    Local,
    /// A fault of a program.
    Fault,
    /// Supply power.
    Power,
}

/// A channel that can be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForceTarget {
    /// `%IX`, counted in bits from 0.0.
    InputBit(u16),
    /// `%IW`.
    InputWord(u16),
    /// `%QX`, counted in bits from 0.0.
    OutputBit(u16),
    /// `%QW`.
    OutputWord(u16),
}

impl std::fmt::Display for ModeCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Request => "request over the network",
            Self::Local => "switch at the controller",
            Self::Fault => "program fault",
            Self::Power => "supply power",
        })
    }
}
