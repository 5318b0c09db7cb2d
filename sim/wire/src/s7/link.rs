//! Bytes to messages and back, on either side of a connection.

use super::cotp::{self, Connect, Tpdu};
use super::tpkt::{self, PacketBuffer};
use crate::digest;

/// Bytes of a message that is put together from several data TPDUs at most.
const MAX_MESSAGE_BYTES: usize = 2048;

/// What arrived.
pub(super) enum Arrival {
    /// The other side calls.
    Request(Connect),
    /// The other side accepts the call.
    Confirm(Connect),
    /// The other side refuses the call, or ends the connection.
    Disconnect {
        destination_reference: u16,
        source_reference: u16,
    },
    /// A whole message, in [`Link::message`].
    Message,
}

/// The stream is no transport connection, or no more: close it.
pub(super) struct Broken;

/// Packets, and messages on the transport connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    input: PacketBuffer,
    output: Vec<u8>,
    /// The message that arrived last, or the beginning of the next.
    pub(super) message: Vec<u8>,
    /// Whether `message` is whole and was worked.
    worked: bool,
    /// Bytes of data in one TPDU; 0 before the connection.
    data_bytes: usize,
}

impl Link {
    pub(super) fn new(input_bytes: usize) -> Self {
        Self {
            input: PacketBuffer::new(input_bytes),
            output: Vec::new(),
            message: Vec::new(),
            worked: false,
            data_bytes: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        self.input.push(bytes)
    }

    /// The transport connection stands, with TPDUs of that size.
    pub(super) fn open(&mut self, size_code: u8) {
        self.data_bytes = cotp::size_bytes(size_code) - cotp::DATA_HEADER_BYTES;
    }

    pub(super) const fn is_open(&self) -> bool {
        self.data_bytes > 0
    }

    /// Bytes that wait to be sent.
    pub(super) const fn waiting_output(&self) -> usize {
        self.output.len()
    }

    /// Works packets until something arrived; `Ok(None)` when more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Arrival>, Broken> {
        if std::mem::take(&mut self.worked) {
            self.message.clear();
        }
        while let Some(tpdu) = self.input.next_tpdu().map_err(|_| Broken)? {
            match cotp::decode(tpdu).map_err(|_| Broken)? {
                Tpdu::Data { end, bytes } if self.data_bytes > 0 => {
                    if self.message.len() + bytes.len() > MAX_MESSAGE_BYTES {
                        return Err(Broken);
                    }
                    self.message.extend_from_slice(bytes);
                    if end {
                        self.worked = true;
                        return Ok(Some(Arrival::Message));
                    }
                }
                Tpdu::ConnectRequest(request) if self.data_bytes == 0 => {
                    return Ok(Some(Arrival::Request(request)));
                }
                Tpdu::ConnectConfirm(confirm) if self.data_bytes == 0 => {
                    return Ok(Some(Arrival::Confirm(confirm)));
                }
                Tpdu::DisconnectRequest {
                    destination_reference,
                    source_reference,
                    ..
                } => {
                    return Ok(Some(Arrival::Disconnect {
                        destination_reference,
                        source_reference,
                    }));
                }
                _ => return Err(Broken),
            }
        }
        Ok(None)
    }

    /// Sends a message in as many data TPDUs as their size demands.
    pub(super) fn send(&mut self, message: &[u8]) {
        let mut parts = message.chunks(self.data_bytes.max(1)).peekable();
        while let Some(part) = parts.next() {
            let end = parts.peek().is_none();
            self.send_tpdu(|out| {
                cotp::encode_data_header(end, out);
                out.extend_from_slice(part);
            });
        }
    }

    /// Sends any transport PDU.
    pub(super) fn send_tpdu(&mut self, tpdu: impl FnOnce(&mut Vec<u8>)) {
        tpkt::encode(&mut self.output, tpdu);
    }

    /// Sends any bytes as they are.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(super) fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.output);
        let any = !self.output.is_empty();
        self.output.clear();
        any
    }

    pub(super) fn clear_input(&mut self) {
        self.input.clear();
        self.message.clear();
        self.worked = false;
    }

    pub(super) fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::bytes(sink, &self.message);
        digest::number(sink, u64::from(self.worked));
        digest::number(sink, self.data_bytes as u64);
    }
}
