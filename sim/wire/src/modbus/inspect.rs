//! What firewalls and sensors read from packets, and what a man in the middle changes in them.

use super::function as fc;
use super::mbap::{self, FrameBuffer, MbapError};
use super::pdu::{AccessKind, Packet};

/// One range that a request on the wire touches. Function 23 gives two, first the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Transaction id of the frame.
    pub transaction_id: u16,
    /// Unit id of the frame.
    pub unit: u8,
    /// Function code as sent.
    pub function: u8,
    /// Reads, writes or neither.
    pub kind: AccessKind,
    /// First address as sent; 0 for [`AccessKind::Other`].
    pub address: u16,
    /// Quantity as sent; 0 for [`AccessKind::Other`].
    pub count: u16,
}

impl Seen {
    /// Last address that the range touches; the first when the quantity is 0; at most 65535.
    #[must_use]
    pub const fn last_address(&self) -> u16 {
        self.address.saturating_add(self.count.saturating_sub(1))
    }
}

/// What follows the last whole Modbus frame of a payload. A firewall that lets only certain functions through must
/// drop a payload whose rest is not [`Remainder::Nothing`], or follow the stream with [`StreamInspector`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// The payload ends with a whole frame.
    Nothing,
    /// So many bytes of a frame that goes on in the next packet.
    Partial(usize),
    /// A frame of another protocol id, or a length field that no frame has.
    NotModbus,
}

/// Iterates over the requests of one payload.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    rest: &'a [u8],
    second: Option<Seen>,
    foreign: bool,
}

/// The requests in `payload`, which starts at a frame.
#[must_use]
pub const fn requests(payload: &[u8]) -> Requests<'_> {
    Requests {
        rest: payload,
        second: None,
        foreign: false,
    }
}

impl Requests<'_> {
    /// What follows the frames; complete after the iterator returned `None`.
    #[must_use]
    pub const fn remainder(&self) -> Remainder {
        match (self.foreign, self.rest.len()) {
            (true, _) => Remainder::NotModbus,
            (false, 0) => Remainder::Nothing,
            (false, bytes) => Remainder::Partial(bytes),
        }
    }
}

impl Iterator for Requests<'_> {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        if let Some(second) = self.second.take() {
            return Some(second);
        }
        if self.foreign {
            return None;
        }
        let frame = match mbap::decode(self.rest) {
            Ok(frame) => frame?,
            Err(_) => {
                self.foreign = true;
                return None;
            }
        };
        if frame.header.protocol_id != mbap::PROTOCOL_ID {
            self.foreign = true;
            return None;
        }
        self.rest = self.rest.get(frame.wire_bytes()..).unwrap_or(&[]);
        let [first, second] = seen(&frame);
        self.second = second;
        first
    }
}

/// Follows one direction of a connection over packet borders, as a firewall or sensor that reassembles does.
#[derive(Clone, Debug)]
pub struct StreamInspector {
    input: FrameBuffer,
    failed: bool,
}

/// Bytes of a stream that an inspector keeps; frames are worked at once, so one frame is enough.
const INSPECTOR_BYTES: usize = 512;

impl Default for StreamInspector {
    fn default() -> Self {
        Self {
            input: FrameBuffer::new(INSPECTOR_BYTES),
            failed: false,
        }
    }
}

impl StreamInspector {
    /// Calls `found` for every range of every request completed by `payload`. After an error the stream is no
    /// Modbus, now and later.
    pub fn handle_input(
        &mut self,
        payload: &[u8],
        found: &mut dyn FnMut(Seen),
    ) -> Result<(), NotModbus> {
        let mut rest = payload;
        while !self.failed && !rest.is_empty() {
            let taken = self.input.push(rest);
            rest = rest.get(taken..).unwrap_or(&[]);
            self.failed = self.work_frames(found).is_err();
        }
        if self.failed { Err(NotModbus) } else { Ok(()) }
    }

    /// Bytes of a frame that is not complete.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.input.len()
    }

    /// Feeds the inspector's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        crate::digest::bytes(sink, self.input.waiting());
        crate::digest::number(sink, u64::from(self.failed));
    }

    fn work_frames(&mut self, found: &mut dyn FnMut(Seen)) -> Result<(), NotModbus> {
        while let Some(frame) = self.input.next_frame()? {
            if frame.header.protocol_id != mbap::PROTOCOL_ID {
                return Err(NotModbus);
            }
            seen(&frame).into_iter().flatten().for_each(&mut *found);
        }
        Ok(())
    }
}

/// The stream is no Modbus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is no Modbus")]
pub struct NotModbus;

impl From<MbapError> for NotModbus {
    fn from(_: MbapError) -> Self {
        Self
    }
}

/// Changes `register` to `value` in every response of function 3 or 4 in `payload` that covers it, if the request
/// began at `request_start_addr`. The length stays. Returns whether anything was changed.
pub fn patch_response_register(
    payload: &mut [u8],
    request_start_addr: u16,
    register: u16,
    value: u16,
) -> bool {
    patch(payload, None, request_start_addr, register, value)
}

/// Like [`patch_response_register`], in the response with this transaction id only.
pub fn patch_transaction_register(
    payload: &mut [u8],
    transaction_id: u16,
    request_start_addr: u16,
    register: u16,
    value: u16,
) -> bool {
    patch(
        payload,
        Some(transaction_id),
        request_start_addr,
        register,
        value,
    )
}

fn patch(
    payload: &mut [u8],
    transaction_id: Option<u16>,
    start: u16,
    register: u16,
    value: u16,
) -> bool {
    let Some(index) = register.checked_sub(start) else {
        return false;
    };
    let mut patched = false;
    let mut rest = payload;
    while let Ok(Some(frame)) = mbap::decode(rest) {
        let wanted = frame.header.protocol_id == mbap::PROTOCOL_ID
            && transaction_id.is_none_or(|id| id == frame.header.transaction_id);
        let (frame_bytes, tail) = rest.split_at_mut(frame.wire_bytes());
        if wanted {
            patched |= patch_pdu(
                frame_bytes.get_mut(mbap::HEADER_BYTES..).unwrap_or(&mut []),
                index,
                value,
            );
        }
        rest = tail;
    }
    patched
}

fn patch_pdu(pdu: &mut [u8], index: u16, value: u16) -> bool {
    let [
        fc::READ_HOLDING_REGISTERS | fc::READ_INPUT_REGISTERS,
        byte_count,
        data @ ..,
    ] = pdu
    else {
        return false;
    };
    if usize::from(*byte_count) != data.len() {
        return false;
    }
    let at = usize::from(index) * 2;
    let field = data.get_mut(at..at + 2);
    field
        .map(|field| field.copy_from_slice(&value.to_be_bytes()))
        .is_some()
}

fn seen(frame: &mbap::Frame<'_>) -> [Option<Seen>; 2] {
    let packet = Packet::new(frame.pdu);
    let function = packet.function().unwrap_or(0);
    packet.accesses().map(|access| {
        access.map(|access| Seen {
            transaction_id: frame.header.transaction_id,
            unit: frame.header.unit,
            function,
            kind: access.kind,
            address: access.address,
            count: access.count,
        })
    })
}
