//! The transport below the server: bytes to messages and back.

use crate::digest;
use crate::s7::cotp::{self, Connect, Tpdu, Tsap};
use crate::s7::persona::S7Persona;
use crate::s7::tpkt::{self, PacketBuffer};

/// Bytes of a message that is put together from several data TPDUs at most.
pub(super) const MAX_MESSAGE_BYTES: usize = 2048;

/// What arrived.
pub(super) enum Arrival {
    /// A connection request, already answered.
    Connect {
        calling: Tsap,
        called: Tsap,
        accepted: bool,
    },
    /// The client ends the connection; already answered.
    Disconnect,
    /// A whole message, in [`Link::message`].
    Message,
}

/// The stream is no transport connection, or no more: close it.
pub(super) struct Broken;

/// Packets, the transport connection, and messages on it.
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

    pub(super) const fn is_connected(&self) -> bool {
        self.data_bytes > 0
    }

    /// Bytes of answers that wait.
    pub(super) const fn waiting_output(&self) -> usize {
        self.output.len()
    }

    /// Works packets until something arrived; `Ok(None)` when more bytes are needed.
    pub(super) fn next(&mut self, persona: &S7Persona) -> Result<Option<Arrival>, Broken> {
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
                    return Ok(Some(self.connect(request, persona)));
                }
                Tpdu::DisconnectRequest {
                    destination_reference,
                    source_reference,
                    ..
                } => {
                    tpkt::encode(&mut self.output, |out| {
                        cotp::encode_disconnect_confirm(
                            source_reference,
                            destination_reference,
                            out,
                        );
                    });
                    return Ok(Some(Arrival::Disconnect));
                }
                _ => return Err(Broken),
            }
        }
        Ok(None)
    }

    fn connect(&mut self, request: Connect, persona: &S7Persona) -> Arrival {
        let called = request.called.unwrap_or_default();
        let calling = request.calling.unwrap_or_default();
        let accepted = persona.addressing.accepts(&called);
        if accepted {
            let largest = persona
                .size_code
                .clamp(cotp::MIN_SIZE_CODE, cotp::MAX_SIZE_CODE);
            let size_code = request
                .size_code
                .map_or(largest, |asked| asked.clamp(cotp::MIN_SIZE_CODE, largest));
            self.data_bytes = cotp::size_bytes(size_code) - cotp::DATA_HEADER_BYTES;
            let confirm = Connect {
                destination_reference: request.source_reference,
                source_reference: persona
                    .reference_base
                    .wrapping_add(request.source_reference),
                class: 0,
                size_code: Some(size_code),
                calling: Some(calling.clone()),
                called: Some(called.clone()),
            };
            tpkt::encode(&mut self.output, |out| {
                cotp::encode_confirm(&confirm, out);
            });
        } else {
            tpkt::encode(&mut self.output, |out| {
                cotp::encode_disconnect_request(
                    request.source_reference,
                    0,
                    cotp::REASON_ADDRESS_UNKNOWN,
                    out,
                );
            });
        }
        Arrival::Connect {
            calling,
            called,
            accepted,
        }
    }

    /// Sends a message in as many data TPDUs as their size demands.
    pub(super) fn send(&mut self, message: &[u8]) {
        let mut parts = message.chunks(self.data_bytes.max(1)).peekable();
        while let Some(part) = parts.next() {
            let end = parts.peek().is_none();
            tpkt::encode(&mut self.output, |out| {
                cotp::encode_data_header(end, out);
                out.extend_from_slice(part);
            });
        }
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
    }

    pub(super) fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::bytes(sink, &self.message);
        digest::number(sink, u64::from(self.worked));
        digest::number(sink, self.data_bytes as u64);
    }
}
