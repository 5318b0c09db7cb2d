//! Frames of the management session.

use super::{MAGIC, MAX_FRAME_BYTES};
use crate::buffer::ByteQueue;
use crate::cursor::Reader;

/// Bytes of the magic and the length field.
const PREFIX_BYTES: usize = 8;
/// Sequence number and kind.
const MIN_FRAME_BYTES: usize = 5;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) sequence: u32,
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
}

/// The stream has no frames any more: another magic, or a length that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAFrame;

/// From stream to frames.
#[derive(Clone, Debug)]
pub(super) struct Frames(ByteQueue);

impl Frames {
    pub(super) const fn new() -> Self {
        Self(ByteQueue::new(PREFIX_BYTES + MAX_FRAME_BYTES))
    }

    #[must_use]
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.0.push(bytes)
    }

    pub(super) fn waiting(&self) -> &[u8] {
        self.0.waiting()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The next frame; `Ok(None)` when more bytes are needed.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, NotAFrame> {
        let waiting = self.0.waiting();
        // As soon as a byte differs, so that a client of another protocol does not hang.
        if waiting.iter().zip(&MAGIC).any(|(is, due)| is != due) {
            return Err(NotAFrame);
        }
        let Some([_, _, _, _, length @ ..]) = waiting.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| NotAFrame)?;
        if !(MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&length) {
            return Err(NotAFrame);
        }
        if waiting.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        let mut reader = Reader::new(self.0.consume(PREFIX_BYTES + length));
        let parsed = (|| {
            reader.take(PREFIX_BYTES)?;
            Ok::<_, crate::cursor::UnexpectedEnd>((reader.read_u32()?, reader.read_u8()?))
        })();
        let (sequence, kind) = parsed.map_err(|_| NotAFrame)?;
        Ok(Some(Frame {
            sequence,
            kind,
            body: reader.take_rest(),
        }))
    }
}

/// Appends a frame whose body `fill` writes.
pub(super) fn encode(sequence: u32, kind: u8, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; PREFIX_BYTES - MAGIC.len()]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.push(kind);
    fill(out);
    out.truncate(start + PREFIX_BYTES + MAX_FRAME_BYTES);
    let length = u32::try_from(out.len() - start - PREFIX_BYTES).unwrap_or(0);
    if let Some(field) = out.get_mut(start + MAGIC.len()..start + PREFIX_BYTES) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}
