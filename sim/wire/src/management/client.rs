//! The station's side of the management session.

use std::collections::VecDeque;

use sim_record::{SimDuration, SimTime};

use super::frame::Frames;
use super::message::{ANSWER_BIT, Answer, Message, Refusal};
use super::{CHUNK_BYTES, FileHash, MAX_FILE_BYTES, MAX_NAME_BYTES, MAX_TOKEN_BYTES, file_hash};
use crate::device::{DiagnosticEvent, Mode};
use crate::digest;

/// How a station talks to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementClientConfig {
    /// Said before the first operation of a connection.
    pub token: String,
    /// Longest wait for one answer.
    pub timeout: SimDuration,
    /// Operations queued and events not polled, together, at most.
    pub queued: usize,
}

impl ManagementClientConfig {
    /// Longest wait for one answer.
    pub const TIMEOUT: SimDuration = SimDuration::from_secs(5);
    /// Operations queued and events not polled.
    pub const QUEUED: usize = 16;
}

impl Default for ManagementClientConfig {
    fn default() -> Self {
        Self {
            token: String::new(),
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
#[error("the station's queue is full")]
pub struct QueueFull;

/// What a station wants; files go over the wire in as many chunks as they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Names of the program files.
    ListFiles,
    /// Reads a file from the device.
    Upload {
        /// Name of the file.
        name: String,
    },
    /// Writes a file to the device.
    Download {
        /// Name of the file.
        name: String,
        /// The whole file.
        bytes: Vec<u8>,
    },
    /// Length and hash of a file in the device.
    Hash {
        /// Name of the file.
        name: String,
    },
    /// The operating mode.
    GetMode,
    /// Another operating mode.
    SetMode(Mode),
    /// The diagnostics buffer.
    Diagnostics,
}

/// What an operation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Download or mode change done.
    Done,
    /// Names of the program files.
    Files(Vec<String>),
    /// The file as it is in the device.
    Uploaded(Vec<u8>),
    /// Length and hash of the file in the device.
    Hash {
        /// Length in bytes.
        length: u32,
        /// Hash, as [`file_hash`] makes it.
        hash: FileHash,
    },
    /// The operating mode.
    Mode(Mode),
    /// Diagnostic events, newest last.
    Diagnostics(Vec<DiagnosticEvent>),
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManagementFailure {
    /// The device refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// An answer that does not fit.
    #[error("the device's answer makes no sense")]
    Protocol,
    /// The connection ended.
    #[error("connection lost")]
    ConnectionLost,
    /// The name or the file is beyond the session's limits.
    #[error("name or file too large")]
    TooLarge,
}

/// The end of one operation. Each accepted operation has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementEvent {
    /// The operation.
    pub id: OperationId,
    /// What became of it.
    pub result: Result<Outcome, ManagementFailure>,
}

/// The station's side of one connection.
#[derive(Clone, Debug)]
pub struct ManagementClient {
    config: ManagementClientConfig,
    next_id: u64,
    sequence: u32,
    greeted: bool,
    queue: VecDeque<(OperationId, Operation)>,
    current: Option<Running>,
    events: VecDeque<ManagementEvent>,
    input: Frames,
    output: Vec<u8>,
    closed: bool,
}

/// The operation on the way.
#[derive(Clone, Debug)]
struct Running {
    id: OperationId,
    operation: Operation,
    /// Kind of the message that waits for its answer.
    kind: u8,
    deadline: SimTime,
    progress: Progress,
}

/// How far a file has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    length: usize,
    hash: FileHash,
    received: Vec<u8>,
    sent: usize,
}

/// What follows an answer.
enum Next {
    Send(Message),
    End(Result<Outcome, ManagementFailure>),
}

impl ManagementClient {
    /// A fresh connection.
    #[must_use]
    pub fn new(config: ManagementClientConfig) -> Self {
        Self {
            config,
            next_id: 0,
            sequence: 0,
            greeted: false,
            queue: VecDeque::new(),
            current: None,
            events: VecDeque::new(),
            input: Frames::new(),
            output: Vec::new(),
            closed: false,
        }
    }

