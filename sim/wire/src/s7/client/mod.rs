//! The client side of one S7 connection: connects, sets up, and works one operation after the other.

mod answer;
mod operation;

use std::collections::VecDeque;

use sim_record::{SimDuration, SimTime};

use self::operation::{Telegram, telegram};
use super::MAX_PDU_BYTES;
use super::block::MAX_BLOCK_BYTES;
use super::cotp::{self, Connect, Tsap};
use super::error::ErrorCode;
use super::link::{Arrival, Broken, Link};
use super::pdu::{self, ANSWER_HEADER_BYTES, Pdu, function, rosctr};
use super::server::{decode_part, encode_part};
use super::tpkt::MAX_PACKET_BYTES;
use super::userdata::{self, Direction, Parameters};
use crate::digest;

pub use operation::{Failure, Operation, Outcome, Value};

/// Own transport reference.
const REFERENCE: u16 = 1;
/// Bytes of an answer in parts at most.
const MAX_ANSWER_BYTES: usize = 512 * 1024;
/// Bytes of a part of a download beside the part: header, parameters, length and marker.
const PART_OVERHEAD_BYTES: usize = ANSWER_HEADER_BYTES + 2 + 4;
/// Bytes to be sent beyond which [`ClientSession::send_raw`] refuses.
pub const OUTPUT_BYTES: usize = 64 * 1024;

/// How a client connects and asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Own address.
    pub calling: Tsap,
    /// The CPU's address: connection type, rack and slot.
    pub called: Tsap,
    /// Bytes of a PDU that are asked for.
    pub pdu_bytes: u16,
    /// Longest wait for one answer.
    pub timeout: SimDuration,
    /// Operations queued and events not polled, together, at most.
    pub queued: usize,
}

impl ClientConfig {
    /// Longest wait for one answer.
    pub const TIMEOUT: SimDuration = SimDuration::from_secs(3);
    /// Operations queued and events not polled.
    pub const QUEUED: usize = 64;

    /// A client of that connection type (1 programming device, 2 operator station, 3 other) for the CPU at rack and
    /// slot.
    #[must_use]
    pub fn new(connection: u8, rack: u8, slot: u8) -> Self {
        Self {
            calling: Tsap::of(connection, 0, 0),
            called: Tsap::of(connection, rack, slot),
            pdu_bytes: 480,
            timeout: Self::TIMEOUT,
            queued: Self::QUEUED,
        }
    }
}

/// Names an operation of one session; never used again in that session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub u64);

/// The queue is full: poll events, or ask less often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client's queue is full")]
pub struct QueueFull;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The end of one operation. Each accepted operation has exactly one.
    Finished {
        /// The operation.
        id: OperationId,
        /// What became of it.
        result: Result<Outcome, Failure>,
    },
    /// What the CPU sent unasked.
    Push {
        /// Group, one of [`userdata::group`].
        group: u8,
        /// Service in the group; of a mode transition the mode.
        service: u8,
        /// The cyclic job that it belongs to.
        job: u8,
        /// The data.
        bytes: Vec<u8>,
    },
}

/// The client side of one connection.
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: ClientConfig,
    next_id: u64,
    last_reference: u16,
    stage: Stage,
    queue: VecDeque<(OperationId, Operation)>,
    current: Option<Running>,
    events: VecDeque<ClientEvent>,
    link: Link,
    pushes_lost: u64,
    closed: bool,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    Called,
    SettingUp,
    /// With that many bytes of a PDU.
    Ready(u16),
}

/// The operation on the way.
#[derive(Clone, Debug)]
struct Running {
    id: OperationId,
    operation: Operation,
    /// Of the request that waits for its answer.
    reference: u16,
    deadline: SimTime,
    /// Number of an upload that is open.
    upload: Option<u8>,
    /// Bytes that an upload announced.
    announced_bytes: usize,
    /// Parts received, or bytes of a download sent.
    received: Vec<u8>,
    sent: usize,
}

/// What follows an answer.
enum Next {
    Ask(Telegram),
    Wait,
    End(Result<Outcome, Failure>),
}

