//! Uploads, which the client drives, and downloads, in which the CPU asks for the parts.

use sim_record::SimTime;

use super::blocks::block_error;
use super::record::Action;
use super::{Exchange, Limits, Outcome};
use crate::cursor::{Reader, UnexpectedEnd};
use crate::digest;
use crate::s7::block::{BlockId, ascii_digits, number_from_ascii};
use crate::s7::device::Level;
use crate::s7::error::ErrorCode;
use crate::s7::pdu::{self, ANSWER_HEADER_BYTES, Pdu, function, rosctr};

/// Bytes of an answer with a part of a block beside the part: header, two parameters, length and marker.
const PART_OVERHEAD_BYTES: usize = ANSWER_HEADER_BYTES + 2 + 4;
/// Follows the length of a part.
const PART_MARKER: [u8; 2] = [0x00, 0xFB];
/// Status of a download's end: an error follows.
const STATUS_ERROR: u8 = 2;

/// Transfers under way on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Transfers {
    uploads: Vec<Upload>,
    last_upload: u8,
    download: Option<Download>,
    /// Reference of the last job that the CPU asked.
    last_reference: u16,
}

#[derive(Clone, Debug)]
struct Upload {
    id: u8,
    rest: Vec<u8>,
    deadline: SimTime,
}

#[derive(Clone, Debug)]
struct Download {
    id: BlockId,
    announced_bytes: usize,
    bytes: Vec<u8>,
    /// Of the job that the client owes an answer.
    reference: u16,
    /// Whether that job is the end.
    ended: bool,
    deadline: SimTime,
}

impl Transfers {
    /// When the next transfer is given up.
    pub(super) fn deadline(&self) -> Option<SimTime> {
        let uploads = self.uploads.iter().map(|upload| upload.deadline);
        let download = self.download.iter().map(|download| download.deadline);
        uploads.chain(download).min()
    }

    /// Gives up transfers whose time is over.
    pub(super) fn expire(&mut self, now: SimTime) {
        self.uploads.retain(|upload| upload.deadline > now);
        self.download = self
            .download
            .take()
            .filter(|download| download.deadline > now);
    }

    pub(super) fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, u64::from(self.last_upload));
        digest::number(sink, u64::from(self.last_reference));
        digest::number(sink, self.uploads.len() as u64);
        for upload in &self.uploads {
            digest::number(sink, u64::from(upload.id));
            digest::bytes(sink, &upload.rest);
            digest::number(sink, upload.deadline.0);
        }
        if let Some(download) = &self.download {
            digest::bytes(sink, &download.id.to_ascii());
            digest::number(sink, download.announced_bytes as u64);
            digest::bytes(sink, &download.bytes);
            digest::number(sink, u64::from(download.reference));
            digest::number(sink, u64::from(download.ended));
            digest::number(sink, download.deadline.0);
        }
    }
}

