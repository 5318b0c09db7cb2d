//! File records: what functions 20 and 21 ask for and carry (specification, 6.14 and 6.15).
//!
//! A file has records 0 to 9999 of one register each. A request names up to some thirty runs of records.

use super::pdu::PduError;
use super::values::{List, MAX_FILE_READ_BYTES, MAX_FILE_RECORD, MAX_FILE_WRITE_BYTES};
use crate::cursor::{Reader, UnexpectedEnd, Writer};

/// The only reference type.
const REFERENCE_TYPE: u8 = 6;
/// Bytes that name a run: reference type, file, first record, count.
const RUN_BYTES: usize = 7;
/// Bytes of a run in a read's response beside its registers: length and reference type.
const ANSWER_BYTES: usize = 2;

/// Runs of a Read File Record request.
pub type ReadRuns = List<FileRun, { MAX_FILE_READ_BYTES / RUN_BYTES }>;
/// Runs of a Write File Record request: each has one register at least.
pub type WriteRuns = List<FileRun, { MAX_FILE_WRITE_BYTES / (RUN_BYTES + 2) }>;
/// Registers of a Read File Record response.
pub type FileReadWords = List<u16, { (MAX_FILE_READ_BYTES - ANSWER_BYTES) / 2 }>;
/// Registers of a Write File Record request.
pub type FileWriteWords = List<u16, { (MAX_FILE_WRITE_BYTES - RUN_BYTES) / 2 }>;

/// Records of one file, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileRun {
    /// File number, from 1.
    pub file: u16,
    /// First record, 0 to 9999.
    pub record: u16,
    /// Number of registers, from 1.
    pub count: u16,
}

impl FileRun {
    const fn exists(self) -> bool {
        self.file > 0 && self.record <= MAX_FILE_RECORD
    }

    fn write(self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        writer.write_u8(REFERENCE_TYPE)?;
        writer.write_u16(self.file)?;
        writer.write_u16(self.record)?;
        writer.write_u16(self.count)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, PduError> {
        let reference = reader.read_u8()?;
        let run = Self {
            file: reader.read_u16()?,
            record: reader.read_u16()?,
            count: reader.read_u16()?,
        };
        if reference != REFERENCE_TYPE || !run.exists() {
            return Err(PduError::FileReference {
                reference,
                file: run.file,
                record: run.record,
            });
        }
        if run.count == 0 {
            return Err(PduError::Quantity(0));
        }
        Ok(run)
    }
}

/// What a Read File Record request asks for; the answer always fits a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead(ReadRuns);

impl FileRead {
    /// The runs to read; `None` where one is impossible, there are none or too many, or the answer does not fit.
    #[must_use]
    pub fn new(runs: &[FileRun]) -> Option<Self> {
        let possible = runs.iter().all(|run| run.exists() && run.count > 0);
        let answer = runs
            .iter()
            .map(|run| ANSWER_BYTES + 2 * usize::from(run.count));
        (possible && answer.sum::<usize>() <= MAX_FILE_READ_BYTES)
            .then(|| ReadRuns::new(runs).map(Self))
            .flatten()
    }

    /// The runs in the order asked for.
    #[must_use]
    pub fn runs(&self) -> &[FileRun] {
        &self.0
    }

    /// Registers of all runs.
    #[must_use]
    pub fn word_count(&self) -> usize {
        word_count(&self.0)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        writer.write_u8(byte(self.0.len() * RUN_BYTES)?)?;
        self.0.iter().try_for_each(|run| run.write(writer))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PduError> {
        let byte_count = reader.read_u8()?;
        let bytes = usize::from(byte_count);
        if bytes == 0 || bytes > MAX_FILE_READ_BYTES || bytes % RUN_BYTES != 0 {
            return Err(PduError::ByteCount(byte_count));
        }
        let mut inner = Reader::new(reader.take(bytes)?);
        let mut runs =
            ReadRuns::zeroed(bytes / RUN_BYTES).ok_or(PduError::ByteCount(byte_count))?;
        for run in runs.as_mut_slice() {
            *run = FileRun::read(&mut inner)?;
        }
        Self::new(&runs).ok_or(PduError::Quantity(
            runs.iter()
                .fold(0, |sum, run| sum.saturating_add(run.count)),
        ))
    }
}

/// What a Read File Record response carries: registers in the order of the runs asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAnswer {
    read: FileRead,
    words: FileReadWords,
}

impl FileAnswer {
    /// The answer to `read`; `None` where the number of registers is not the one asked for.
    #[must_use]
    pub fn new(read: FileRead, words: &[u16]) -> Option<Self> {
        if read.word_count() != words.len() {
            return None;
        }
        let words = FileReadWords::new(words)?;
        Some(Self { read, words })
    }