impl ClientSession {
    /// A fresh connection.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config,
            next_id: 0,
            last_reference: 0,
            stage: Stage::Fresh,
            queue: VecDeque::new(),
            current: None,
            events: VecDeque::new(),
            link: Link::new(MAX_PACKET_BYTES),
            pushes_lost: 0,
            closed: false,
        }
    }

    /// Queues an operation. They run one after the other, the first after the connection is set up.
    pub fn request(
        &mut self,
        now: SimTime,
        operation: Operation,
    ) -> Result<OperationId, QueueFull> {
        if self.queue.len() + self.events.len() >= self.config.queued {
            return Err(QueueFull);
        }
        let id = OperationId(self.next_id);
        self.next_id += 1;
        self.queue.push_back((id, operation));
        self.launch(now);
        Ok(id)
    }

    /// Sends any bytes as they are, and expects no answer to them. Refused while [`OUTPUT_BYTES`] or more wait for
    /// [`Self::poll_output`].
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), QueueFull> {
        if self.link.waiting_output() >= OUTPUT_BYTES {
            return Err(QueueFull);
        }
        self.link.send_raw(bytes);
        Ok(())
    }

    /// Takes received bytes, all of them.
    pub fn handle_input(&mut self, now: SimTime, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.closed && !rest.is_empty() {
            let taken = self.link.push(rest);
            rest = rest.get(taken..).unwrap_or(&[]);
            loop {
                match self.link.next() {
                    Ok(None) => break,
                    Ok(Some(arrival)) => self.work(now, arrival),
                    Err(Broken) => self.close(Failure::Protocol),
                }
                if self.closed {
                    return;
                }
            }
        }
    }

    /// Gives up an operation whose time is over; one that could not connect takes the connection with it.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.next_timeout().is_some_and(|at| now >= at) {
            if matches!(self.stage, Stage::Ready(_)) {
                self.finish(Err(Failure::Timeout));
                self.launch(now);
            } else {
                self.close(Failure::Timeout);
            }
        }
    }

    /// The transport is gone: every open operation is lost, and the session is as on a fresh connection.
    pub fn handle_close(&mut self) {
        self.close(Failure::ConnectionLost);
        self.link = Link::new(MAX_PACKET_BYTES);
        self.stage = Stage::Fresh;
        self.closed = false;
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Appends what is to be sent; `false` when there was nothing.
    pub fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.link.poll_output(out)
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        self.current.as_ref().map(|running| running.deadline)
    }

    /// Operations queued or on the way.
    #[must_use]
    pub fn open_operations(&self) -> usize {
        self.queue.len() + usize::from(self.current.is_some())
    }

    /// Bytes of a PDU as negotiated; `None` before that. A read brings 18 bytes less at most, a write takes 28 less.
    #[must_use]
    pub const fn pdu_bytes(&self) -> Option<u16> {
        match self.stage {
            Stage::Ready(pdu_bytes) => Some(pdu_bytes),
            _ => None,
        }
    }

    /// Pushes that were forgotten because events were not polled.
    #[must_use]
    pub const fn pushes_lost(&self) -> u64 {
        self.pushes_lost
    }

    /// Whether the connection cannot be used any more: close the transport, then [`Self::handle_close`].
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, self.next_id);
        digest::number(sink, u64::from(self.last_reference));
        let stage = match self.stage {
            Stage::Fresh => 0,
            Stage::Called => 1,
            Stage::SettingUp => 2,
            Stage::Ready(pdu_bytes) => 3 + u64::from(pdu_bytes),
        };
        digest::number(sink, stage);
        digest::number(sink, self.queue.len() as u64);
        if let Some(running) = &self.current {
            digest::number(sink, running.id.0);
            digest::number(sink, u64::from(running.reference));
            digest::number(sink, running.deadline.0);
            digest::number(sink, u64::from(running.upload.unwrap_or(0)));
            digest::bytes(sink, &running.received);
            digest::number(sink, running.sent as u64);
        }
        digest::number(sink, self.events.len() as u64);
        self.link.digest_into(sink);
        digest::number(sink, self.pushes_lost);
        digest::number(sink, u64::from(self.closed));
    }

    /// Starts the next operation, or the connection that it needs.
    fn launch(&mut self, now: SimTime) {
        while !self.closed && self.current.is_none() {
            let Some((id, operation)) = self.queue.pop_front() else {
                return;
            };
            self.current = Some(Running {
                id,
                operation,
                reference: 0,
                deadline: now + self.config.timeout,
                upload: None,
                announced_bytes: 0,
                received: Vec::new(),
                sent: 0,
            });
            match self.stage {
                Stage::Fresh => self.call(),
                Stage::Called | Stage::SettingUp => {}
                Stage::Ready(_) => self.begin(now),
            }
        }
    }

    fn call(&mut self) {
        let request = Connect {
            source_reference: REFERENCE,
            size_code: Some(cotp::USUAL_SIZE_CODE),
            calling: Some(self.config.calling.clone()),
            called: Some(self.config.called.clone()),
            ..Connect::default()
        };
        self.link
            .send_tpdu(|out| cotp::encode_request(&request, out));
        self.stage = Stage::Called;
    }

    /// Sends the first telegram of the current operation.
    fn begin(&mut self, now: SimTime) {
        let first = match &self.current {
            None => return,
            Some(running) if running.operation == Operation::Connect => Err(Ok(Outcome::Done)),
            Some(running) => telegram(&running.operation).ok_or(Err(Failure::TooLarge)),
        };
        match first {
            Ok(telegram) => self.ask(now, telegram),
            Err(result) => self.finish(result),
        }
    }

    /// Sends a telegram of the current operation and waits for its answer.
    fn ask(&mut self, now: SimTime, telegram: Telegram) {
        self.last_reference = self.last_reference.wrapping_add(1);
        let reference = self.last_reference;
        let mut message = Vec::new();
        match telegram {
            Telegram::Job(parameters, data) => {
                pdu::begin(
                    &mut message,
                    rosctr::JOB,
                    reference,
                    ErrorCode::NONE,
                    &parameters,
                );
                message.extend_from_slice(&data);
                pdu::finish(&mut message);
            }
            Telegram::Userdata(parameters, data) => {
                let parameters = parameters.to_bytes();
                pdu::begin(
                    &mut message,
                    rosctr::USERDATA,
                    reference,
                    ErrorCode::NONE,
                    &parameters,
                );
                if data.is_empty() {
                    userdata::encode_no_data(&mut message);
                } else {
                    userdata::encode_data(&data, &mut message);
                }
                pdu::finish(&mut message);
            }
            Telegram::Raw(pdu) => {
                message = pdu;
                if let Some(field) = message.get_mut(4..6) {
                    field.copy_from_slice(&reference.to_be_bytes());
                }
            }
        }
        let raw = matches!(&self.current, Some(running) if matches!(running.operation, Operation::Raw(_)));
        if !raw && message.len() > usize::from(self.pdu_bytes().unwrap_or(MAX_PDU_BYTES)) {
            self.finish(Err(Failure::TooLarge));
            return;
        }
        if let Some(running) = &mut self.current {
            running.reference = reference;
            running.deadline = now + self.config.timeout;
        }
        self.link.send(&message);
    }

    fn work(&mut self, now: SimTime, arrival: Arrival) {
        match arrival {
            Arrival::Confirm(confirm) if self.stage == Stage::Called => {
                self.link
                    .open(confirm.size_code.unwrap_or(cotp::USUAL_SIZE_CODE));
                self.stage = Stage::SettingUp;
                let [high, low] = self.config.pdu_bytes.to_be_bytes();
                let setup = vec![function::SETUP, 0, 0, 1, 0, 1, high, low];
                self.ask(now, Telegram::Job(setup, Vec::new()));
            }
            Arrival::Disconnect { .. } if self.stage == Stage::Called => {
                self.close(Failure::ConnectionRefused);
            }
            Arrival::Disconnect { .. } => self.close(Failure::ConnectionLost),
            Arrival::Message => {
                let message = std::mem::take(&mut self.link.message);
                self.work_message(now, &message);
                self.link.message = message;
            }
            Arrival::Request(_) | Arrival::Confirm(_) => self.close(Failure::Protocol),
        }
    }

    fn work_message(&mut self, now: SimTime, message: &[u8]) {
        let raw = matches!(&self.current, Some(running)
            if matches!(running.operation, Operation::Raw(_)) && matches!(self.stage, Stage::Ready(_)));
        if raw && pdu::reference(message) == self.current.as_ref().map(|running| running.reference)
        {
            self.finish(Ok(Outcome::Raw(message.to_vec())));
            self.launch(now);
            return;
        }
        let Ok(pdu) = pdu::decode(message) else {
            self.close(Failure::Protocol);
            return;
        };
        match pdu.kind {
            rosctr::JOB => self.serve_download(now, &pdu),
            rosctr::USERDATA => match Parameters::decode(pdu.parameters) {
                Ok(parameters) if parameters.direction == Direction::Push => {
                    self.push(&parameters, pdu.data);
                }
                Ok(parameters) => self.work_answer(now, &pdu, Some(&parameters)),
                Err(_) => self.close(Failure::Protocol),
            },
            _ => self.work_answer(now, &pdu, None),
        }
    }

    /// Keeps what the CPU sent unasked, unless nobody polls.
    fn push(&mut self, parameters: &Parameters, data: &[u8]) {
        if self.events.len() >= self.config.queued {
            self.pushes_lost += 1;
            return;
        }
        let bytes = userdata::decode_data(data).map_or(&[][..], |(_, bytes)| bytes);
        self.events.push_back(ClientEvent::Push {
            group: parameters.group,
            service: parameters.service,
            job: parameters.sequence,
            bytes: bytes.to_vec(),
        });
    }

    /// An answer; one that belongs to no open request is ignored.
    fn work_answer(&mut self, now: SimTime, pdu: &Pdu<'_>, parameters: Option<&Parameters>) {
        let stage = self.stage;
        let Some(running) = self
            .current
            .as_mut()
            .filter(|running| running.reference == pdu.reference)
        else {
            return;
        };
        let error = parameters.map_or(pdu.error, |parameters| parameters.error);
        if stage == Stage::SettingUp {
            let [function::SETUP, _, _, _, _, _, high, low] = *pdu.parameters else {
                self.close(if error == ErrorCode::NONE {
                    Failure::Protocol
                } else {
                    Failure::Refused(error)
                });
                return;
            };
            self.stage = Stage::Ready(u16::from_be_bytes([high, low]));
            self.begin(now);
            self.launch(now);
            return;
        }
        let next = match parameters {
            _ if error != ErrorCode::NONE => Next::End(Err(Failure::Refused(error))),
            Some(parameters) => running.service_answer(parameters, pdu),
            None => running.job_answer(pdu),
        };
        self.go_on(now, next);
    }

    /// The CPU asks for the next part of a download, or says that it has all.
    fn serve_download(&mut self, now: SimTime, job: &Pdu<'_>) {
        let room = usize::from(self.pdu_bytes().unwrap_or(0)).saturating_sub(PART_OVERHEAD_BYTES);
        let Some(running) = &mut self.current else {
            return;
        };
        let Operation::Download { block, .. } = &running.operation else {
            return;
        };
        let mut answer = Vec::new();
        let mut begin = |parameters: &[u8]| {
            pdu::begin(
                &mut answer,
                rosctr::ACK_DATA,
                job.reference,
                ErrorCode::NONE,
                parameters,
            );
        };
        let next = match job.function() {
            Some(function::DOWNLOAD_BLOCK) => {
                let rest = block.get(running.sent..).unwrap_or(&[]);
                let part = rest.get(..room).unwrap_or(rest);
                running.sent += part.len();
                running.deadline = now + self.config.timeout;
                begin(&[function::DOWNLOAD_BLOCK, u8::from(part.len() < rest.len())]);
                encode_part(part, &mut answer);
                Next::Wait
            }
            Some(function::DOWNLOAD_ENDED) => {
                begin(&[function::DOWNLOAD_ENDED]);
                match *job.parameters {
                    [_, 0, ..] => Next::End(Ok(Outcome::Done)),
                    [_, _, high, low, ..] => {
                        let code = ErrorCode(u16::from_be_bytes([high, low]));
                        Next::End(Err(Failure::Refused(code)))
                    }
                    _ => Next::End(Err(Failure::Protocol)),
                }
            }
            _ => return,
        };
        pdu::finish(&mut answer);
        self.link.send(&answer);
        self.go_on(now, next);
    }

    fn go_on(&mut self, now: SimTime, next: Next) {
        match next {
            Next::Ask(telegram) => self.ask(now, telegram),
            Next::Wait => {}
            Next::End(result) => {
                self.finish(result);
                self.launch(now);
            }
        }
    }

    fn finish(&mut self, result: Result<Outcome, Failure>) {
        if let Some(running) = self.current.take() {
            self.events.push_back(ClientEvent::Finished {
                id: running.id,
                result,
            });
        }
    }

    /// Ends the connection: the current operation fails for that reason, the others are lost.
    fn close(&mut self, reason: Failure) {
        self.finish(Err(reason));
        let lost = self.queue.drain(..).map(|(id, _)| ClientEvent::Finished {
            id,
            result: Err(Failure::ConnectionLost),
        });
        self.events.extend(lost);
        self.link.clear_input();
        self.closed = true;
    }
}

