//! The S7comm PDU: header, parameters, data.

use super::error::ErrorCode;
use crate::cursor::Reader;

/// First byte of every classic S7comm PDU.
pub const PROTOCOL_ID: u8 = 0x32;
/// First byte of a PDU of the later protocol of S7-1200 and S7-1500, which is another protocol.
pub const PLUS_PROTOCOL_ID: u8 = 0x72;
/// Bytes of the header of a job or userdata PDU.
pub const HEADER_BYTES: usize = 10;
/// Bytes of the header of an answer to a job.
pub const ANSWER_HEADER_BYTES: usize = 12;

/// Kinds of PDU ("remote operating service control").
pub mod rosctr {
    /// A request.
    pub const JOB: u8 = 1;
    /// An answer without parameters or data.
    pub const ACK: u8 = 2;
    /// An answer.
    pub const ACK_DATA: u8 = 3;
    /// Request, answer or push of everything that is no job.
    pub const USERDATA: u8 = 7;
}

/// Functions of jobs: the first byte of their parameters.
pub mod function {
    /// Read variables.
    pub const READ: u8 = 0x04;
    /// Write variables.
    pub const WRITE: u8 = 0x05;
    /// Client announces a download.
    pub const REQUEST_DOWNLOAD: u8 = 0x1A;
    /// CPU asks for a part of the block.
    pub const DOWNLOAD_BLOCK: u8 = 0x1B;
    /// CPU says that it has the block.
    pub const DOWNLOAD_ENDED: u8 = 0x1C;
    /// Client opens an upload.
    pub const START_UPLOAD: u8 = 0x1D;
    /// Client asks for a part of the block.
    pub const UPLOAD: u8 = 0x1E;
    /// Client closes an upload.
    pub const END_UPLOAD: u8 = 0x1F;
    /// Program invocation service: start, insert, delete, compress, copy.
    pub const CONTROL: u8 = 0x28;
    /// Stop.
    pub const STOP: u8 = 0x29;
    /// Setup communication.
    pub const SETUP: u8 = 0xF0;
}

/// Why bytes are no S7comm PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// Another protocol.
    #[error("protocol id {0:02X}, not 32")]
    Protocol(u8),
    /// A kind of PDU that does not exist.
    #[error("PDU kind {0} does not exist")]
    Kind(u8),
    /// Lengths that do not add up to the bytes there are.
    #[error("the lengths in the header do not fit the PDU")]
    Length,
}

/// One PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// Kind, one of [`rosctr`].
    pub kind: u8,
    /// Chosen by who asks, echoed by who answers.
    pub reference: u16,
    /// Error of an answer; [`ErrorCode::NONE`] in other kinds.
    pub error: ErrorCode,
    /// Parameters.
    pub parameters: &'a [u8],
    /// Data.
    pub data: &'a [u8],
}

impl Pdu<'_> {
    /// The function of a job or of its answer.
    #[must_use]
    pub fn function(&self) -> Option<u8> {
        self.parameters.first().copied()
    }
}

/// Reads a PDU; the lengths must account for every byte.
pub fn decode(bytes: &[u8]) -> Result<Pdu<'_>, PduError> {
    let mut reader = Reader::new(bytes);
    let end = |_| PduError::Length;
    let protocol = reader.read_u8().map_err(end)?;
    if protocol != PROTOCOL_ID {
        return Err(PduError::Protocol(protocol));
    }
    let kind = reader.read_u8().map_err(end)?;
    if !matches!(
        kind,
        rosctr::JOB | rosctr::ACK | rosctr::ACK_DATA | rosctr::USERDATA
    ) {
        return Err(PduError::Kind(kind));
    }
    let _reserved = reader.read_u16().map_err(end)?;
    let reference = reader.read_u16().map_err(end)?;
    let parameter_bytes = reader.read_u16().map_err(end)?;
    let data_bytes = reader.read_u16().map_err(end)?;
    let error = if matches!(kind, rosctr::ACK | rosctr::ACK_DATA) {
        ErrorCode(reader.read_u16().map_err(end)?)
    } else {
        ErrorCode::NONE
    };
    let parameters = reader.take(usize::from(parameter_bytes)).map_err(end)?;
    let data = reader.take(usize::from(data_bytes)).map_err(end)?;
    if !reader.is_empty() {
        return Err(PduError::Length);
    }
    Ok(Pdu {
        kind,
        reference,
        error,
        parameters,
        data,
    })
}

/// Reference of a PDU of which only the header can be read, for the answer to a wrong telegram.
#[must_use]
pub fn reference(bytes: &[u8]) -> Option<u16> {
    bytes
        .get(4..6)
        .and_then(<[u8]>::first_chunk)
        .map(|field| u16::from_be_bytes(*field))
}

/// Replaces `out` by header and parameters of a PDU whose data are appended afterwards; [`finish`] counts them.
pub fn begin(out: &mut Vec<u8>, kind: u8, reference: u16, error: ErrorCode, parameters: &[u8]) {
    out.clear();
    out.extend_from_slice(&[PROTOCOL_ID, kind, 0, 0]);
    out.extend_from_slice(&reference.to_be_bytes());
    let parameter_bytes = u16::try_from(parameters.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&parameter_bytes.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    if matches!(kind, rosctr::ACK | rosctr::ACK_DATA) {
        out.extend_from_slice(&error.0.to_be_bytes());
    }
    out.extend_from_slice(parameters);
}

/// Writes how many bytes follow the parameters.
pub fn finish(out: &mut [u8]) {
    let header = match out.get(1) {
        Some(&(rosctr::ACK | rosctr::ACK_DATA)) => ANSWER_HEADER_BYTES,
        _ => HEADER_BYTES,
    };
    let parameters = out
        .get(6..8)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |field| usize::from(u16::from_be_bytes(*field)));
    let data = out.len().saturating_sub(header + parameters);
    let data = u16::try_from(data).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(8..10) {
        field.copy_from_slice(&data.to_be_bytes());
    }
}
