//! What crosses the boundary of a range.

use sim_record::{Digest, Record, SimTime};
use sim_scenario::model::Register;

/// Choices of a run that belong to the recording: with scenario and seed they fix everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunOptions {
    /// Cast; empty: the scenario's default.
    pub cast: String,
    /// Actors of the cast that do not play.
    pub removed_actors: Vec<String>,
    /// False when an instructor's server runs the match.
    pub practice: bool,
    /// The match ends only by `Stop`, never by its declared time (`serve`).
    pub open_ended: bool,
    /// External controllers to which writes of players go through, as the operator has confirmed.
    pub attackable: Vec<String>,
}

/// How much one call of `advance` may do; where it stops never changes results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Instants handled at most.
    pub instants: u32,
}

impl Budget {
    /// No bound.
    pub const UNLIMITED: Self = Self { instants: u32::MAX };
}

/// How far `advance` came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Everything due up to and at `until` is done.
    Reached,
    /// The budget ran out first.
    OutOfBudget,
    /// The match is over; time stands still.
    Over,
}

/// What a range wants outside, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Something happened.
    Record(Record),
    /// Digest of the whole state, every ten virtual seconds and at the end.
    Digest {
        /// When.
        time: SimTime,
        /// Of everything before it.
        digest: Digest,
    },
    /// A frame at a tap, if capturing was asked for with [`crate::Range::set_capture`].
    Frame {
        /// When.
        time: SimTime,
        /// Frame number, from 1, over all taps.
        number: u64,
        /// Index of the tap.
        tap: u16,
        /// Ethernet frame.
        bytes: Vec<u8>,
    },
    /// Bytes for an outside connection.
    Bytes {
        /// The shell's number of the connection.
        conn: u32,
        /// Data.
        data: Vec<u8>,
    },
    /// The range ended an outside connection.
    Close {
        /// The shell's number of the connection.
        conn: u32,
        /// By reset (refused, firewall) instead of orderly.
        reset: bool,
    },
    /// A cycle of an external controller: registers to write, in order. Then those of
    /// [`sim_scenario::model::ExternalController::reads`] are to be read, and come back as an input.
    External {
        /// Index of the controller among the scenario's external ones.
        controller: u16,
        /// Number of the cycle, from 1.
        cycle: u64,
        /// What to write.
        registers: Vec<(Register, u16)>,
    },
    /// Free text of a report, kept outside the hash-chained log and named by its hash.
    Text {
        /// BLAKE3, hex.
        hash: String,
        /// The text.
        text: String,
    },
}

/// Why a range could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The cast does not exist.
    #[error("no cast named `{0}`")]
    NoSuchCast(String),
    /// A plant refused its parameters.
    #[error("plant `{plant}`: {reason}")]
    Plant {
        /// Plant id.
        plant: String,
        /// In words.
        reason: String,
    },
    /// A controller could not be made.
    #[error("controller `{controller}`: {reason}")]
    Controller {
        /// Controller id.
        controller: String,
        /// In words.
        reason: String,
    },
    /// The network could not be made.
    #[error("network: {0}")]
    Network(String),
}
