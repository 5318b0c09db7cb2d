//! Requests and answers of the management session.

use sim_record::SimTime;

use super::{
    CHUNK_BYTES, FileHash, MAX_FILE_BYTES, MAX_FRAME_BYTES, MAX_NAME_BYTES, MAX_TOKEN_BYTES,
};
use crate::cursor::{Reader, UnexpectedEnd};
use crate::device::{DeviceError, DiagnosticEvent, Mode};

/// Bit that marks an answer's kind.
pub(super) const ANSWER_BIT: u8 = 0x80;
/// Bytes of an answer's lists, so that they fit a frame with everything before them.
const MAX_LIST_BYTES: usize = MAX_FRAME_BYTES - 64;

/// Why a request was refused; the status byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The message is malformed, or its kind unknown.
    #[error("malformed request")]
    Malformed,
    /// The token is wrong, or hello was not said.
    #[error("not authorised")]
    NotAuthorised,
    /// The file, the name or the token is too long.
    #[error("too large")]
    TooLarge,
    /// A chunk without its start, at the wrong place, or an end before the last chunk.
    #[error("out of order")]
    OutOfOrder,
    /// What arrived is not what was announced.
    #[error("hash does not match")]
    HashMismatch,
    /// The device refused.
    #[error("{0}")]
    Device(#[from] DeviceError),
}

impl Refusal {
    /// The status byte.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::NotAuthorised => 2,
            Self::TooLarge => 3,
            Self::OutOfOrder => 4,
            Self::HashMismatch => 5,
            Self::Device(DeviceError::NotSupported) => 16,
            Self::Device(DeviceError::BadAddress) => 17,
            Self::Device(DeviceError::BadValue) => 18,
            Self::Device(DeviceError::WriteRefused) => 19,
            Self::Device(DeviceError::ModeRefused) => 20,
            Self::Device(DeviceError::Failure) => 21,
        }
    }

    fn from_status(status: u8) -> Option<Self> {
        Some(match status {
            1 => Self::Malformed,
            2 => Self::NotAuthorised,
            3 => Self::TooLarge,
            4 => Self::OutOfOrder,
            5 => Self::HashMismatch,
            16 => Self::Device(DeviceError::NotSupported),
            17 => Self::Device(DeviceError::BadAddress),
            18 => Self::Device(DeviceError::BadValue),
            19 => Self::Device(DeviceError::WriteRefused),
            20 => Self::Device(DeviceError::ModeRefused),
            21 => Self::Device(DeviceError::Failure),
            _ => return None,
        })
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Opens the session.
    Hello {
        /// What the device knows the station by.
        token: String,
    },
    /// Asks for the names of the program files.
    ListFiles,
    /// Begins to read a file; the device keeps a copy for the chunks.
    UploadStart {
        /// Name of the file.
        name: String,
    },
    /// Reads the next chunk.
    UploadChunk {
        /// Where it begins.
        offset: u32,
    },
    /// Begins to write a file.
    DownloadStart {
        /// Name of the file.
        name: String,
        /// Length in bytes.
        length: u32,
        /// Hash of the whole.
        hash: FileHash,
    },
    /// Writes the next chunk.
    DownloadChunk {
        /// Where it begins.
        offset: u32,
        /// The bytes, at most [`CHUNK_BYTES`].
        bytes: Vec<u8>,
    },
    /// Gives the complete file to the device.
    DownloadEnd,
    /// Asks for a file's length and hash.
    Hash {
        /// Name of the file.
        name: String,
    },
    /// Asks for the operating mode.
    GetMode,
    /// Asks for another operating mode.
    SetMode(Mode),
    /// Asks for the diagnostics buffer.
    Diagnostics,
}

/// The body of a positive answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, nothing to tell.
    Done,
    /// Names of files.
    Files(Vec<String>),
    /// Length and hash of a file.
    File {
        /// Length in bytes.
        length: u32,
        /// Hash of the whole.
        hash: FileHash,
    },
    /// Bytes of a file.
    Chunk(Vec<u8>),
    /// The operating mode.
    Mode(Mode),
    /// The newest diagnostic events that fit a frame, newest last.
    Diagnostics(Vec<DiagnosticEvent>),
}

