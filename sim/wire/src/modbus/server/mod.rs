//! The server side of one Modbus/TCP connection.
//!
//! It answers like a device: what it cannot parse it refuses with an exception and goes on; it closes only when the
//! stream has no frames in it (see [`super::mbap`]) or nothing came for the idle timeout.

mod config;
mod execute;
mod identification;

use std::sync::Arc;

use sim_record::SimTime;

use super::exception::ExceptionCode;
use super::function as fc;
use super::mbap::{self, Frame, FrameBuffer};
use super::pdu::{AccessKind, Packet};
use super::request::Request;
use super::response::Response;
use crate::device::DeviceModel;
use crate::digest;

pub use config::{BroadcastPolicy, DeviceErrorMap, Limits, ServerConfig, UnitPolicy, WrongUnit};

/// Values that a [`Transaction`] keeps at most.
pub const MAX_VALUES_KEPT: usize = 16;

/// What one request was and what became of it, for the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// When it was executed.
    pub time: SimTime,
    /// Transaction id of the frame.
    pub transaction_id: u16,
    /// Unit id of the frame.
    pub unit: u8,
    /// Function code as received.
    pub function: u8,
    /// First address as received (for function 23 of the write; for function 8 the sub-function; 0 where there is
    /// none).
    pub address: u16,
    /// Quantity as received (for function 23 of the write; 1 for single writes; 0 where there is none).
    pub count: u16,
    /// The first values written, or read when nothing was written; bits are 0 and 1. Empty after an exception.
    pub values: Values,
    /// The exception that was answered.
    pub exception: Option<u8>,
    /// Bytes of the request's frame.
    pub request_bytes: u16,
    /// Whether the function writes the device's memory, also when it was refused.
    pub write: bool,
    /// Whether a reply was sent; `false` for a wrong unit id, a broadcast, and in listen-only mode.
    pub answered: bool,
}

/// The first values of a transaction.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Values {
    len: usize,
    kept: [u16; MAX_VALUES_KEPT],
}

impl Values {
    /// Keeps the first [`MAX_VALUES_KEPT`] of `values`.
    pub fn keep(values: impl IntoIterator<Item = u16>) -> Self {
        let mut summary = Self::default();
        for (slot, value) in summary.kept.iter_mut().zip(values) {
            *slot = value;
            summary.len += 1;
        }
        summary
    }

    /// The values kept.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.kept.get(..self.len).unwrap_or(&self.kept)
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// Counters that function 8 tells (specification, 6.8). Each connection counts for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received (sub-function 11).
    pub bus_messages: u16,
    /// Frames discarded because of their protocol id (sub-function 12).
    pub communication_errors: u16,
    /// Exceptions answered (sub-function 13).
    pub exceptions: u16,
    /// Frames for this unit id (sub-function 14).
    pub server_messages: u16,
    /// Frames for this unit id without a reply (sub-function 15).
    pub no_responses: u16,
}

/// The server side of one connection.
#[derive(Clone, Debug)]
pub struct ServerSession {
    config: Arc<ServerConfig>,
    input: FrameBuffer,
    output: Vec<u8>,
    /// Replies in `output`.
    replies_waiting: usize,
    link: LinkState,
    last_input: SimTime,
    closed: bool,
}

/// What the requests of a connection can change about the connection itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkState {
    pub(crate) counters: Counters,
    pub(crate) listen_only: bool,
}

impl ServerSession {
    /// A fresh connection.
    #[must_use]
    pub fn new(now: SimTime, config: Arc<ServerConfig>) -> Self {
        let input = FrameBuffer::new(config.limits.input_bytes);
        Self {
            config,
            input,
            output: Vec::new(),
            replies_waiting: 0,
            link: LinkState::default(),
            last_input: now,
            closed: false,
        }
    }

    /// Takes received bytes and returns how many; offer the rest again after [`Self::step`].
    /// A closed session takes all and forgets them.
    #[must_use = "bytes that were not taken must be offered again"]
    pub fn handle_input(&mut self, now: SimTime, bytes: &[u8]) -> usize {
        if self.closed {
            return bytes.len();
        }
        self.last_input = now;
        self.input.push(bytes)
    }

    /// Works the next waiting request. `None` when no whole request waits, when
    /// [`Limits::replies_waiting`] replies wait for [`Self::poll_output`], or when the session is closed.
    pub fn step(&mut self, now: SimTime, device: &mut dyn DeviceModel) -> Option<Transaction> {
        while !self.closed && self.replies_waiting < self.config.limits.replies_waiting {
            let frame = match self.input.next_frame() {
                Ok(frame) => frame?,
                Err(_) => {
                    self.close();
                    return None;
                }
            };
            count(&mut self.link.counters.bus_messages);
            if frame.header.protocol_id != mbap::PROTOCOL_ID {
                count(&mut self.link.counters.communication_errors);
                continue;
            }
            let mut exchange = Exchange {
                now,
                config: &self.config,
                link: &mut self.link,
                output: &mut self.output,
            };
            let transaction = exchange.serve(&frame, device);
            self.replies_waiting += usize::from(transaction.answered);
            return Some(transaction);
        }
        None
    }