impl Running {
    /// What follows the answer to a userdata request.
    fn service_answer(&mut self, parameters: &Parameters, pdu: &Pdu<'_>) -> Next {
        let Ok((_, bytes)) = userdata::decode_data(pdu.data) else {
            return Next::End(Err(Failure::Protocol));
        };
        if self.received.len() + bytes.len() > MAX_ANSWER_BYTES {
            return Next::End(Err(Failure::TooLarge));
        }
        self.received.extend_from_slice(bytes);
        if parameters.more && !bytes.is_empty() {
            return Next::Ask(Telegram::Userdata(parameters.next_part(), Vec::new()));
        }
        let sequence = parameters.sequence;
        Next::End(answer::of_service(
            &self.operation,
            sequence,
            &self.received,
        ))
    }

    /// What follows the answer to a job.
    fn job_answer(&mut self, pdu: &Pdu<'_>) -> Next {
        match &self.operation {
            Operation::Upload(_) => self
                .upload_answer(pdu)
                .unwrap_or_else(|failure| Next::End(Err(failure))),
            // The CPU's jobs follow; this telegram's reference is used up.
            Operation::Download { .. } if pdu.function() == Some(function::REQUEST_DOWNLOAD) => {
                Next::Wait
            }
            operation => Next::End(answer::of_job(operation, pdu)),
        }
    }

