//! The client side of one Modbus/TCP connection.

use std::collections::VecDeque;

use sim_record::{SimDuration, SimTime};

use super::exception::ExceptionCode;
use super::mbap::{self, FrameBuffer, MbapError};
use super::pdu::PduError;
use super::request::Request;
use super::response::{Reply, Response};
use crate::digest;

/// Bytes of replies that wait at most; replies are worked at once, so one frame is enough.
const INPUT_BYTES: usize = 1024;
/// Bytes to be sent beyond which [`ClientSession::send_raw`] refuses.
pub const OUTPUT_BYTES: usize = 64 * 1024;

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Unit id of [`ClientSession::request`].
    pub unit: u8,
    /// Longest wait for a reply, from the moment the request is given to the transport.
    pub timeout: SimDuration,
    /// Requests on the way at the same time. Most real clients have one.
    pub in_flight: usize,
    /// Requests queued and events not polled, together, at most.
    pub queued: usize,
}

impl ClientConfig {
    /// Wait for a reply, as common clients have it.
    pub const TIMEOUT: SimDuration = SimDuration::from_secs(1);
    /// Requests queued and events not polled.
    pub const QUEUED: usize = 64;
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            unit: 1,
            timeout: Self::TIMEOUT,
            in_flight: 1,
            queued: Self::QUEUED,
        }
    }
}

/// Names a request of one session; never used again in that session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// The queue is full: poll events, or ask less often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client's queue is full")]
pub struct QueueFull;

/// What happened to a request. Each accepted request has exactly one event that names it.
#[allow(
    clippy::large_enum_variant,
    reason = "values are inline so that a request needs no heap"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The device answered.
    Response {
        /// The request.
        id: RequestId,
        /// The answer.
        response: Response,
    },
    /// The device refused.
    Exception {
        /// The request.
        id: RequestId,
        /// The code.
        code: ExceptionCode,
    },
    /// The answer to [`ClientSession::request_raw`].
    RawResponse {
        /// The request.
        id: RequestId,
        /// Function code and data.
        pdu: Vec<u8>,
    },
    /// No answer in time.
    Timeout {
        /// The request.
        id: RequestId,
    },
    /// An answer that does not fit its request.
    ProtocolError {
        /// The request.
        id: RequestId,
        /// What is wrong.
        error: PduError,
    },
    /// The connection ended before the answer.
    ConnectionLost {
        /// The request.
        id: RequestId,
    },
}

impl ClientEvent {
    /// The request that the event is about.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        match self {
            Self::Response { id, .. }
            | Self::Exception { id, .. }
            | Self::RawResponse { id, .. }
            | Self::Timeout { id }
            | Self::ProtocolError { id, .. }
            | Self::ConnectionLost { id } => *id,
        }
    }
}

/// The client side of one connection.
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: ClientConfig,
    next_id: u64,
    next_transaction_id: u16,
    queue: VecDeque<Queued>,
    flying: VecDeque<Flying>,
    events: VecDeque<ClientEvent>,
    input: FrameBuffer,
    output: Vec<u8>,
    stray_replies: u64,
    closed: Option<MbapError>,
}

#[derive(Clone, Debug)]
struct Queued {
    id: RequestId,
    unit: u8,
    body: Body,
}

#[derive(Clone, Debug)]
struct Flying {
    asked: Queued,
    transaction_id: u16,
    deadline: SimTime,
}

#[allow(
    clippy::large_enum_variant,
    reason = "values are inline so that a request needs no heap"
)]
#[derive(Clone, Debug)]
enum Body {
    Valid(Request),
    Raw(Vec<u8>),
}