impl Message {
    /// The kind byte.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => 1,
            Self::ListFiles => 2,
            Self::UploadStart { .. } => 3,
            Self::UploadChunk { .. } => 4,
            Self::DownloadStart { .. } => 5,
            Self::DownloadChunk { .. } => 6,
            Self::DownloadEnd => 7,
            Self::Hash { .. } => 8,
            Self::GetMode => 9,
            Self::SetMode(_) => 10,
            Self::Diagnostics => 11,
        }
    }

    /// Appends the whole frame.
    pub fn encode(&self, sequence: u32, out: &mut Vec<u8>) {
        super::frame::encode(sequence, self.kind(), out, |out| match self {
            Self::Hello { token } => put_string(out, token),
            Self::UploadStart { name } | Self::Hash { name } => put_string(out, name),
            Self::UploadChunk { offset } => out.extend_from_slice(&offset.to_be_bytes()),
            Self::DownloadStart { name, length, hash } => {
                put_string(out, name);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(hash);
            }
            Self::DownloadChunk { offset, bytes } => {
                out.extend_from_slice(&offset.to_be_bytes());
                out.extend_from_slice(bytes.get(..CHUNK_BYTES).unwrap_or(bytes));
            }
            Self::SetMode(mode) => out.push(mode_byte(*mode)),
            Self::ListFiles | Self::DownloadEnd | Self::GetMode | Self::Diagnostics => {}
        });
    }

    /// Reads a frame's kind and body.
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(body);
        let message = match kind {
            1 => Self::Hello {
                token: take_string(&mut reader, MAX_TOKEN_BYTES)?,
            },
            2 => Self::ListFiles,
            3 => Self::UploadStart {
                name: take_string(&mut reader, MAX_NAME_BYTES)?,
            },
            4 => Self::UploadChunk {
                offset: reader.read_u32()?,
            },
            5 => {
                let name = take_string(&mut reader, MAX_NAME_BYTES)?;
                let length = reader.read_u32()?;
                if usize::try_from(length).map_or(true, |length| length > MAX_FILE_BYTES) {
                    return Err(Refusal::TooLarge);
                }
                Self::DownloadStart {
                    name,
                    length,
                    hash: reader.read_array()?,
                }
            }
            6 => {
                let offset = reader.read_u32()?;
                let bytes = reader.take_rest();
                if bytes.is_empty() || bytes.len() > CHUNK_BYTES {
                    return Err(Refusal::Malformed);
                }
                Self::DownloadChunk {
                    offset,
                    bytes: bytes.to_vec(),
                }
            }
            7 => Self::DownloadEnd,
            8 => Self::Hash {
                name: take_string(&mut reader, MAX_NAME_BYTES)?,
            },
            9 => Self::GetMode,
            10 => Self::SetMode(take_mode(&mut reader)?),
            11 => Self::Diagnostics,
            _ => return Err(Refusal::Malformed),
        };
        if reader.is_empty() {
            Ok(message)
        } else {
            Err(Refusal::Malformed)
        }
    }
}

impl Answer {
    /// Appends the body after the status byte.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Done => {}
            Self::Files(names) => {
                put_list(out, names.iter(), |out, name| put_string(out, name));
            }
            Self::File { length, hash } => {
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(hash);
            }
            Self::Chunk(bytes) => out.extend_from_slice(bytes),
            Self::Mode(mode) => out.push(mode_byte(*mode)),
            Self::Diagnostics(events) => put_list(out, newest(events).iter(), |out, event| {
                out.extend_from_slice(&event.time.0.to_be_bytes());
                put_string(out, &event.text);
            }),
        }
    }

    /// Reads the body of an answer to a request of `kind`.
    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Result<Self, Refusal>, UnexpectedEnd> {
        let mut reader = Reader::new(body);
        let status = reader.read_u8()?;
        if status != 0 {
            return Refusal::from_status(status).map(Err).ok_or(UnexpectedEnd);
        }
        let malformed = |_: Refusal| UnexpectedEnd;
        let answer = match kind {
            1 | 5 | 6 | 7 | 10 => Self::Done,
            2 => {
                let count = reader.read_u16()?;
                let names = (0..count).map(|_| take_string(&mut reader, usize::from(u8::MAX)));
                Self::Files(names.collect::<Result<_, _>>().map_err(malformed)?)
            }
            3 | 8 => Self::File {
                length: reader.read_u32()?,
                hash: reader.read_array()?,
            },
            4 => Self::Chunk(reader.take_rest().to_vec()),
            9 => Self::Mode(take_mode(&mut reader).map_err(malformed)?),
            11 => {
                let count = reader.read_u16()?;
                let events = (0..count).map(|_| {
                    let time = SimTime(reader.read_u64()?);
                    Ok(DiagnosticEvent {
                        time,
                        text: take_string(&mut reader, usize::from(u8::MAX))?,
                    })
                });
                Self::Diagnostics(events.collect::<Result<_, _>>().map_err(malformed)?)
            }
            _ => return Err(UnexpectedEnd),
        };
        if reader.is_empty() {
            Ok(Ok(answer))
        } else {
            Err(UnexpectedEnd)
        }
    }
}

impl From<UnexpectedEnd> for Refusal {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Malformed
    }
}

const fn mode_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Run => 1,
        Mode::Stop => 2,
        Mode::Fault => 3,
    }
}

fn take_mode(reader: &mut Reader<'_>) -> Result<Mode, Refusal> {
    match reader.read_u8()? {
        1 => Ok(Mode::Run),
        2 => Ok(Mode::Stop),
        3 => Ok(Mode::Fault),
        _ => Err(Refusal::Malformed),
    }
}

/// A length byte and the text, cut at the last character that fits.
fn put_string(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u8::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = text.as_bytes().get(..end).unwrap_or(&[]);
    out.push(u8::try_from(bytes.len()).unwrap_or(0));
    out.extend_from_slice(bytes);
}

fn take_string(reader: &mut Reader<'_>, limit: usize) -> Result<String, Refusal> {
    let length = usize::from(reader.read_u8()?);
    if length > limit {
        return Err(Refusal::TooLarge);
    }
    let bytes = reader.take(length)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::Malformed)
}

/// A count and as many items as fit.
fn put_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    let mut count = 0_u16;
    for item in items {
        let before = out.len();
        put(out, item);
        if out.len() - start > MAX_LIST_BYTES || count == u16::MAX {
            out.truncate(before);
            break;
        }
        count += 1;
    }
    if let Some(field) = out.get_mut(start..start + 2) {
        field.copy_from_slice(&count.to_be_bytes());
    }
}

/// The newest events that fit a list.
fn newest(events: &[DiagnosticEvent]) -> &[DiagnosticEvent] {
    let mut room = MAX_LIST_BYTES - 2;
    let fitting = events.iter().rev().take_while(|event| {
        let bytes = 9 + event.text.len().min(usize::from(u8::MAX));
        match room.checked_sub(bytes) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        }
    });
    let count = fitting.count();
    events.get(events.len() - count..).unwrap_or(events)
}