    fn upload_answer(&mut self, pdu: &Pdu<'_>) -> Result<Next, Failure> {
        let ask = |function, upload| {
            let parameters = vec![function, 0, 0, 0, 0, 0, 0, upload];
            Ok(Next::Ask(Telegram::Job(parameters, Vec::new())))
        };
        match (self.upload, pdu.function()) {
            (None, Some(function::START_UPLOAD)) => {
                let (upload, announced_bytes) = answer::opened_upload(pdu)?;
                self.upload = Some(upload);
                self.announced_bytes = announced_bytes.min(MAX_BLOCK_BYTES);
                ask(function::UPLOAD, upload)
            }
            (Some(upload), Some(function::UPLOAD)) => {
                let (more, part) = decode_part(pdu).map_err(|_| Failure::Protocol)?;
                self.received.extend_from_slice(part);
                if self.received.len() > self.announced_bytes || (more && part.is_empty()) {
                    return Err(Failure::Protocol);
                }
                let function = if more {
                    function::UPLOAD
                } else {
                    function::END_UPLOAD
                };
                ask(function, upload)
            }
            (Some(_), Some(function::END_UPLOAD)) => {
                let block = std::mem::take(&mut self.received);
                Ok(Next::End(Ok(Outcome::Uploaded(block))))
            }
            _ => Err(Failure::Protocol),
        }
    }
}

/// Reads variables of a cyclic push: the count, then each with its code. `None` where they make no sense.
#[must_use]
pub fn pushed_values(bytes: &[u8]) -> Option<Vec<Value>> {
    let ([_, count], data) = bytes.split_first_chunk::<2>()?;
    answer::values(data, usize::from(*count)).ok()
}