    /// Registers of all runs, one after the other.
    #[must_use]
    pub fn words(&self) -> &[u16] {
        &self.words
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        let length = self.read.runs().len() * ANSWER_BYTES + 2 * self.words.len();
        writer.write_u8(byte(length)?)?;
        let mut words = self.words.iter();
        for run in self.read.runs() {
            writer.write_u8(byte(1 + 2 * usize::from(run.count))?)?;
            writer.write_u8(REFERENCE_TYPE)?;
            for word in words.by_ref().take(usize::from(run.count)) {
                writer.write_u16(*word)?;
            }
        }
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>, asked: &FileRead) -> Result<Self, PduError> {
        let byte_count = reader.read_u8()?;
        let mut inner = Reader::new(reader.take(usize::from(byte_count))?);
        let mut words = FileReadWords::zeroed(asked.word_count()).ok_or(PduError::NoEcho)?;
        let mut slots = words.as_mut_slice().iter_mut();
        for run in asked.runs() {
            let (length, reference) = (inner.read_u8()?, inner.read_u8()?);
            if usize::from(length) != 1 + 2 * usize::from(run.count) || reference != REFERENCE_TYPE
            {
                return Err(PduError::ByteCount(length));
            }
            for slot in slots.by_ref().take(usize::from(run.count)) {
                *slot = inner.read_u16()?;
            }
        }
        if !inner.is_empty() {
            return Err(PduError::Trailing(inner.remaining()));
        }
        Self::new(asked.clone(), &words).ok_or(PduError::NoEcho)
    }
}

/// What a Write File Record request carries, and its response repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWrite {
    runs: WriteRuns,
    words: FileWriteWords,
}

impl FileWrite {
    /// The runs to write and their registers one after the other; `None` where a run is impossible, the registers are
    /// not as many as the runs say, or the request does not fit.
    #[must_use]
    pub fn new(runs: &[FileRun], words: &[u16]) -> Option<Self> {
        let possible = runs.iter().all(|run| run.exists() && run.count > 0);
        let bytes = runs.len() * RUN_BYTES + 2 * words.len();
        if !possible || word_count(runs) != words.len() || bytes > MAX_FILE_WRITE_BYTES {
            return None;
        }
        Some(Self {
            runs: WriteRuns::new(runs)?,
            words: FileWriteWords::new(words)?,
        })
    }

    /// Each run with its registers, in the order of the request.
    pub fn runs(&self) -> impl Iterator<Item = (FileRun, &[u16])> {
        let mut rest = self.words.as_slice();
        self.runs.iter().map(move |run| {
            let (words, after) = rest.split_at(usize::from(run.count).min(rest.len()));
            rest = after;
            (*run, words)
        })
    }

    /// Registers of all runs, one after the other.
    #[must_use]
    pub fn words(&self) -> &[u16] {
        &self.words
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        writer.write_u8(byte(self.runs.len() * RUN_BYTES + 2 * self.words.len())?)?;
        for (run, words) in self.runs() {
            run.write(writer)?;
            words.iter().try_for_each(|word| writer.write_u16(*word))?;
        }
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PduError> {
        let byte_count = reader.read_u8()?;
        if usize::from(byte_count) > MAX_FILE_WRITE_BYTES {
            return Err(PduError::ByteCount(byte_count));
        }
        let mut inner = Reader::new(reader.take(usize::from(byte_count))?);
        // A byte count bounds both lists: each run is nine bytes at least.
        let (mut runs, mut words) = (Vec::new(), Vec::new());
        while !inner.is_empty() {
            let run = FileRun::read(&mut inner)?;
            for _ in 0..run.count {
                words.push(inner.read_u16()?);
            }
            runs.push(run);
        }
        Self::new(&runs, &words).ok_or(PduError::ByteCount(byte_count))
    }
}

fn word_count(runs: &[FileRun]) -> usize {
    runs.iter().map(|run| usize::from(run.count)).sum()
}

fn byte(length: usize) -> Result<u8, UnexpectedEnd> {
    u8::try_from(length).map_err(|_| UnexpectedEnd)
}
