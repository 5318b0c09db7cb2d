//! Everything that can change a range from outside. A range is scenario package + seed + ordered input log.

use crate::{Principal, SimTime};
use serde::{Deserialize, Serialize};

/// One input and who gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Who.
    pub principal: Principal,
    /// What.
    pub kind: InputKind,
}

/// What came from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum InputKind {
    /// A command in the wire form of `sim_view::Command` (postcard).
    Command(Vec<u8>),
    /// An outside program connected to the exposed endpoint `endpoint`; `conn` is chosen by the shell and unique in the match.
    Open {
        /// The shell's number of the connection.
        conn: u32,
        /// Index of the endpoint in the scenario.
        endpoint: u16,
    },
    /// Bytes from an outside connection.
    Bytes {
        /// The shell's number of the connection.
        conn: u32,
        /// Data as received.
        data: Vec<u8>,
    },
    /// An outside connection ended.
    Close {
        /// The shell's number of the connection.
        conn: u32,
        /// How.
        how: Closing,
    },
    /// The server came back after a kill: every external connection is reset.
    Resumed,
    /// The match was stopped by its host.
    Stop,
}

/// How an outside connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closing {
    /// Orderly.
    Fin,
    /// Reset, or lost.
    Reset,
}

/// One line of the input log. The order in the log is the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedInput {
    /// Virtual time at which it is applied.
    pub time: SimTime,
    /// Position in the log, from 0.
    pub order: u64,
    /// The input.
    pub input: Input,
}
