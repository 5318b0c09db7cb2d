//! The recording: one append-only stream of frames from which a match is replayed, resumed and graded.
//!
//! Layout (all integers little-endian):
//!
//! ```text
//! prefix   magic (8) | format version u16 | record version u16
//! frame    length of body u32 | kind u8 | body | chain (16)
//! ```
//!
//! `chain` is the start of `BLAKE3(chain before || kind || length || body)`, and the chain before the first frame is the hash
//! of the prefix; so it is each frame's checksum and also fixes the order of all of them. Kinds of frames are the header
//! (the whole scenario package, seed, options, engine), inputs (one each), blocks of records (LZ4), digests and the end.
//!
//! Where a frame ends depends on content and virtual time only: the bytes of a recording are a function of header, input
//! log and what the range did. That is why a recording that was killed can be continued by re-running its log: the same
//! bytes come out again.
//!
//! Nothing here does IO: [`Writer`] collects bytes for the caller to store, [`Reader`] is fed bytes.

use crate::{Digest, LoggedInput, RECORD_VERSION, Record, Seed, SimTime};
use serde::{Deserialize, Serialize};

/// First bytes of a recording; the line ends and the control character show a copy in text mode.
pub const MAGIC: [u8; 8] = *b"TPR\r\n\x1a\n\0";

/// Version of the container that this build writes.
pub const FORMAT_VERSION: u16 = 1;

/// Raw bytes of records after which a block is cut.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Longest encoded record or input. A record beyond it is refused by the writer.
pub const ITEM_BYTES_MAX: usize = 1024 * 1024;

/// Longest body of a frame other than the header.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Longest body of the header frame, and longest header after decompression: a scenario package has at most 16 MiB.
pub const HEADER_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Most files in a package.
pub const PACKAGE_FILES_MAX: usize = 1024;

/// Bytes of the chain kept in each frame.
const CHAIN_BYTES: usize = 16;
const PREFIX_BYTES: usize = MAGIC.len() + 4;
const FRAME_HEAD_BYTES: usize = 5;

const KIND_HEADER: u8 = 1;
const KIND_INPUT: u8 = 2;
const KIND_RECORDS: u8 = 3;
const KIND_DIGEST: u8 = 4;
const KIND_END: u8 = 5;

/// What fixes a match before its first input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Every file of the scenario package by its path, with forward slashes, in the order of paths.
    pub package: Vec<(String, Vec<u8>)>,
    /// Seed.
    pub seed: Seed,
    /// Options of the run in the wire form of their owner.
    pub options: Vec<u8>,
    /// Engine that made the recording; another one does not promise the same bytes.
    pub fingerprint: String,
}

/// How a recording was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The match came to its end.
    Over,
    /// The range failed and was taken down; what came before is sound.
    Failed,
}

/// The last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How.
    pub ending: Ending,
    /// Virtual time.
    pub time: SimTime,
    /// Inputs in the recording.
    pub inputs: u64,
    /// Records in the recording.
    pub records: u64,
    /// Digests in the recording.
    pub digests: u64,
}

/// One frame, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// First.
    Header(Header),
    /// An input of the log.
    Input(LoggedInput),
    /// Records in order.
    Records(Vec<Record>),
    /// Digest of the whole state.
    Digest {
        /// When.
        time: SimTime,
        /// Of everything before it.
        digest: Digest,
    },
    /// Last.
    End(End),
}

