//! The server side of one S7 connection.
//!
//! It answers like a CPU. A telegram that it cannot read is refused with an error code; a stream that is no transport
//! connection, another protocol on top of one, and silence beyond the idle timeout end the connection.
//!
//! What the CPU sends unasked, cyclic data and messages, is made by [`ServerSession::step`]: call it after
//! [`ServerSession::handle_timeout`] too.

mod blocks;
mod config;
pub(super) mod control;
mod record;
mod subscriptions;
mod transfer;
mod userdata;
mod variables;

use std::sync::Arc;

use sim_record::SimTime;

use self::subscriptions::Subscriptions;
use self::transfer::Transfers;
use self::userdata::Parts;
use super::cotp::{self, Connect};
use super::device::{Level, S7Device};
use super::error::ErrorCode;
use super::link::{Arrival, Broken, Link};
use super::pdu::{self, Pdu, function, rosctr};
use super::userdata::ANSWER_PARAMETER_BYTES;
use super::{MAX_PDU_BYTES, MIN_PDU_BYTES};
use crate::digest;

pub(super) use transfer::{decode_part, encode_part};
pub(super) use userdata::{hide_password, service};

pub use config::{Limits, ServerConfig};
pub use record::{Access, Action, Bytes, MAX_BYTES_KEPT, Transaction};

/// The server side of one connection.
#[derive(Clone, Debug)]
pub struct ServerSession {
    config: Arc<ServerConfig>,
    link: Link,
    state: State,
    /// The answer that is being made.
    reply: Vec<u8>,
    /// A job of ours that goes out after it.
    extra: Vec<u8>,
    opened: SimTime,
    /// When the last whole request came; single bytes do not keep a connection.
    last_request: SimTime,
    closed: bool,
}

/// What the requests of a connection change about the connection itself.
#[derive(Clone, Debug, Default)]
struct State {
    /// Bytes of a PDU as negotiated; 0 before the setup.
    pdu_bytes: u16,
    /// Whether the password was given.
    legitimated: bool,
    /// Sequence number of the last userdata answer.
    sequence: u8,
    /// The rest of an answer that is longer than a PDU.
    parts: Option<Parts>,
    transfers: Transfers,
    subscriptions: Subscriptions,
}

impl State {
    /// Advances the sequence number; those that name a subscription, at most [`Limits::MAX_PARALLEL`], are left out.
    fn next_sequence(&mut self) {
        loop {
            self.sequence = self.sequence.checked_add(1).unwrap_or(1);
            if !self.subscriptions.uses(self.sequence) {
                return;
            }
        }
    }

    /// Bytes of data that fit into a userdata answer or push.
    fn userdata_room(&self) -> usize {
        const OVERHEAD: usize =
            pdu::HEADER_BYTES + ANSWER_PARAMETER_BYTES + super::userdata::DATA_HEADER_BYTES;
        usize::from(self.pdu_bytes).saturating_sub(OVERHEAD)
    }

    fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, u64::from(self.pdu_bytes));
        digest::number(sink, u64::from(self.legitimated));
        digest::number(sink, u64::from(self.sequence));
        if let Some(parts) = &self.parts {
            parts.digest_into(sink);
        }
        self.transfers.digest_into(sink);
        self.subscriptions.digest_into(sink);
    }
}

impl ServerSession {
    /// A fresh connection.
    #[must_use]
    pub fn new(now: SimTime, config: Arc<ServerConfig>) -> Self {
        let link = Link::new(config.limits.input_bytes);
        Self {
            config,
            link,
            state: State::default(),
            reply: Vec::new(),
            extra: Vec::new(),
            opened: now,
            last_request: now,
            closed: false,
        }
    }

    /// Takes received bytes and returns how many; offer the rest again after [`Self::step`].
    /// A closed session takes all and forgets them.
    #[must_use = "bytes that were not taken must be offered again"]
    pub fn handle_input(&mut self, _now: SimTime, bytes: &[u8]) -> usize {
        if self.closed {
            return bytes.len();
        }
        self.link.push(bytes)
    }

    /// Works the next waiting request. `None` when no whole request waits, when [`Limits::output_bytes`] wait for
    /// [`Self::poll_output`], or when the session is closed.
    pub fn step(&mut self, now: SimTime, device: &mut dyn S7Device) -> Option<Transaction> {
        if self.closed {
            return None;
        }
        self.state.transfers.expire(now);
        if !self.state.subscriptions.is_empty() {
            subscriptions::push(now, &*device, &self.config, &mut self.state, &mut self.link);
        }
        while !self.closed && self.link.waiting_output() < self.config.limits.output_bytes {
            let worked = match self.link.next() {
                Ok(arrival) => self.work(now, device, arrival?),
                Err(Broken) => {
                    self.close();
                    return None;
                }
            };
            if worked.is_some() {
                return worked;
            }
        }
        None
    }

