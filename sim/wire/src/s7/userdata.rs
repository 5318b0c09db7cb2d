//! Userdata: the parameters of everything that is no job.

use super::error::ErrorCode;
use crate::cursor::{Reader, UnexpectedEnd};

/// Bytes of the parameters of an answer, a push, and of a request for the next part.
pub const ANSWER_PARAMETER_BYTES: usize = 12;
/// Bytes of the header of the data.
pub const DATA_HEADER_BYTES: usize = 4;
/// Code of data that follow.
pub const DATA_FOLLOW: u8 = 0xFF;
/// Code of no data: with an error, or where there is nothing to say.
pub const NO_DATA: u8 = 0x0A;
/// Transport size of octets.
const OCTETS: u8 = 0x09;

const HEAD: [u8; 3] = [0x00, 0x01, 0x12];
const SHORT: u8 = 4;
const LONG: u8 = 8;
const METHOD_REQUEST: u8 = 0x11;
const METHOD_ANSWER: u8 = 0x12;

/// Who speaks: the high nibble beside the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Unasked, from the CPU.
    Push,
    /// A request.
    Request,
    /// An answer.
    Answer,
}

/// Groups of services.
pub mod group {
    /// Mode transitions, pushed.
    pub const MODE: u8 = 0;
    /// Programming: status and modify variables, force.
    pub const PROGRAMMING: u8 = 1;
    /// Cyclic reading.
    pub const CYCLIC: u8 = 2;
    /// Block lists.
    pub const BLOCKS: u8 = 3;
    /// System status lists and messages.
    pub const CPU: u8 = 4;
    /// Password.
    pub const SECURITY: u8 = 5;
    /// Programmable block communication.
    pub const BLOCK_COMMUNICATION: u8 = 6;
    /// Clock.
    pub const TIME: u8 = 7;
}

/// Parameters of a userdata PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Who speaks.
    pub direction: Direction,
    /// Group, one of [`group`].
    pub group: u8,
    /// Service in the group.
    pub service: u8,
    /// Sequence number: of the answer, named again by who asks for its next part.
    pub sequence: u8,
    /// Names the parts of one answer that is longer than a PDU; 0 for one that is not.
    pub unit: u8,
    /// Whether more parts follow.
    pub more: bool,
    /// Error of an answer.
    pub error: ErrorCode,
    /// Whether a request is for the next part of an answer.
    pub follows: bool,
}

impl Parameters {
    /// A first request.
    #[must_use]
    pub const fn request(group: u8, service: u8) -> Self {
        Self {
            direction: Direction::Request,
            group,
            service,
            sequence: 0,
            unit: 0,
            more: false,
            error: ErrorCode::NONE,
            follows: false,
        }
    }

    /// The request for the next part of an answer.
    #[must_use]
    pub const fn next_part(&self) -> Self {
        Self {
            direction: Direction::Request,
            unit: 0,
            more: false,
            follows: true,
            ..*self
        }
    }

    /// Reads parameters.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnexpectedEnd> {
        let mut reader = Reader::new(bytes);
        let head = reader.read_array::<3>()?;
        let length = reader.read_u8()?;
        let [_method, kind, service, sequence] = reader.read_array()?;
        if head != HEAD || !matches!((length, bytes.len()), (SHORT, 8) | (LONG, 12)) {
            return Err(UnexpectedEnd);
        }
        let direction = match kind >> 4 {
            0 => Direction::Push,
            4 => Direction::Request,
            8 => Direction::Answer,
            _ => return Err(UnexpectedEnd),
        };
        let (unit, more, error) = if length == LONG {
            let [unit, more] = reader.read_array()?;
            (unit, more != 0, ErrorCode(reader.read_u16()?))
        } else {
            (0, false, ErrorCode::NONE)
        };
        Ok(Self {
            direction,
            group: kind & 0x0F,
            service,
            sequence,
            unit,
            more,
            error,
            follows: direction == Direction::Request && length == LONG,
        })
    }

    /// The parameters' bytes: eight of a first request, twelve of all others.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let short = self.direction == Direction::Request && !self.follows;
        let nibble = match self.direction {
            Direction::Push => 0x00,
            Direction::Request => 0x40,
            Direction::Answer => 0x80,
        };
        let mut out = HEAD.to_vec();
        out.push(if short { SHORT } else { LONG });
        out.push(if short { METHOD_REQUEST } else { METHOD_ANSWER });
        out.extend_from_slice(&[nibble | (self.group & 0x0F), self.service, self.sequence]);
        if !short {
            out.extend_from_slice(&[self.unit, u8::from(self.more)]);
            out.extend_from_slice(&self.error.0.to_be_bytes());
        }
        out
    }
}

/// The bytes after the header of the data; empty where there are none.
pub fn decode_data(data: &[u8]) -> Result<(u8, &[u8]), UnexpectedEnd> {
    let mut reader = Reader::new(data);
    let code = reader.read_u8()?;
    let _transport_size = reader.read_u8()?;
    let length = reader.read_u16()?;
    let bytes = reader.take(usize::from(length))?;
    if reader.is_empty() {
        Ok((code, bytes))
    } else {
        Err(UnexpectedEnd)
    }
}

/// Appends data with their header.
pub fn encode_data(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[DATA_FOLLOW, OCTETS]);
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends the header that says that there are no data.
pub fn encode_no_data(out: &mut Vec<u8>) {
    out.extend_from_slice(&[NO_DATA, 0, 0, 0]);
}