/// Something cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An item is longer than its limit.
    #[error("{what} of {bytes} bytes is longer than a recording may hold ({limit})")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A value has no wire form.
    #[error("{0} cannot be encoded")]
    Encoding(&'static str),
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The magic is missing.
    #[error("this is not a recording of trippoint")]
    NotARecording,
    /// Written by a later container.
    #[error("format version {0} is newer than this build reads ({FORMAT_VERSION})")]
    FormatVersion(u16),
    /// Written with later records.
    #[error("record version {0} is newer than this build reads ({RECORD_VERSION})")]
    RecordVersion(u16),
    /// The last frame is not complete.
    #[error("the last frame is incomplete")]
    Torn,
    /// A frame is damaged or does not follow the one before it.
    #[error("a frame is damaged, or does not follow the one before it")]
    Checksum,
    /// A frame says that it is longer than any may be.
    #[error("a frame is longer than any may be")]
    TooLong,
    /// A frame's body does not decode.
    #[error("a frame of kind `{0}` does not decode")]
    Malformed(&'static str),
    /// A frame comes where it may not.
    #[error("a frame of kind `{0}` is out of order")]
    OutOfOrder(&'static str),
    /// Bytes follow the end.
    #[error("bytes follow the end")]
    AfterEnd,
}

/// A fault and where the last good frame ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} (after byte {good_bytes})")]
pub struct Damage {
    /// Bytes from the start that are sound.
    pub good_bytes: u64,
    /// What is wrong behind them.
    pub fault: Fault,
}

/// Turns what happens into the bytes of a recording. The caller stores [`Writer::pending`] and calls [`Writer::stored`].
pub struct Writer {
    chain: [u8; 32],
    pending: Vec<u8>,
    block: Vec<u8>,
    end: End,
    ended: bool,
}

impl Writer {
    /// Begins a recording; prefix and header are pending.
    ///
    /// # Errors
    /// The package is larger than [`HEADER_BYTES_MAX`] or has more than [`PACKAGE_FILES_MAX`] files.
    pub fn new(header: &Header) -> Result<Self, WriteError> {
        let mut pending = Vec::with_capacity(2 * BLOCK_BYTES);
        pending.extend_from_slice(&MAGIC);
        pending.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        pending.extend_from_slice(&RECORD_VERSION.to_le_bytes());
        let mut writer = Self {
            chain: *blake3::hash(&pending).as_bytes(),
            pending,
            block: Vec::new(),
            end: End {
                ending: Ending::Over,
                time: SimTime::ZERO,
                inputs: 0,
                records: 0,
                digests: 0,
            },
            ended: false,
        };
        if header.package.len() > PACKAGE_FILES_MAX {
            return Err(WriteError::TooLong {
                what: "a package",
                bytes: header.package.len(),
                limit: PACKAGE_FILES_MAX,
            });
        }
        let raw = postcard::to_allocvec(header).map_err(|_| WriteError::Encoding("the header"))?;
        let body = compress(&raw)?;
        check_length("the header", body.len().max(raw.len()), HEADER_BYTES_MAX)?;
        writer.frame(KIND_HEADER, &body);
        Ok(writer)
    }

    /// Appends an input. Call it when the range has been advanced to the input's time and what that made has been
    /// given to [`Writer::record`] and [`Writer::digest`], and before the input is applied: then the bytes do not depend
    /// on how often the range was advanced in between.
    ///
    /// # Errors
    /// The input is longer than [`ITEM_BYTES_MAX`].
    pub fn input(&mut self, input: &LoggedInput) -> Result<(), WriteError> {
        let body = postcard::to_allocvec(input).map_err(|_| WriteError::Encoding("an input"))?;
        check_length("an input", body.len(), ITEM_BYTES_MAX)?;
        self.end.inputs = self.end.inputs.saturating_add(1);
        self.end.time = self.end.time.max(input.time);
        self.frame(KIND_INPUT, &body);
        Ok(())
    }

    /// Appends a record to the present block, and cuts the block at [`BLOCK_BYTES`].
    ///
    /// # Errors
    /// The record is longer than [`ITEM_BYTES_MAX`]; nothing is written of it.
    pub fn record(&mut self, record: &Record) -> Result<(), WriteError> {
        let before = self.block.len();
        let encoded = postcard::to_extend(record, std::mem::take(&mut self.block));
        self.block = encoded.map_err(|_| WriteError::Encoding("a record"))?;
        let length = self.block.len().saturating_sub(before);
        if let Err(error) = check_length("a record", length, ITEM_BYTES_MAX) {
            self.block.truncate(before);
            return Err(error);
        }
        self.end.records = self.end.records.saturating_add(1);
        self.end.time = self.end.time.max(record.time);
        if self.block.len() >= BLOCK_BYTES {
            self.cut_block()?;
        }
        Ok(())
    }

    /// Cuts the block and appends a digest.
    ///
    /// # Errors
    /// The block cannot be compressed.
    pub fn digest(&mut self, time: SimTime, digest: Digest) -> Result<(), WriteError> {
        self.cut_block()?;
        let mut body = [0_u8; 40];
        body[..8].copy_from_slice(&time.0.to_le_bytes());
        body[8..].copy_from_slice(&digest.0);
        self.end.digests = self.end.digests.saturating_add(1);
        self.end.time = self.end.time.max(time);
        self.frame(KIND_DIGEST, &body);
        Ok(())
    }

    /// Cuts the block and closes the recording. Further calls do nothing.
    ///
    /// # Errors
    /// The block cannot be compressed.
    pub fn end(&mut self, ending: Ending) -> Result<(), WriteError> {
        if self.ended {
            return Ok(());
        }
        self.cut_block()?;
        self.end.ending = ending;
        let body = postcard::to_allocvec(&self.end).map_err(|_| WriteError::Encoding("the end"))?;
        self.frame(KIND_END, &body);
        self.ended = true;
        Ok(())
    }

    /// Bytes to be stored behind all earlier ones.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Forgets the pending bytes: the caller has stored them.
    pub fn stored(&mut self) {
        self.pending.clear();
    }

    /// Inputs appended so far: the order of the next one.
    #[must_use]
    pub fn inputs(&self) -> u64 {
        self.end.inputs
    }

    fn cut_block(&mut self) -> Result<(), WriteError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let body = compress(&self.block)?;
        self.block.clear();
        self.frame(KIND_RECORDS, &body);
        Ok(())
    }

    fn frame(&mut self, kind: u8, body: &[u8]) {
        // Every body was checked against a limit far below 4 GiB.
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.chain = next_chain(&self.chain, kind, length, body);
        self.pending.extend_from_slice(&length.to_le_bytes());
        self.pending.push(kind);
        self.pending.extend_from_slice(body);
        self.pending.extend_from_slice(&self.chain[..CHAIN_BYTES]);
    }
}

/// Decodes a recording from bytes as they come. Holds at most one frame and one piece of input.
pub struct Reader {
    buffer: VecBuffer,
    chain: [u8; 32],
    good_bytes: u64,
    stage: Stage,
    record_version: u16,
    seen: End,
    digest_time: SimTime,
    input_time: SimTime,
    fault: Option<Damage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Prefix,
    Header,
    Body,
    Ended,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: VecBuffer::default(),
            chain: [0; 32],
            good_bytes: 0,
            stage: Stage::Prefix,
            record_version: 0,
            seen: End {
                ending: Ending::Over,
                time: SimTime::ZERO,
                inputs: 0,
                records: 0,
                digests: 0,
            },
            digest_time: SimTime::ZERO,
            input_time: SimTime::ZERO,
            fault: None,
        }
    }

    /// Adds the next bytes of the file. Take all items out with [`Reader::next_item`] before adding more.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.fault.is_none() {
            self.buffer.push(bytes);
        }
    }

    /// The next item, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no sound recording; the same error comes again for every later call.
    pub fn next_item(&mut self) -> Result<Option<Item>, Damage> {
        if let Some(damage) = self.fault {
            return Err(damage);
        }
        self.step().map_err(|fault| self.fail(fault))
    }

    /// Says that there are no more bytes. Without an [`Item::End`] before it the recording was not closed, which is no
    /// error: see [`Reader::is_ended`].
    ///
    /// # Errors
    /// Bytes are left over that make no frame: a torn tail.
    pub fn finish(&mut self) -> Result<(), Damage> {
        match self.fault {
            Some(damage) => Err(damage),
            None if self.buffer.is_empty() && self.stage != Stage::Prefix => Ok(()),
            None if self.stage == Stage::Prefix => Err(self.fail(Fault::NotARecording)),
            None => Err(self.fail(Fault::Torn)),
        }
    }

    /// Bytes from the start up to the end of the last good frame.
    #[must_use]
    pub fn good_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// True when the end was read.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Version of the records in it, once the prefix is read.
    #[must_use]
    pub fn record_version(&self) -> u16 {
        self.record_version
    }

    /// Latest virtual time of any item so far, and how many items of each kind there were.
    #[must_use]
    pub fn seen(&self) -> End {
        self.seen
    }

    fn fail(&mut self, fault: Fault) -> Damage {
        let damage = Damage {
            good_bytes: self.good_bytes,
            fault,
        };
        self.fault = Some(damage);
        self.buffer = VecBuffer::default();
        damage
    }

    fn step(&mut self) -> Result<Option<Item>, Fault> {
        if self.stage == Stage::Prefix && !self.read_prefix()? {
            return Ok(None);
        }
        if self.stage == Stage::Ended {
            return if self.buffer.is_empty() {
                Ok(None)
            } else {
                Err(Fault::AfterEnd)
            };
        }
        let Some(head) = self.buffer.peek(FRAME_HEAD_BYTES) else {
            return Ok(None);
        };
        let length_u32 = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let kind = head[4];
        let length = length_u32 as usize;
        let limit = match self.stage {
            Stage::Header => HEADER_BYTES_MAX,
            Stage::Prefix | Stage::Body | Stage::Ended => BODY_BYTES_MAX,
        };
        if length > limit {
            return Err(Fault::TooLong);
        }
        let whole = FRAME_HEAD_BYTES + length + CHAIN_BYTES;
        let Some(frame) = self.buffer.peek(whole) else {
            return Ok(None);
        };
        let (body, chain) = frame[FRAME_HEAD_BYTES..].split_at(length);
        let expected = next_chain(&self.chain, kind, length_u32, body);
        if chain != &expected[..CHAIN_BYTES] {
            return Err(Fault::Checksum);
        }
        let item = decode(kind, body, self.stage)?;
        self.check_order(&item)?;
        self.buffer.consume(whole);
        self.chain = expected;
        self.good_bytes = self.good_bytes.saturating_add(whole as u64);
        self.stage = if matches!(item, Item::End(_)) {
            Stage::Ended
        } else {
            Stage::Body
        };
        Ok(Some(item))
    }

    fn read_prefix(&mut self) -> Result<bool, Fault> {
        let Some(prefix) = self.buffer.peek(PREFIX_BYTES) else {
            let have = self.buffer.all();
            let magic = &MAGIC[..have.len().min(MAGIC.len())];
            return if have.starts_with(magic) {
                Ok(false)
            } else {
                Err(Fault::NotARecording)
            };
        };
        if prefix[..MAGIC.len()] != MAGIC {
            return Err(Fault::NotARecording);
        }
        let format = u16::from_le_bytes([prefix[8], prefix[9]]);
        if format == 0 || format > FORMAT_VERSION {
            return Err(Fault::FormatVersion(format));
        }
        self.record_version = u16::from_le_bytes([prefix[10], prefix[11]]);
        if self.record_version == 0 || self.record_version > RECORD_VERSION {
            return Err(Fault::RecordVersion(self.record_version));
        }
        self.chain = *blake3::hash(prefix).as_bytes();
        self.buffer.consume(PREFIX_BYTES);
        self.good_bytes = PREFIX_BYTES as u64;
        self.stage = Stage::Header;
        Ok(true)
    }

    /// Positions have no gaps and time does not run backwards, in each kind of item.
    fn check_order(&mut self, item: &Item) -> Result<(), Fault> {
        let seen = &mut self.seen;
        match item {
            Item::Header(_) => {}
            Item::Input(input) => {
                if input.order != seen.inputs || input.time < self.input_time {
                    return Err(Fault::OutOfOrder("input"));
                }
                seen.inputs = seen.inputs.saturating_add(1);
                self.input_time = input.time;
                seen.time = seen.time.max(input.time);
            }
            Item::Records(records) => {
                for record in records {
                    if record.seq != seen.records {
                        return Err(Fault::OutOfOrder("records"));
                    }
                    seen.records = seen.records.saturating_add(1);
                    seen.time = seen.time.max(record.time);
                }
            }
            Item::Digest { time, .. } => {
                if *time < self.digest_time {
                    return Err(Fault::OutOfOrder("digest"));
                }
                seen.digests = seen.digests.saturating_add(1);
                self.digest_time = *time;
                seen.time = seen.time.max(*time);
            }
            Item::End(end) => {
                seen.ending = end.ending;
                if end != seen {
                    return Err(Fault::OutOfOrder("end"));
                }
            }
        }
        Ok(())
    }
}