    /// Appends all waiting answers in one piece; `false` when there was nothing to send.
    pub fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.link.poll_output(out)
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        let due = [
            self.end_of_patience(),
            self.state.transfers.deadline(),
            self.state.subscriptions.due(),
        ];
        due.into_iter().flatten().min().filter(|_| !self.closed)
    }

    /// Closes the session when nothing came for too long, gives up transfers, and notes what is due to be sent.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.state.transfers.expire(now);
        self.state.subscriptions.mark_due(now);
        if self.end_of_patience().is_some_and(|at| now >= at) {
            self.close();
        }
    }

    /// Whether the transport must be closed once the output is sent.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        self.link.digest_into(sink);
        self.state.digest_into(sink);
        digest::number(sink, self.opened.0);
        digest::number(sink, self.last_request.0);
        digest::number(sink, u64::from(self.closed));
    }

    fn end_of_patience(&self) -> Option<SimTime> {
        let limits = &self.config.limits;
        // Who only listens is silent; the transport finds out that he is gone.
        let idle = limits
            .idle_timeout
            .filter(|_| self.state.subscriptions.is_empty())
            .map(|idle| self.last_request + idle);
        let connect = limits
            .connect_timeout
            .filter(|_| !self.link.is_open())
            .map(|connect| self.opened + connect);
        idle.into_iter().chain(connect).min()
    }

    fn close(&mut self) {
        self.closed = true;
        self.link.clear_input();
    }

    /// Works what arrived; `None` where it was no request.
    fn work(
        &mut self,
        now: SimTime,
        device: &mut dyn S7Device,
        arrival: Arrival,
    ) -> Option<Transaction> {
        self.last_request = now;
        let (action, refusal) = match arrival {
            Arrival::Message => return self.serve(now, device),
            Arrival::Request(request) => self.connect(request),
            Arrival::Disconnect {
                destination_reference,
                source_reference,
            } => {
                self.link.send_tpdu(|out| {
                    cotp::encode_disconnect_confirm(source_reference, destination_reference, out);
                });
                self.close();
                (Action::Disconnect, None)
            }
            Arrival::Confirm(_) => {
                self.close();
                return None;
            }
        };
        Some(Transaction {
            time: now,
            reference: 0,
            action,
            refusal,
            request_bytes: 0,
            answered: true,
        })
    }

    /// Accepts a call, or refuses it where the address is not the persona's.
    fn connect(&mut self, request: Connect) -> (Action, Option<ErrorCode>) {
        let persona = &self.config.persona;
        let called = request.called.unwrap_or_default();
        let calling = request.calling.unwrap_or_default();
        let action = Action::Connect {
            calling: calling.clone(),
            called: called.clone(),
        };
        let client = request.source_reference;
        if !persona.addressing.accepts(&called) {
            self.link.send_tpdu(|out| {
                cotp::encode_disconnect_request(client, 0, cotp::REASON_ADDRESS_UNKNOWN, out);
            });
            self.close();
            return (action, Some(ErrorCode::ACCESS_REFUSED));
        }
        let largest = persona
            .size_code
            .clamp(cotp::MIN_SIZE_CODE, cotp::MAX_SIZE_CODE);
        let asked = request.size_code.unwrap_or(largest);
        let size_code = asked.clamp(cotp::MIN_SIZE_CODE, largest);
        let confirm = Connect {
            destination_reference: client,
            source_reference: persona.reference_base.wrapping_add(client),
            class: 0,
            size_code: Some(size_code),
            calling: Some(calling),
            called: Some(called),
        };
        self.link.open(size_code);
        self.link
            .send_tpdu(|out| cotp::encode_confirm(&confirm, out));
        (action, None)
    }

    /// Works the message that arrived.
    fn serve(&mut self, now: SimTime, device: &mut dyn S7Device) -> Option<Transaction> {
        let message = std::mem::take(&mut self.link.message);
        let mut exchange = Exchange {
            now,
            config: &self.config,
            state: &mut self.state,
            device,
            reply: &mut self.reply,
            extra: &mut self.extra,
            action: Action::Malformed(message.first().copied().unwrap_or(0)),
            refusal: None,
        };
        exchange.reply.clear();
        exchange.extra.clear();
        let request = pdu::decode(&message);
        let too_long = message.len() > usize::from(exchange.state.pdu_bytes.max(MIN_PDU_BYTES));
        let outcome = match &request {
            Ok(_) if too_long => Outcome::Refused(ErrorCode::WRONG_PDU),
            Ok(request) => exchange.serve(request),
            // Another protocol: a CPU ends the connection.
            Err(pdu::PduError::Protocol(_)) => Outcome::Close,
            Err(_) => Outcome::Refused(ErrorCode::WRONG_PDU),
        };
        let reference = pdu::reference(&message).unwrap_or(0);
        let action = exchange.action;
        let refusal = match outcome {
            Outcome::Done => exchange.refusal,
            Outcome::Ignored => {
                self.link.message = message;
                return None;
            }
            Outcome::Refused(code) => {
                pdu::begin(&mut self.reply, rosctr::ACK, reference, code, &[]);
                Some(code)
            }
            Outcome::Close => {
                self.close();
                Some(ErrorCode::WRONG_PDU)
            }
        };
        let answered = !(self.reply.is_empty() && self.extra.is_empty());
        for message in [&mut self.reply, &mut self.extra] {
            if !message.is_empty() {
                pdu::finish(message);
                self.link.send(message);
            }
        }
        let request_bytes = u16::try_from(message.len()).unwrap_or(u16::MAX);
        self.link.message = message;
        Some(Transaction {
            time: now,
            reference,
            action,
            refusal,
            request_bytes,
            answered,
        })
    }
}

