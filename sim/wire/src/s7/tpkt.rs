//! The packet format of RFC 1006: how a byte stream becomes transport PDUs.

use crate::buffer::ByteQueue;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 4;
/// The only version.
pub const VERSION: u8 = 3;
/// Shortest packet: header, length indicator, code and one byte (RFC 1006, section 6).
pub const MIN_PACKET_BYTES: usize = 7;
/// Longest packet that is taken: the largest size code of ISO 8073, 8192 bytes, and the header.
pub const MAX_PACKET_BYTES: usize = HEADER_BYTES + 8192;

/// The stream cannot be cut into packets any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpktError {
    /// The first byte is no version.
    #[error("TPKT version {0}, not 3")]
    Version(u8),
    /// The length is below [`MIN_PACKET_BYTES`] or above [`MAX_PACKET_BYTES`].
    #[error("TPKT length {0} is no packet")]
    Length(u16),
}

/// Reads the first packet of `bytes`: its length on the wire and the transport PDU in it. `Ok(None)` when more bytes
/// are needed.
pub fn decode(bytes: &[u8]) -> Result<Option<(usize, &[u8])>, TpktError> {
    match bytes.first() {
        None => return Ok(None),
        Some(&VERSION) => {}
        Some(&version) => return Err(TpktError::Version(version)),
    }
    let Some(&[_, _, high, low]) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let field = u16::from_be_bytes([high, low]);
    let length = usize::from(field);
    if !(MIN_PACKET_BYTES..=MAX_PACKET_BYTES).contains(&length) {
        return Err(TpktError::Length(field));
    }
    Ok(bytes.get(HEADER_BYTES..length).map(|tpdu| (length, tpdu)))
}

/// Appends a packet around what `tpdu` appends.
pub fn encode(out: &mut Vec<u8>, tpdu: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[VERSION, 0, 0, 0]);
    tpdu(out);
    let length = u16::try_from(out.len().saturating_sub(start)).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(start + 2..start + HEADER_BYTES) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A bounded buffer between a byte stream and its packets.
#[derive(Clone, Debug)]
pub struct PacketBuffer(ByteQueue);

impl PacketBuffer {
    /// An empty buffer that holds at most `limit` bytes; at least one packet always fits.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(ByteQueue::new(limit.max(MAX_PACKET_BYTES)))
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

    /// Takes the next packet and returns its transport PDU; `Ok(None)` when more bytes are needed.
    pub fn next_tpdu(&mut self) -> Result<Option<&[u8]>, TpktError> {
        let Some((length, _)) = decode(self.0.waiting())? else {
            return Ok(None);
        };
        Ok(self.0.consume(length).get(HEADER_BYTES..))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
