//! Everything that can change a range from outside. A range is scenario package + seed + ordered input log.

use crate::{Principal, SimTime};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// An external controller answered a cycle, or could not be asked. Only the range's own server gives it.
    External {
        /// Index of the controller among the scenario's external ones.
        controller: u16,
        /// The cycle that it is about.
        cycle: u64,
        /// What came of it.
        answer: ExternalAnswer,
    },
}

/// What came of asking an external controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalAnswer {
    /// Values of the registers that the scenario reads from it, in the scenario's order; bits are 0 and 1.
    Values(Vec<u16>),
    /// Nothing usable.
    Failure(LinkFault),
}

/// Why an external controller gave nothing usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkFault {
    /// No connection could be made.
    NoConnection,
    /// The connection was lost.
    Lost,
    /// A request was not answered in time.
    NoAnswer,
    /// It refused a request with this Modbus exception code.
    Exception(u8),
    /// Its answer is not what was asked for.
    Malformed,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection can be made"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::NoAnswer => f.write_str("a request was not answered in time"),
            Self::Exception(code) => write!(f, "a request was refused with exception {code}"),
            Self::Malformed => f.write_str("the answer is not what was asked for"),
        }
    }
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