    /// Queues an operation. They run one after the other, on the first after the greeting.
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
        if fits(&operation) && self.config.token.len() <= MAX_TOKEN_BYTES {
            self.queue.push_back((id, operation));
        } else {
            self.events.push_back(ManagementEvent {
                id,
                result: Err(ManagementFailure::TooLarge),
            });
        }
        self.launch(now);
        Ok(id)
    }

    /// Takes received bytes, all of them.
    pub fn handle_input(&mut self, now: SimTime, bytes: &[u8]) {
        let mut rest = bytes;
        while !self.closed && !rest.is_empty() {
            let taken = self.input.push(rest);
            rest = rest.get(taken..).unwrap_or(&[]);
            self.work_frames(now);
        }
    }

    /// Gives up an operation whose time is over. What the device then still sends is ignored.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.next_timeout().is_some_and(|at| now >= at) {
            self.finish(Err(ManagementFailure::Timeout));
            self.launch(now);
        }
    }

    /// The transport is gone: every open operation is lost, and the session is as on a fresh connection.
    pub fn handle_close(&mut self) {
        self.finish(Err(ManagementFailure::ConnectionLost));
        let lost = self.queue.drain(..);
        self.events.extend(lost.map(|(id, _)| ManagementEvent {
            id,
            result: Err(ManagementFailure::ConnectionLost),
        }));
        self.input.clear();
        self.output.clear();
        self.greeted = false;
        self.closed = false;
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ManagementEvent> {
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
        self.current.as_ref().map(|running| running.deadline)
    }

    /// Operations queued or on the way.
    #[must_use]
    pub fn open_operations(&self) -> usize {
        self.queue.len() + usize::from(self.current.is_some())
    }

    /// Whether the device's stream lost its frames: close the transport, then [`Self::handle_close`].
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, self.next_id);
        digest::number(sink, u64::from(self.sequence));
        digest::number(sink, u64::from(self.greeted));
        digest::number(sink, self.queue.len() as u64);
        if let Some(running) = &self.current {
            digest::number(sink, running.id.0);
            digest::number(sink, running.deadline.0);
            digest::number(sink, u64::from(running.kind));
            digest::number(sink, running.progress.sent as u64);
            digest::number(sink, running.progress.received.len() as u64);
        }
        digest::number(sink, self.events.len() as u64);
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::number(sink, u64::from(self.closed));
    }

    fn launch(&mut self, now: SimTime) {
        if self.closed || self.current.is_some() {
            return;
        }
        let Some((id, operation)) = self.queue.pop_front() else {
            return;
        };
        let message = if self.greeted {
            first_message(&operation)
        } else {
            Message::Hello {
                token: self.config.token.clone(),
            }
        };
        let running = Running {
            id,
            operation,
            kind: 0,
            deadline: now,
            progress: Progress::default(),
        };
        self.current = Some(running);
        self.send(now, &message);
    }

    fn send(&mut self, now: SimTime, message: &Message) {
        let Some(running) = &mut self.current else {
            return;
        };
        self.sequence = self.sequence.wrapping_add(1);
        running.kind = message.kind();
        running.deadline = now + self.config.timeout;
        message.encode(self.sequence, &mut self.output);
    }

    fn work_frames(&mut self, now: SimTime) {
        loop {
            let answer = match self.input.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) => match &self.current {
                    Some(running) if frame.sequence == self.sequence => {
                        if frame.kind == running.kind | ANSWER_BIT {
                            Answer::decode(running.kind, frame.body).ok()
                        } else {
                            None
                        }
                    }
                    // A late answer to an operation that was given up.
                    _ => continue,
                },
                Err(_) => {
                    self.closed = true;
                    self.input.clear();
                    self.finish(Err(ManagementFailure::Protocol));
                    return;
                }
            };
            let next = match answer {
                Some(Ok(answer)) => self.next(answer),
                Some(Err(refusal)) => Next::End(Err(ManagementFailure::Refused(refusal))),
                None => Next::End(Err(ManagementFailure::Protocol)),
            };
            match next {
                Next::Send(message) => self.send(now, &message),
                Next::End(result) => {
                    self.finish(result);
                    self.launch(now);
                }
            }
        }
    }

    fn next(&mut self, answer: Answer) -> Next {
        let Some(running) = &mut self.current else {
            return Next::End(Err(ManagementFailure::Protocol));
        };
        if !self.greeted {
            self.greeted = true;
            return Next::Send(first_message(&running.operation));
        }
        match (&running.operation, answer) {
            (Operation::Upload { .. }, answer) => running.progress.upload(answer),
            (Operation::Download { bytes, .. }, Answer::Done) => {
                running.progress.download(bytes, running.kind)
            }
            (_, Answer::Done) => Next::End(Ok(Outcome::Done)),
            (_, Answer::Files(names)) => Next::End(Ok(Outcome::Files(names))),
            (_, Answer::File { length, hash }) => Next::End(Ok(Outcome::Hash { length, hash })),
            (_, Answer::Mode(mode)) => Next::End(Ok(Outcome::Mode(mode))),
            (_, Answer::Diagnostics(events)) => Next::End(Ok(Outcome::Diagnostics(events))),
            (_, Answer::Chunk(_)) => Next::End(Err(ManagementFailure::Protocol)),
        }
    }

    fn finish(&mut self, result: Result<Outcome, ManagementFailure>) {
        if let Some(running) = self.current.take() {
            self.events.push_back(ManagementEvent {
                id: running.id,
                result,
            });
        }
    }
}

