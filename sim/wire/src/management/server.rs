//! The device's side of the management session.

use std::sync::Arc;

use sim_record::{SimDuration, SimTime};

use super::frame::{self, Frames};
use super::message::{ANSWER_BIT, Answer, Message, Refusal};
use super::{CHUNK_BYTES, FileHash, MAX_FILE_BYTES, file_hash};
use crate::device::{DeviceModel, Mode};
use crate::digest;

/// What a persona decides about its management server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementConfig {
    /// What the station must say first; empty lets everyone in, as older controllers do.
    pub token: String,
    /// Wrong tokens after which the connection is closed.
    pub failed_hellos: u8,
    /// Silence after which the connection is closed; `None` keeps it open.
    pub idle_timeout: Option<SimDuration>,
}

impl ManagementConfig {
    /// Wrong tokens after which the connection is closed.
    pub const FAILED_HELLOS: u8 = 3;
    /// Silence after which the connection is closed.
    pub const IDLE_TIMEOUT: SimDuration = SimDuration::from_secs(120);
    /// Bytes of answers that wait at most; further requests wait with theirs.
    pub const OUTPUT_BYTES: usize = 16 * 1024;
}

impl Default for ManagementConfig {
    fn default() -> Self {
        Self {
            token: String::new(),
            failed_hellos: Self::FAILED_HELLOS,
            idle_timeout: Some(Self::IDLE_TIMEOUT),
        }
    }
}

/// What a request wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Open the session.
    Hello,
    /// List the program files.
    ListFiles,
    /// Read a file (recorded at its start).
    Upload,
    /// Read a chunk of a file.
    UploadChunk,
    /// Announce a file to write.
    DownloadStart,
    /// Write a chunk of a file.
    DownloadChunk,
    /// Put a complete file into the device: the instant at which the program changes.
    Download,
    /// Compare a file.
    Hash,
    /// Read the operating mode.
    GetMode,
    /// Change the operating mode.
    SetMode,
    /// Read the diagnostics buffer.
    Diagnostics,
    /// Nothing that can be read.
    Malformed,
}

/// What one request was and what became of it, for the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementRecord {
    /// When it was executed.
    pub time: SimTime,
    /// What it wanted.
    pub action: Action,
    /// The file it is about.
    pub file: Option<String>,
    /// Hash of the file it is about, where known.
    pub hash: Option<FileHash>,
    /// The mode asked for.
    pub mode: Option<Mode>,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
}

/// The device's side of one connection.
#[derive(Clone, Debug)]
pub struct ManagementServer {
    config: Arc<ManagementConfig>,
    input: Frames,
    output: Vec<u8>,
    state: State,
    last_input: SimTime,
    closed: bool,
}

#[derive(Clone, Debug, Default)]
struct State {
    authorised: bool,
    failed_hellos: u8,
    upload: Option<Vec<u8>>,
    download: Option<Download>,
}

#[derive(Clone, Debug)]
struct Download {
    name: String,
    length: usize,
    hash: FileHash,
    bytes: Vec<u8>,
}

impl ManagementServer {
    /// A fresh connection.
    #[must_use]
    pub fn new(now: SimTime, config: Arc<ManagementConfig>) -> Self {
        let state = State {
            authorised: config.token.is_empty(),
            ..State::default()
        };
        Self {
            config,
            input: Frames::new(),
            output: Vec::new(),
            state,
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
    /// [`ManagementConfig::OUTPUT_BYTES`] wait for [`Self::poll_output`], or when the session is closed.
    pub fn step(&mut self, now: SimTime, device: &mut dyn DeviceModel) -> Option<ManagementRecord> {
        if self.closed || self.output.len() >= ManagementConfig::OUTPUT_BYTES {
            return None;
        }
        let Ok(frame) = self.input.next_frame() else {
            self.close();
            return None;
        };
        let frame = frame?;
        let message = Message::decode(frame.kind, frame.body);
        let (sequence, kind) = (frame.sequence, frame.kind | ANSWER_BIT);
        let mut record = ManagementRecord {
            time: now,
            action: Action::Malformed,
            file: None,
            hash: None,
            mode: None,
            refusal: None,
        };
        let result = message.and_then(|message| {
            describe(&message, &mut record);
            self.state
                .serve(message, &self.config, now, device, &mut record)
        });
        record.refusal = result.as_ref().err().copied();
        frame::encode(sequence, kind, &mut self.output, |out| match &result {
            Ok(answer) => {
                out.push(0);
                answer.encode(out);
            }
            Err(refusal) => out.push(refusal.status()),
        });
        if self.state.failed_hellos >= self.config.failed_hellos.max(1) {
            self.close();
        }
        Some(record)
    }

    /// Appends all waiting answers; `false` when there was nothing to send.
    pub fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.output);
        let any = !self.output.is_empty();
        self.output.clear();
        any
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        let idle = self.config.idle_timeout?;
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

    /// Feeds the session's state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::bytes(sink, self.input.waiting());
        digest::bytes(sink, &self.output);
        digest::number(sink, u64::from(self.state.authorised));
        digest::number(sink, u64::from(self.state.failed_hellos));
        digest::number(sink, u64::from(self.state.upload.is_some()));
        digest::bytes(sink, self.state.upload.as_deref().unwrap_or(&[]));
        if let Some(download) = &self.state.download {
            digest::bytes(sink, download.name.as_bytes());
            digest::number(sink, download.length as u64);
            digest::bytes(sink, &download.hash);
            digest::bytes(sink, &download.bytes);
        }
        digest::number(sink, self.last_input.0);
        digest::number(sink, u64::from(self.closed));
    }