/// How a request ended.
enum Outcome {
    /// There is a reply, or none is needed.
    Done,
    /// The reply is an answer with that error and nothing else.
    Refused(ErrorCode),
    /// No request.
    Ignored,
    /// End the connection.
    Close,
}

/// One request on its way through the server.
struct Exchange<'a> {
    now: SimTime,
    config: &'a ServerConfig,
    state: &'a mut State,
    device: &'a mut dyn S7Device,
    reply: &'a mut Vec<u8>,
    extra: &'a mut Vec<u8>,
    action: Action,
    /// Why it was refused, where the reply says so already.
    refusal: Option<ErrorCode>,
}

impl Exchange<'_> {
    fn serve(&mut self, request: &Pdu<'_>) -> Outcome {
        match request.kind {
            rosctr::JOB => match self.job(request) {
                Ok(()) => Outcome::Done,
                Err(code) => Outcome::Refused(code),
            },
            rosctr::USERDATA if self.state.pdu_bytes > 0 => self.userdata(request),
            rosctr::USERDATA => Outcome::Refused(ErrorCode::STATE),
            _ => self.client_answer(request),
        }
    }

    fn job(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        let function = request.function().ok_or(ErrorCode::WRONG_PDU)?;
        self.action = Action::UnknownJob(function);
        if function == function::SETUP {
            return self.setup(request);
        }
        if self.state.pdu_bytes == 0 {
            return Err(ErrorCode::STATE);
        }
        let services = self.config.persona.services;
        match function {
            function::READ if services.variables => self.read_variables(request),
            function::WRITE if services.variables => self.write_variables(request),
            function::READ | function::WRITE => Err(ErrorCode::NOT_IMPLEMENTED),
            function::START_UPLOAD => self.start_upload(request),
            function::UPLOAD => self.upload_part(request),
            function::END_UPLOAD => self.end_upload(request),
            function::REQUEST_DOWNLOAD => self.start_download(request),
            function::CONTROL => self.control(request),
            function::STOP => self.stop(request),
            _ => Err(ErrorCode::STATE),
        }
    }

    fn setup(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        let Ok([_, _, c0, c1, d0, d1, p0, p1]) = <[u8; 8]>::try_from(request.parameters) else {
            return Err(ErrorCode::WRONG_PDU);
        };
        let persona = &self.config.persona;
        let jobs = |asked: [u8; 2]| {
            let most = persona.parallel_jobs.max(1);
            u16::from_be_bytes(asked).clamp(1, most)
        };
        let largest = persona.pdu_bytes.clamp(MIN_PDU_BYTES, MAX_PDU_BYTES);
        let pdu_bytes = u16::from_be_bytes([p0, p1]).clamp(MIN_PDU_BYTES, largest);
        // A new setup starts afresh; what was legitimated stays with the transport connection.
        *self.state = State {
            pdu_bytes,
            legitimated: self.state.legitimated,
            ..State::default()
        };
        self.action = Action::Setup { pdu_bytes };
        let mut parameters = vec![function::SETUP, 0];
        for field in [jobs([c0, c1]), jobs([d0, d1]), pdu_bytes] {
            parameters.extend_from_slice(&field.to_be_bytes());
        }
        self.answer(request, &parameters);
        Ok(())
    }

    /// Begins the answer to a job.
    fn answer(&mut self, request: &Pdu<'_>, parameters: &[u8]) {
        let reference = request.reference;
        pdu::begin(
            self.reply,
            rosctr::ACK_DATA,
            reference,
            ErrorCode::NONE,
            parameters,
        );
    }

    /// The protection level that holds for this client.
    fn level(&self) -> Level {
        self.device.protection().level(self.state.legitimated)
    }
}