impl Exchange<'_> {
    pub(super) fn start_upload(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        self.offers_blocks()?;
        let id = upload_name(request.parameters)?;
        self.action = Action::StartUpload(id);
        if self.level() >= Level::ReadProtected {
            return Err(ErrorCode::PROTECTION);
        }
        let limits = &self.config.limits;
        let deadline = self.now + limits.transfer_timeout;
        let transfers = &mut self.state.transfers;
        if transfers.uploads.len() >= limits.uploads.min(Limits::MAX_PARALLEL) {
            return Err(ErrorCode::NO_MORE_UPLOADS);
        }
        let rest = self.device.read_block(id).map_err(block_error)?;
        let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        // At most `Limits::MAX_PARALLEL` are open, so a number is free.
        let upload = loop {
            transfers.last_upload = transfers.last_upload.checked_add(1).unwrap_or(1);
            let taken = |upload: &Upload| upload.id == transfers.last_upload;
            if !transfers.uploads.iter().any(taken) {
                break transfers.last_upload;
            }
        };
        transfers.uploads.push(Upload {
            id: upload,
            rest,
            deadline,
        });
        let mut parameters = vec![function::START_UPLOAD, 0, 1, 0, 0, 0, 0, upload, 7];
        parameters.extend_from_slice(&ascii_digits::<7>(length));
        self.answer(request, &parameters);
        Ok(())
    }

    pub(super) fn upload_part(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        self.action = Action::UploadPart;
        let id = upload_number(request.parameters)?;
        let room = usize::from(self.state.pdu_bytes).saturating_sub(PART_OVERHEAD_BYTES);
        let uploads = &mut self.state.transfers.uploads;
        let upload = uploads.iter_mut().find(|upload| upload.id == id);
        let upload = upload.ok_or(ErrorCode::SEQUENCE)?;
        upload.deadline = self.now + self.config.limits.transfer_timeout;
        let rest = upload.rest.split_off(room.min(upload.rest.len()));
        let part = std::mem::replace(&mut upload.rest, rest);
        let more = !upload.rest.is_empty();
        self.answer(request, &[function::UPLOAD, u8::from(more)]);
        encode_part(&part, self.reply);
        Ok(())
    }

    pub(super) fn end_upload(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        self.action = Action::EndUpload;
        let id = upload_number(request.parameters)?;
        let uploads = &mut self.state.transfers.uploads;
        let index = uploads.iter().position(|upload| upload.id == id);
        uploads.remove(index.ok_or(ErrorCode::SEQUENCE)?);
        self.answer(request, &[function::END_UPLOAD]);
        Ok(())
    }

    pub(super) fn start_download(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        self.offers_blocks()?;
        let (id, announced_bytes) = announcement(request.parameters)?;
        self.action = Action::StartDownload(id);
        if self.level() > Level::Full {
            return Err(ErrorCode::PROTECTION);
        }
        if announced_bytes > self.config.limits.block_bytes {
            return Err(ErrorCode::BLOCK_TOO_LARGE);
        }
        if self.state.transfers.download.is_some() {
            return Err(ErrorCode::COORDINATION);
        }
        self.answer(request, &[function::REQUEST_DOWNLOAD]);
        self.state.transfers.download = Some(Download {
            id,
            announced_bytes,
            bytes: Vec::new(),
            reference: 0,
            ended: false,
            deadline: self.now + self.config.limits.transfer_timeout,
        });
        self.ask_client(function::DOWNLOAD_BLOCK, ErrorCode::NONE);
        Ok(())
    }

    /// The client's answer to a job of ours.
    pub(super) fn client_answer(&mut self, answer: &Pdu<'_>) -> Outcome {
        let download = &mut self.state.transfers.download;
        let Some(under_way) = download.as_mut() else {
            return Outcome::Ignored;
        };
        if under_way.reference != answer.reference {
            return Outcome::Ignored;
        }
        self.action = Action::DownloadPart;
        if under_way.ended || answer.error != ErrorCode::NONE {
            *download = None;
            self.refusal = Some(answer.error).filter(|code| *code != ErrorCode::NONE);
            return Outcome::Done;
        }
        under_way.deadline = self.now + self.config.limits.transfer_timeout;
        let part = decode_part(answer)
            .map_err(|_| ErrorCode::WRONG_PDU)
            .and_then(|(more, bytes)| {
                under_way.bytes.extend_from_slice(bytes);
                let length = under_way.bytes.len();
                if length > under_way.announced_bytes
                    || (!more && length < under_way.announced_bytes)
                {
                    return Err(ErrorCode::BLOCK_LENGTHS);
                }
                Ok(more)
            });
        let end = match part {
            Ok(true) => {
                self.ask_client(function::DOWNLOAD_BLOCK, ErrorCode::NONE);
                return Outcome::Done;
            }
            Ok(false) => {
                let (id, block) = (under_way.id, std::mem::take(&mut under_way.bytes));
                self.action = Action::LoadBlock(id);
                self.device
                    .load_block(self.now, id, &block)
                    .map_err(block_error)
            }
            Err(code) => Err(code),
        };
        self.refusal = end.err();
        self.ask_client(
            function::DOWNLOAD_ENDED,
            self.refusal.unwrap_or(ErrorCode::NONE),
        );
        Outcome::Done
    }

    /// Makes the next job of a download, which goes out after the answer.
    fn ask_client(&mut self, function: u8, error: ErrorCode) {
        let transfers = &mut self.state.transfers;
        let Some(download) = &mut transfers.download else {
            return;
        };
        transfers.last_reference = transfers.last_reference.wrapping_add(1);
        download.reference = transfers.last_reference;
        download.ended = function == function::DOWNLOAD_ENDED;
        let status = if error == ErrorCode::NONE {
            0
        } else {
            STATUS_ERROR
        };
        let [high, low] = error.0.to_be_bytes();
        let mut parameters = vec![function, status, high, low, 0, 0, 0, 0, 9, b'_'];
        parameters.extend_from_slice(&download.id.to_ascii());
        parameters.push(b'P');
        let reference = download.reference;
        pdu::begin(
            self.extra,
            rosctr::JOB,
            reference,
            ErrorCode::NONE,
            &parameters,
        );
    }
}

