//! The header of Modbus on TCP, and the way from a byte stream to frames.
//!
//! Choices where the guide leaves them to the device:
//! - a length field up to [`MAX_LENGTH_FIELD`] is read as a frame although the specification ends at 254, because
//!   tools send such frames and devices answer them with an exception;
//! - a length field of 0 or 1 (no function code) or above [`MAX_LENGTH_FIELD`] means that the stream is no Modbus or
//!   has lost its place: [`MbapError`], and the server closes the connection;
//! - a frame with another protocol id is a whole frame here; the sessions discard it without an answer, as
//!   the guide says of the check of the header, and go on with the next.

use crate::buffer::ByteQueue;
use crate::cursor::Reader;

/// Bytes of the header, unit id included.
pub const HEADER_BYTES: usize = 7;
/// Bytes that precede what the length field counts.
pub const PREFIX_BYTES: usize = 6;
/// Bytes of the longest PDU of the specification.
pub const MAX_PDU_BYTES: usize = 253;
/// Largest length field that is read as a frame.
pub const MAX_LENGTH_FIELD: u16 = 260;
/// Smallest length field that is read as a frame: unit id and function code.
pub const MIN_LENGTH_FIELD: u16 = 2;
/// Protocol id of Modbus.
pub const PROTOCOL_ID: u16 = 0;

/// The header's fields as they are on the wire, whether they make sense or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the client, echoed by the server.
    pub transaction_id: u16,
    /// 0 for Modbus.
    pub protocol_id: u16,
    /// Bytes that follow the field: unit id and PDU.
    pub length: u16,
    /// Unit id.
    pub unit: u8,
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [t0, t1] = self.transaction_id.to_be_bytes();
        let [p0, p1] = self.protocol_id.to_be_bytes();
        let [l0, l1] = self.length.to_be_bytes();
        [t0, t1, p0, p1, l0, l1, self.unit]
    }
}

/// One frame: a header and its PDU of at least one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: Header,
    /// Function code and data.
    pub pdu: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole frame on the wire.
    #[must_use]
    pub const fn wire_bytes(&self) -> usize {
        HEADER_BYTES + self.pdu.len()
    }
}

/// The stream cannot be cut into frames any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MbapError {
    /// The length field leaves no room for a function code.
    #[error("MBAP length {0} leaves no room for a function code")]
    LengthTooSmall(u16),
    /// The length field is beyond what a Modbus frame can be.
    #[error("MBAP length {0} is beyond a Modbus frame")]
    LengthTooLarge(u16),
}

/// Reads the first frame of `bytes`; `Ok(None)` when more bytes are needed.
pub fn decode(bytes: &[u8]) -> Result<Option<Frame<'_>>, MbapError> {
    let mut reader = Reader::new(bytes);
    let Ok(transaction_id) = reader.read_u16() else {
        return Ok(None);
    };
    let Ok(protocol_id) = reader.read_u16() else {
        return Ok(None);
    };
    let Ok(length) = reader.read_u16() else {
        return Ok(None);
    };
    if length < MIN_LENGTH_FIELD {
        return Err(MbapError::LengthTooSmall(length));
    }
    if length > MAX_LENGTH_FIELD {
        return Err(MbapError::LengthTooLarge(length));
    }
    let Ok(body) = reader.take(usize::from(length)) else {
        return Ok(None);
    };
    let Some((&unit, pdu)) = body.split_first() else {
        return Ok(None);
    };
    Ok(Some(Frame {
        header: Header {
            transaction_id,
            protocol_id,
            length,
            unit,
        },
        pdu,
    }))
}

/// Appends a well-formed frame; a PDU longer than [`MAX_LENGTH_FIELD`] - 1 bytes is cut there.
pub fn encode(transaction_id: u16, unit: u8, pdu: &[u8], out: &mut Vec<u8>) {
    let start = begin(transaction_id, unit, out);
    out.extend_from_slice(pdu.get(..usize::from(MAX_LENGTH_FIELD) - 1).unwrap_or(pdu));
    finish(start, out);
}

/// Appends a header whose length [`finish`] fills in, and returns where it starts.
pub(crate) fn begin(transaction_id: u16, unit: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let header = Header {
        transaction_id,
        protocol_id: PROTOCOL_ID,
        length: 0,
        unit,
    };
    out.extend_from_slice(&header.to_bytes());
    start
}

/// Fills in the length of the frame that starts at `start` and ends with `out`.
pub(crate) fn finish(start: usize, out: &mut [u8]) {
    let length = out.len().saturating_sub(start + PREFIX_BYTES);
    let length = u16::try_from(length).unwrap_or(MAX_LENGTH_FIELD);
    if let Some(field) = out.get_mut(start + 4..start + 6) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A bounded buffer between a byte stream and its frames.
#[derive(Clone, Debug)]
pub struct FrameBuffer(ByteQueue);

impl FrameBuffer {
    /// An empty buffer that holds at most `limit` bytes; at least one frame always fits.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(ByteQueue::new(
            limit.max(PREFIX_BYTES + usize::from(MAX_LENGTH_FIELD)),
        ))
    }

    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        self.0.waiting()
    }

    /// Takes as much of `input` as fits and returns how much that was.
    #[must_use]
    pub fn push(&mut self, input: &[u8]) -> usize {
        self.0.push(input)
    }

    /// Takes the next frame; `Ok(None)` when more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, MbapError> {
        let Some(frame) = decode(self.0.waiting())? else {
            return Ok(None);
        };
        let wire_bytes = frame.wire_bytes();
        decode(self.0.consume(wire_bytes))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