fn decode(kind: u8, body: &[u8], stage: Stage) -> Result<Item, Fault> {
    if (kind == KIND_HEADER) != (stage == Stage::Header) {
        return Err(Fault::OutOfOrder("header"));
    }
    match kind {
        KIND_HEADER => {
            let raw = decompress(body, HEADER_BYTES_MAX).ok_or(Fault::Malformed("header"))?;
            let header: Header = exactly(&raw).ok_or(Fault::Malformed("header"))?;
            if header.package.len() > PACKAGE_FILES_MAX {
                return Err(Fault::TooLong);
            }
            Ok(Item::Header(header))
        }
        KIND_INPUT => exactly(body)
            .map(Item::Input)
            .ok_or(Fault::Malformed("input")),
        KIND_RECORDS => decode_records(body)
            .map(Item::Records)
            .ok_or(Fault::Malformed("records")),
        KIND_DIGEST => {
            let body: &[u8; 40] = body.try_into().map_err(|_| Fault::Malformed("digest"))?;
            let (mut time, mut digest) = ([0_u8; 8], [0_u8; 32]);
            time.copy_from_slice(&body[..8]);
            digest.copy_from_slice(&body[8..]);
            Ok(Item::Digest {
                time: SimTime(u64::from_le_bytes(time)),
                digest: Digest(digest),
            })
        }
        KIND_END => exactly(body).map(Item::End).ok_or(Fault::Malformed("end")),
        _ => Err(Fault::Malformed("unknown")),
    }
}