/// Appends a part of a block: length, marker, bytes.
pub(crate) fn encode_part(part: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&PART_MARKER);
    out.extend_from_slice(part);
}

/// Whether more parts follow, and the part, from an answer to an upload or download job.
pub(crate) fn decode_part<'a>(answer: &Pdu<'a>) -> Result<(bool, &'a [u8]), UnexpectedEnd> {
    let [_, status] = *answer.parameters else {
        return Err(UnexpectedEnd);
    };
    let mut reader = Reader::new(answer.data);
    let length = reader.read_u16()?;
    let marker = reader.read_array::<2>()?;
    let part = reader.take(usize::from(length))?;
    if marker == PART_MARKER && reader.is_empty() {
        Ok((status & 1 != 0, part))
    } else {
        Err(UnexpectedEnd)
    }
}

/// `_`, the name, and the file system: A linked, P loaded, B both.
fn file_name(name: &[u8]) -> Result<BlockId, ErrorCode> {
    match name {
        [b'_', name @ .., b'A' | b'B' | b'P'] => BlockId::from_ascii(name),
        _ => None,
    }
    .ok_or(ErrorCode::BLOCK_NAME)
}

fn upload_name(parameters: &[u8]) -> Result<BlockId, ErrorCode> {
    match parameters {
        [_, _, _, _, _, _, _, _, 9, name @ ..] => file_name(name),
        _ => Err(ErrorCode::PARAMETER_SYNTAX),
    }
}

fn upload_number(parameters: &[u8]) -> Result<u8, ErrorCode> {
    match *parameters {
        [_, _, _, _, _, _, _, id] => Ok(id),
        _ => Err(ErrorCode::PARAMETER_SYNTAX),
    }
}

/// Name and length of a block that is to be downloaded.
fn announcement(parameters: &[u8]) -> Result<(BlockId, usize), ErrorCode> {
    let [_, _, _, _, _, _, _, _, 9, rest @ ..] = parameters else {
        return Err(ErrorCode::PARAMETER_SYNTAX);
    };
    let (name, sizes) = rest
        .split_first_chunk::<9>()
        .ok_or(ErrorCode::PARAMETER_SYNTAX)?;
    let id = file_name(name)?;
    let [13, b'1', sizes @ ..] = sizes else {
        return Err(ErrorCode::PARAMETER_SYNTAX);
    };
    let load = sizes.get(..6).filter(|_| sizes.len() == 12);
    load.and_then(number_from_ascii)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .map(|bytes| (id, bytes))
        .ok_or(ErrorCode::PARAMETER_SYNTAX)
}
