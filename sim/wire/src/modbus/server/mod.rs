//! The server side of one Modbus/TCP connection.
//!
//! It answers like a device: what it cannot parse it refuses with an exception and goes on; it closes only when the
//! stream has no frames in it (see [`super::mbap`]) or nothing came for the idle timeout.

mod communication;
mod execute;
mod identification;
mod persona;

use std::sync::Arc;

use sim_record::SimTime;

use super::exception::ExceptionCode;
use super::function as fc;
use super::mbap::{self, Frame, FrameBuffer};
use super::pdu::{AccessKind, Packet, PduError};
use super::request::Request;
use super::response::Response;
use crate::device::DeviceModel;
use crate::digest;

pub use communication::{Communication, Counters};
pub use persona::{
    BroadcastPolicy, CommunicationOf, Conformity, DeviceErrorMap, GatewayUnit, Limits,
    ModbusPersona, ReplyTiming, RunIndicator, Umas, UnitPolicy, Unsupported, WrongUnit,
};

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

/// The server side of one connection.
#[derive(Clone, Debug)]
pub struct ServerSession {
    persona: Arc<ModbusPersona>,
    input: FrameBuffer,
    output: Vec<u8>,
    /// Replies in `output`.
    replies_waiting: usize,
    communication: Communication,
    last_input: SimTime,
    closed: bool,
}

impl ServerSession {
    /// A fresh connection.
    #[must_use]
    pub fn new(now: SimTime, persona: Arc<ModbusPersona>) -> Self {
        let input = FrameBuffer::new(persona.limits.input_bytes);
        let communication = Communication::of(&persona);
        Self {
            persona,
            input,
            output: Vec::new(),
            replies_waiting: 0,
            communication,
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
        while !self.closed && self.replies_waiting < self.persona.limits.replies_waiting {
            let frame = match self.input.next_frame() {
                Ok(frame) => frame?,
                Err(_) => {
                    self.close();
                    return None;
                }
            };
            if frame.header.protocol_id != mbap::PROTOCOL_ID {
                self.communication.discarded();
                continue;
            }
            self.communication.arrived();
            let mut exchange = Exchange {
                now,
                persona: &self.persona,
                communication: &mut self.communication,
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
        let idle = self.persona.limits.idle_timeout?;
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
        self.communication.counters()
    }

    /// Exchanges the session's counters, log and mode with `other`. Where they belong to the device
    /// ([`CommunicationOf::Device`]), its host lends them to a session for each piece of work, and takes them back.
    pub const fn exchange_communication(&mut self, other: &mut Communication) {
        std::mem::swap(&mut self.communication, other);
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::number(sink, self.replies_waiting as u64);
        self.communication.digest_into(sink);
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
    persona: &'a ModbusPersona,
    communication: &'a mut Communication,
    output: &'a mut Vec<u8>,
}

/// How a request ended.
#[allow(
    clippy::large_enum_variant,
    reason = "values are inline so that a request needs no heap"
)]
enum Outcome {
    Answer(Response),
    /// A PDU that is no response of the specification.
    Foreign(Vec<u8>),
    Exception(ExceptionCode),
    Silent,
}

impl Exchange<'_> {
    fn serve(&mut self, frame: &Frame<'_>, device: &mut dyn DeviceModel) -> Transaction {
        let mut transaction = describe(self.now, frame);
        let unit = frame.header.unit;
        let broadcast = unit == 0 && self.persona.broadcast == BroadcastPolicy::Silent;
        if !broadcast && !self.persona.units.accepts(unit) {
            if let Some(code) = self.persona.wrong_unit.exception() {
                self.answer_exception(frame, code, &mut transaction);
            }
            return transaction;
        }
        self.communication.accepted(broadcast);
        let function = transaction.function;
        let outcome = self.outcome(frame, broadcast, device, &mut transaction.values);
        if matches!(outcome, Outcome::Answer(_)) {
            self.communication
                .completed(function != fc::GET_COMM_EVENT_COUNTER);
        }
        match outcome {
            Outcome::Silent => {}
            _ if broadcast => {}
            Outcome::Answer(response) => {
                self.answer(frame, |output| response.encode(output), &mut transaction);
            }
            Outcome::Foreign(pdu) => {
                self.answer(frame, |output| output.extend(pdu), &mut transaction);
            }
            Outcome::Exception(code) => self.answer_exception(frame, code, &mut transaction),
        }
        self.communication.finished(
            transaction.exception.map(ExceptionCode),
            transaction.answered,
        );
        transaction
    }

    /// Parses and executes. A broadcast executes writes only.
    fn outcome(
        &mut self,
        frame: &Frame<'_>,
        broadcast: bool,
        device: &mut dyn DeviceModel,
        values: &mut Values,
    ) -> Outcome {
        let function = frame.pdu.first().copied().unwrap_or(0);
        let offered = self.persona.functions.contains(function);
        let parsed = offered.then(|| Request::decode(frame.pdu));
        if self.communication.listen_only {
            if let Some(Ok(Request::Diagnostics {
                sub_function: communication::RESTART_COMMUNICATIONS,
                data,
            })) = parsed
            {
                let word = communication::diagnostic_word(&data);
                self.communication.restart(word.unwrap_or(0));
            }
            return Outcome::Silent;
        }
        let request = match parsed {
            None => return self.not_offered(frame.pdu),
            Some(Err(PduError::Quantity(_))) => {
                return Outcome::Exception(self.persona.errors.bad_quantity);
            }
            Some(Err(error)) => return Outcome::Exception(error.exception()),
            Some(Ok(request)) => request,
        };
        if broadcast && !fc::writes(function) {
            return Outcome::Silent;
        }
        let mut outcome = Outcome::Silent;
        let units = match &self.persona.units {
            UnitPolicy::Gateway(behind) if broadcast => behind.as_slice(),
            _ => &[],
        };
        // A broadcast through a gateway reaches every device behind it; any other request has one.
        let units = units.iter().map(|behind| behind.unit);
        let one = units.len() == 0;
        for unit in units.chain(one.then_some(frame.header.unit)) {
            let executed = execute::execute(
                &request,
                self.now,
                device,
                unit,
                self.persona,
                self.communication,
            );
            outcome = match executed {
                Ok(Some(response)) => {
                    *values = execute::summary(&request, &response);
                    Outcome::Answer(response)
                }
                Ok(None) => Outcome::Silent,
                Err(code) => Outcome::Exception(code),
            };
        }
        outcome
    }

    /// A function that the persona lacks.
    fn not_offered(&self, pdu: &[u8]) -> Outcome {
        if pdu.first() == Some(&fc::UMAS)
            && let Some(answer) = self.persona.umas.refusal(pdu)
        {
            return Outcome::Foreign(answer);
        }
        match self.persona.unsupported {
            Unsupported::Exception(code) => Outcome::Exception(code),
            Unsupported::Silent => Outcome::Silent,
        }
    }

    fn answer(
        &mut self,
        frame: &Frame<'_>,
        write: impl FnOnce(&mut Vec<u8>),
        transaction: &mut Transaction,
    ) {
        let start = mbap::begin(frame.header.transaction_id, frame.header.unit, self.output);
        write(self.output);
        mbap::finish(start, self.output);
        transaction.answered = true;
    }

    fn answer_exception(
        &mut self,
        frame: &Frame<'_>,
        code: ExceptionCode,
        transaction: &mut Transaction,
    ) {
        let pdu = [transaction.function | fc::EXCEPTION_BIT, code.0];
        self.answer(frame, |output| output.extend(pdu), transaction);
        transaction.exception = Some(code.0);
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