    fn close(&mut self) {
        self.closed = true;
        self.input.clear();
        self.state.upload = None;
        self.state.download = None;
    }
}

impl State {
    fn serve(
        &mut self,
        message: Message,
        config: &ManagementConfig,
        now: SimTime,
        device: &mut dyn DeviceModel,
        record: &mut ManagementRecord,
    ) -> Result<Answer, Refusal> {
        if let Message::Hello { token } = message {
            return self.hello(&token, config);
        }
        if !self.authorised {
            return Err(Refusal::NotAuthorised);
        }
        match message {
            Message::Hello { .. } => Err(Refusal::Malformed),
            Message::ListFiles => Ok(Answer::Files(device.file_names())),
            Message::UploadStart { name } => {
                let bytes = bounded(device.read_file(&name)?)?;
                let answer = file_answer(&bytes, record)?;
                self.upload = Some(bytes);
                Ok(answer)
            }
            Message::UploadChunk { offset } => self.upload_chunk(offset),
            Message::DownloadStart { name, length, hash } => {
                let length = usize::try_from(length).map_err(|_| Refusal::TooLarge)?;
                self.download = Some(Download {
                    name,
                    length,
                    hash,
                    bytes: Vec::new(),
                });
                Ok(Answer::Done)
            }
            Message::DownloadChunk { offset, bytes } => {
                let download = self.download.as_mut().ok_or(Refusal::OutOfOrder)?;
                let have = download.bytes.len();
                if usize::try_from(offset).ok() != Some(have)
                    || have + bytes.len() > download.length
                {
                    return Err(Refusal::OutOfOrder);
                }
                download.bytes.extend_from_slice(&bytes);
                Ok(Answer::Done)
            }
            Message::DownloadEnd => {
                let download = self.download.take().ok_or(Refusal::OutOfOrder)?;
                download.finish(now, device, record)
            }
            Message::Hash { name } => file_answer(&bounded(device.read_file(&name)?)?, record),
            Message::GetMode => Ok(Answer::Mode(device.mode())),
            Message::SetMode(mode) => {
                device.request_mode(now, mode)?;
                Ok(Answer::Done)
            }
            Message::Diagnostics => Ok(Answer::Diagnostics(device.diagnostics().to_vec())),
        }
    }

    /// The copy is kept until its last chunk is read.
    fn upload_chunk(&mut self, offset: u32) -> Result<Answer, Refusal> {
        let bytes = self.upload.as_deref().ok_or(Refusal::OutOfOrder)?;
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..));
        let rest = rest.ok_or(Refusal::OutOfOrder)?;
        let chunk = rest.get(..CHUNK_BYTES).unwrap_or(rest).to_vec();
        if rest.len() == chunk.len() {
            self.upload = None;
        }
        Ok(Answer::Chunk(chunk))
    }

    fn hello(&mut self, token: &str, config: &ManagementConfig) -> Result<Answer, Refusal> {
        if config.token.is_empty() || token == config.token {
            self.authorised = true;
            self.failed_hellos = 0;
            return Ok(Answer::Done);
        }
        self.authorised = false;
        self.failed_hellos = self.failed_hellos.saturating_add(1);
        Err(Refusal::NotAuthorised)
    }
}

impl Download {
    fn finish(
        self,
        now: SimTime,
        device: &mut dyn DeviceModel,
        record: &mut ManagementRecord,
    ) -> Result<Answer, Refusal> {
        record.file = Some(self.name.clone());
        record.hash = Some(self.hash);
        if self.bytes.len() != self.length {
            return Err(Refusal::OutOfOrder);
        }
        if file_hash(&self.bytes) != self.hash {
            return Err(Refusal::HashMismatch);
        }
        device.write_file(now, &self.name, &self.bytes)?;
        Ok(Answer::Done)
    }
}

/// What a message says about itself, before anything is done.
fn describe(message: &Message, record: &mut ManagementRecord) {
    record.action = match message {
        Message::Hello { .. } => Action::Hello,
        Message::ListFiles => Action::ListFiles,
        Message::UploadStart { .. } => Action::Upload,
        Message::UploadChunk { .. } => Action::UploadChunk,
        Message::DownloadStart { .. } => Action::DownloadStart,
        Message::DownloadChunk { .. } => Action::DownloadChunk,
        Message::DownloadEnd => Action::Download,
        Message::Hash { .. } => Action::Hash,
        Message::GetMode => Action::GetMode,
        Message::SetMode(_) => Action::SetMode,
        Message::Diagnostics => Action::Diagnostics,
    };
    match message {
        Message::UploadStart { name } | Message::Hash { name } => record.file = Some(name.clone()),
        Message::DownloadStart { name, hash, .. } => {
            record.file = Some(name.clone());
            record.hash = Some(*hash);
        }
        Message::SetMode(mode) => record.mode = Some(*mode),
        _ => {}
    }
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if bytes.len() > MAX_FILE_BYTES {
        Err(Refusal::TooLarge)
    } else {
        Ok(bytes)
    }
}

fn file_answer(bytes: &[u8], record: &mut ManagementRecord) -> Result<Answer, Refusal> {
    let hash = file_hash(bytes);
    record.hash = Some(hash);
    let length = u32::try_from(bytes.len()).map_err(|_| Refusal::TooLarge)?;
    Ok(Answer::File { length, hash })
}