/// Version 1 is the only one there is; a later one adds its decoder here and lifts what it reads to the present type.
/// As the writer cuts at [`BLOCK_BYTES`], only the last record may reach beyond; that also bounds their number.
fn decode_records(body: &[u8]) -> Option<Vec<Record>> {
    let raw = decompress(body, BLOCK_BYTES + ITEM_BYTES_MAX)?;
    let mut rest = raw.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        if raw.len().saturating_sub(rest.len()) >= BLOCK_BYTES {
            return None;
        }
        let (record, left) = postcard::take_from_bytes(rest).ok()?;
        records.push(record);
        rest = left;
    }
    Some(records)
}

fn exactly<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(body).ok()?;
    rest.is_empty().then_some(value)
}

fn next_chain(chain: &[u8; 32], kind: u8, length: u32, body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut head = [0_u8; 37];
    head[..32].copy_from_slice(chain);
    head[32] = kind;
    head[33..].copy_from_slice(&length.to_le_bytes());
    hasher.update(&head);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// Raw length (u32) and an LZ4 block.
fn compress(raw: &[u8]) -> Result<Vec<u8>, WriteError> {
    let length = u32::try_from(raw.len()).map_err(|_| WriteError::TooLong {
        what: "a block",
        bytes: raw.len(),
        limit: HEADER_BYTES_MAX,
    })?;
    let mut body = length.to_le_bytes().to_vec();
    body.extend_from_slice(&lz4_flex::block::compress(raw));
    Ok(body)
}

/// LZ4 expands at most 255 times, so a raw length beyond that is a lie and nothing is allocated for it.
fn decompress(body: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (length, block) = body.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > limit || length > block.len().saturating_mul(255) {
        return None;
    }
    let raw = lz4_flex::block::decompress(block, length).ok()?;
    (raw.len() == length).then_some(raw)
}

fn check_length(what: &'static str, bytes: usize, limit: usize) -> Result<(), WriteError> {
    if bytes > limit {
        return Err(WriteError::TooLong { what, bytes, limit });
    }
    Ok(())
}

/// Bytes that are read from the front without moving the rest each time.
#[derive(Default)]
struct VecBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl VecBuffer {
    fn push(&mut self, more: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(more);
    }

    fn all(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn peek(&self, length: usize) -> Option<&[u8]> {
        self.all().get(..length)
    }

    fn consume(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.bytes.len());
    }

    fn is_empty(&self) -> bool {
        self.all().is_empty()
    }
}