impl Progress {
    fn upload(&mut self, answer: Answer) -> Next {
        match answer {
            Answer::File { length, hash } => {
                self.length = usize::try_from(length).unwrap_or(usize::MAX);
                self.hash = hash;
                if self.length > MAX_FILE_BYTES {
                    return Next::End(Err(ManagementFailure::TooLarge));
                }
            }
            Answer::Chunk(bytes)
                if !bytes.is_empty() && self.received.len() + bytes.len() <= self.length =>
            {
                self.received.extend_from_slice(&bytes);
            }
            _ => return Next::End(Err(ManagementFailure::Protocol)),
        }
        if self.received.len() < self.length {
            return match u32::try_from(self.received.len()) {
                Ok(offset) => Next::Send(Message::UploadChunk { offset }),
                Err(_) => Next::End(Err(ManagementFailure::TooLarge)),
            };
        }
        if file_hash(&self.received) != self.hash {
            return Next::End(Err(ManagementFailure::Protocol));
        }
        Next::End(Ok(Outcome::Uploaded(std::mem::take(&mut self.received))))
    }

    /// The message after the one of `kind` was accepted.
    fn download(&mut self, bytes: &[u8], kind: u8) -> Next {
        if kind == Message::DownloadEnd.kind() {
            return Next::End(Ok(Outcome::Done));
        }
        let rest = bytes.get(self.sent..).unwrap_or(&[]);
        if rest.is_empty() {
            return Next::Send(Message::DownloadEnd);
        }
        let Ok(offset) = u32::try_from(self.sent) else {
            return Next::End(Err(ManagementFailure::TooLarge));
        };
        let chunk = rest.get(..CHUNK_BYTES).unwrap_or(rest);
        self.sent += chunk.len();
        Next::Send(Message::DownloadChunk {
            offset,
            bytes: chunk.to_vec(),
        })
    }
}

fn first_message(operation: &Operation) -> Message {
    match operation {
        Operation::ListFiles => Message::ListFiles,
        Operation::Upload { name } => Message::UploadStart { name: name.clone() },
        Operation::Download { name, bytes } => Message::DownloadStart {
            name: name.clone(),
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            hash: file_hash(bytes),
        },
        Operation::Hash { name } => Message::Hash { name: name.clone() },
        Operation::GetMode => Message::GetMode,
        Operation::SetMode(mode) => Message::SetMode(*mode),
        Operation::Diagnostics => Message::Diagnostics,
    }
}

fn fits(operation: &Operation) -> bool {
    match operation {
        Operation::Upload { name } | Operation::Hash { name } => name.len() <= MAX_NAME_BYTES,
        Operation::Download { name, bytes } => {
            name.len() <= MAX_NAME_BYTES && bytes.len() <= MAX_FILE_BYTES
        }
        _ => true,
    }
}