impl ClientSession {
    /// A fresh connection.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config,
            next_id: 0,
            next_transaction_id: 1,
            queue: VecDeque::new(),
            flying: VecDeque::new(),
            events: VecDeque::new(),
            input: FrameBuffer::new(INPUT_BYTES),
            output: Vec::new(),
            stray_replies: 0,
            closed: None,
        }
    }

    /// Asks the configured unit.
    pub fn request(&mut self, now: SimTime, request: Request) -> Result<RequestId, QueueFull> {
        self.request_to(now, self.config.unit, request)
    }

    /// Asks a unit.
    pub fn request_to(
        &mut self,
        now: SimTime,
        unit: u8,
        request: Request,
    ) -> Result<RequestId, QueueFull> {
        self.enqueue(now, unit, Body::Valid(request))
    }

    /// Asks a unit with any bytes for a PDU; the frame around them is well-formed.
    pub fn request_raw(
        &mut self,
        now: SimTime,
        unit: u8,
        pdu: Vec<u8>,
    ) -> Result<RequestId, QueueFull> {
        self.enqueue(now, unit, Body::Raw(pdu))
    }

    /// Sends any bytes as they are, and expects no answer to them. Refused while [`OUTPUT_BYTES`] or more wait for
    /// [`Self::poll_output`].
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), QueueFull> {
        if self.output.len() >= OUTPUT_BYTES {
            return Err(QueueFull);
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes received bytes, all of them.
    pub fn handle_input(&mut self, now: SimTime, bytes: &[u8]) {
        let mut rest = bytes;
        while self.closed.is_none() && !rest.is_empty() {
            let taken = self.input.push(rest);
            rest = rest.get(taken..).unwrap_or(&[]);
            self.work_frames();
        }
        self.launch(now);
    }

    /// Gives up requests whose time is over.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while self
            .flying
            .front()
            .is_some_and(|flying| flying.deadline <= now)
        {
            if let Some(flying) = self.flying.pop_front() {
                self.events.push_back(ClientEvent::Timeout {
                    id: flying.asked.id,
                });
            }
        }
        self.launch(now);
    }

    /// The transport is gone: every open request is lost, and the session is as on a fresh connection. Ids go on.
    pub fn handle_close(&mut self) {
        self.lose_all();
        self.input.clear();
        self.output.clear();
        self.closed = None;
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Appends what is to be sent; `false` when there was nothing.
    pub fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.output);
        let any = !self.output.is_empty();
        self.output.clear();
        any
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        self.flying.front().map(|flying| flying.deadline)
    }

    /// Requests queued or on the way.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.queue.len() + self.flying.len()
    }

    /// Frames that answered no open request: late ones, foreign ones, other protocols.
    #[must_use]
    pub const fn stray_replies(&self) -> u64 {
        self.stray_replies
    }

    /// Whether the server's stream lost its frames: close the transport, then [`Self::handle_close`].
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Why the stream has no frames any more.
    #[must_use]
    pub const fn close_reason(&self) -> Option<MbapError> {
        self.closed
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, self.next_id);
        digest::number(sink, u64::from(self.next_transaction_id));
        digest::number(sink, self.queue.len() as u64);
        for flying in &self.flying {
            digest::number(sink, flying.asked.id.0);
            digest::number(sink, flying.deadline.0);
        }
        digest::number(sink, self.events.len() as u64);
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::number(sink, self.stray_replies);
        digest::number(sink, u64::from(self.closed.is_some()));
    }

    fn enqueue(&mut self, now: SimTime, unit: u8, body: Body) -> Result<RequestId, QueueFull> {
        if self.queue.len() + self.events.len() >= self.config.queued {
            return Err(QueueFull);
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.queue.push_back(Queued { id, unit, body });
        self.launch(now);
        Ok(id)
    }

    /// Sends queued requests while there is room on the way.
    fn launch(&mut self, now: SimTime) {
        while self.closed.is_none() && self.flying.len() < self.config.in_flight.max(1) {
            let Some(asked) = self.queue.pop_front() else {
                return;
            };
            let transaction_id = self.next_transaction_id;
            self.next_transaction_id = self.next_transaction_id.wrapping_add(1);
            match &asked.body {
                Body::Valid(request) => {
                    let start = mbap::begin(transaction_id, asked.unit, &mut self.output);
                    request.encode(&mut self.output);
                    mbap::finish(start, &mut self.output);
                }
                Body::Raw(pdu) => mbap::encode(transaction_id, asked.unit, pdu, &mut self.output),
            }
            self.flying.push_back(Flying {
                asked,
                transaction_id,
                deadline: now + self.config.timeout,
            });
        }
    }

    fn work_frames(&mut self) {
        loop {
            match self.input.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    let flying = self.flying.iter().position(|flying| {
                        flying.transaction_id == frame.header.transaction_id
                            && frame.header.protocol_id == mbap::PROTOCOL_ID
                            && flying.asked.unit == frame.header.unit
                    });
                    match flying.and_then(|index| self.flying.remove(index)) {
                        Some(flying) => self.events.push_back(event(&flying.asked, frame.pdu)),
                        None => self.stray_replies += 1,
                    }
                }
                Err(error) => {
                    self.closed = Some(error);
                    self.input.clear();
                    self.lose_all();
                    return;
                }
            }
        }
    }

    fn lose_all(&mut self) {
        let flying = self.flying.drain(..).map(|flying| flying.asked);
        let lost = flying.chain(self.queue.drain(..));
        self.events
            .extend(lost.map(|asked| ClientEvent::ConnectionLost { id: asked.id }));
    }
}

fn event(asked: &Queued, pdu: &[u8]) -> ClientEvent {
    let id = asked.id;
    match &asked.body {
        Body::Raw(_) => ClientEvent::RawResponse {
            id,
            pdu: pdu.to_vec(),
        },
        Body::Valid(request) => match Response::decode(pdu, request) {
            Ok(Reply::Response(response)) => ClientEvent::Response { id, response },
            Ok(Reply::Exception(code)) => ClientEvent::Exception { id, code },
            Err(error) => ClientEvent::ProtocolError { id, error },
        },
    }
}