    /// Appends all waiting replies in one piece; `false` when there was nothing to send.
    pub fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.replies_waiting = 0;
        out.extend_from_slice(&self.output);
        let any = !self.output.is_empty();
        self.output.clear();
        any
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        let idle = self.config.limits.idle_timeout?;
        (!self.closed).then(|| self.last_input + idle)
    }

    /// Closes the session when nothing came for the idle timeout.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.next_timeout().is_some_and(|at| now >= at) {
            self.close();
        }
    }

    /// Whether the transport must be closed once the output is sent.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// What function 8 would tell.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.link.counters
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::number(sink, self.replies_waiting as u64);
        let Counters {
            bus_messages,
            communication_errors,
            exceptions,
            server_messages,
            no_responses,
        } = self.link.counters;
        for counter in [
            bus_messages,
            communication_errors,
            exceptions,
            server_messages,
            no_responses,
        ] {
            digest::number(sink, u64::from(counter));
        }
        digest::number(sink, u64::from(self.link.listen_only));
        digest::number(sink, self.last_input.0);
        digest::number(sink, u64::from(self.closed));
    }

    fn close(&mut self) {
        self.closed = true;
        self.input.clear();
    }
}

/// One request on its way through the server.
struct Exchange<'a> {
    now: SimTime,
    config: &'a ServerConfig,
    link: &'a mut LinkState,
    output: &'a mut Vec<u8>,
}

/// How a request ended.
#[allow(
    clippy::large_enum_variant,
    reason = "values are inline so that a request needs no heap"
)]
enum Outcome {
    Answer(Response),
    Exception(ExceptionCode),
    Silent,
}

impl Exchange<'_> {
    fn serve(&mut self, frame: &Frame<'_>, device: &mut dyn DeviceModel) -> Transaction {
        let mut transaction = describe(self.now, frame);
        let unit = frame.header.unit;
        let broadcast = unit == 0 && self.config.broadcast == BroadcastPolicy::Silent;
        if !broadcast && !self.config.units.accepts(unit) {
            if self.config.wrong_unit == WrongUnit::GatewayTargetFailed {
                self.answer_exception(
                    frame,
                    ExceptionCode::GATEWAY_TARGET_FAILED,
                    &mut transaction,
                );
            }
            return transaction;
        }
        count(&mut self.link.counters.server_messages);
        let outcome = self.outcome(frame.pdu, broadcast, device, &mut transaction.values);
        match outcome {
            Outcome::Answer(_) | Outcome::Exception(_) if broadcast => {}
            Outcome::Answer(response) => {
                let start = mbap::begin(frame.header.transaction_id, unit, self.output);
                response.encode(self.output);
                mbap::finish(start, self.output);
                transaction.answered = true;
            }
            Outcome::Exception(code) => {
                count(&mut self.link.counters.exceptions);
                self.answer_exception(frame, code, &mut transaction);
            }
            Outcome::Silent => {}
        }
        if !transaction.answered {
            count(&mut self.link.counters.no_responses);
        }
        transaction
    }

    /// Parses and executes. A broadcast executes writes only.
    fn outcome(
        &mut self,
        pdu: &[u8],
        broadcast: bool,
        device: &mut dyn DeviceModel,
        values: &mut Values,
    ) -> Outcome {
        let function = pdu.first().copied().unwrap_or(0);
        let parsed = if self.config.functions.contains(function) {
            Request::decode(pdu).map_err(super::pdu::PduError::exception)
        } else {
            Err(ExceptionCode::ILLEGAL_FUNCTION)
        };
        if self.link.listen_only {
            if let Ok(Request::Diagnostics {
                sub_function: execute::RESTART_COMMUNICATIONS,
                ..
            }) = parsed
            {
                *self.link = LinkState::default();
            }
            return Outcome::Silent;
        }
        let request = match parsed {
            Ok(request) => request,
            Err(code) => return Outcome::Exception(code),
        };
        if broadcast && !fc::writes(function) {
            return Outcome::Silent;
        }
        match execute::execute(&request, self.now, device, self.config, self.link) {
            Ok(Some(response)) => {
                *values = execute::summary(&request, &response);
                Outcome::Answer(response)
            }
            Ok(None) => Outcome::Silent,
            Err(code) => Outcome::Exception(code),
        }
    }

    fn answer_exception(
        &mut self,
        frame: &Frame<'_>,
        code: ExceptionCode,
        transaction: &mut Transaction,
    ) {
        let start = mbap::begin(frame.header.transaction_id, frame.header.unit, self.output);
        self.output
            .extend_from_slice(&[transaction.function | fc::EXCEPTION_BIT, code.0]);
        mbap::finish(start, self.output);
        transaction.exception = Some(code.0);
        transaction.answered = true;
    }
}

/// The transaction of a frame before anything was done.
fn describe(time: SimTime, frame: &Frame<'_>) -> Transaction {
    let packet = Packet::new(frame.pdu);
    let function = packet.function().unwrap_or(0);
    let (address, count) = match packet.accesses()[0] {
        Some(access) if access.kind != AccessKind::Other => (access.address, access.count),
        _ if function == fc::DIAGNOSTICS => (packet.address().unwrap_or(0), 0),
        _ => (0, 0),
    };
    Transaction {
        time,
        transaction_id: frame.header.transaction_id,
        unit: frame.header.unit,
        function,
        address,
        count,
        values: Values::default(),
        exception: None,
        request_bytes: u16::try_from(frame.wire_bytes()).unwrap_or(u16::MAX),
        write: fc::writes(function),
        answered: false,
    }
}

/// Counters are 16 bits and start again at 0, as the specification says.
fn count(counter: &mut u16) {
    *counter = counter.wrapping_add(1);
}
