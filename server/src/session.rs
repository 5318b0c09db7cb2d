//! One range with its recording, grader and capture, kept under the live rule: advance to the present, append the input
//! to the log, apply it, and later run what it made due; one input at a time.

use crate::capture::Capture;
use crate::package::Loaded;
use crate::storage::Storage;
use grading::{Grader, Report};
use sim_range::{
    Advance, Budget, BuildError, DIGEST_PERIOD_US, ENGINE_FINGERPRINT, Output, Range, RunOptions,
};
use sim_record::container::{Damage, Ending, Header, Item, Reader, WriteError, Writer};
use sim_record::{Input, InputKind, LoggedInput, Principal, Seed, SimDuration, SimTime};
use sim_scenario::model::Register;
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Outputs leave at most this long, in virtual time, after the last time that is noted on disk; so a match that was
/// killed and goes on this long behind that time cannot contradict what the outside has seen.
pub const MARK_PERIOD: SimDuration = SimDuration::from_millis(50);

/// A long advance is cut into pieces of this length, so that its outputs need not all be held at once.
const PIECE: SimDuration = SimDuration::from_secs(1);

/// Bytes read from a recording at once.
const READ_BYTES: usize = 64 * 1024;

/// What a range wants to tell an outside connection or device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum External {
    /// Data.
    Bytes {
        /// The shell's number of the connection.
        conn: u32,
        /// Data.
        data: Vec<u8>,
    },
    /// The end.
    Close {
        /// The shell's number of the connection.
        conn: u32,
        /// By reset.
        reset: bool,
    },
    /// A cycle of an external controller begins.
    Cycle {
        /// Index of the controller among the scenario's external ones.
        controller: u16,
        /// Number of the cycle.
        cycle: u64,
        /// What to write.
        registers: Vec<(Register, u16)>,
    },
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The range cannot be built.
    #[error("the range cannot be built: {0}")]
    Build(#[from] BuildError),
    /// Something cannot be recorded.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// The medium refuses.
    #[error("the recording cannot be stored: {0}")]
    Storage(#[from] io::Error),
    /// The recording is damaged where it may not be.
    #[error("{0}")]
    Damage(#[from] Damage),
    /// The recording was made by another engine.
    #[error("the recording was made by engine {theirs}, this is engine {ENGINE_FINGERPRINT}")]
    OtherEngine {
        /// Its fingerprint.
        theirs: String,
    },
    /// The recording has no complete header.
    #[error("the recording has no complete header")]
    NoHeader,
    /// A match that came to its end cannot go on.
    #[error("the match in it has ended")]
    Ended,
    /// The re-run gave other bytes than those on disk.
    #[error("re-running the log gives something else than was recorded, around {time}")]
    Differs {
        /// Virtual time around which the difference lies.
        time: SimTime,
    },
    /// The range panicked.
    #[error("the range failed: {0}")]
    RangeFailed(String),
}

/// What fixes a match before its first input.
pub struct Setup<'a> {
    /// Scenario with its files.
    pub loaded: &'a Loaded,
    /// Seed.
    pub seed: Seed,
    /// Options.
    pub options: RunOptions,
}

/// One range with all that listens to it.
pub struct Session {
    range: Range,
    writer: Writer,
    storage: Box<dyn Storage>,
    grader: Grader,
    capture: Option<Capture>,
    external: VecDeque<External>,
    /// Bytes of the recording made so far.
    made_bytes: u64,
    /// Bytes that an earlier owner has stored: made again, compared, not written.
    earlier_bytes: u64,
    /// Latest virtual time that is on disk.
    noted: SimTime,
    next_conn: u32,
    closed: bool,
    #[cfg(test)]
    panic_from: Option<SimTime>,
}

/// What is left of a session that has ended well.
pub struct Concluded {
    /// Its report.
    pub report: Report,
    /// Frames that its capture left out.
    pub frames_left_out: u64,
    /// What its historian stored.
    pub historian_csv: String,
}

impl Session {
    /// Begins a match in an empty storage.
    ///
    /// # Errors
    /// The range cannot be built, or its header cannot be stored.
    pub fn begin(
        setup: &Setup<'_>,
        storage: Box<dyn Storage>,
        capture: Option<Capture>,
    ) -> Result<Self, SessionError> {
        let header = Header {
            package: setup
                .loaded
                .files
                .iter()
                .map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect(),
            seed: setup.seed,
            options: postcard::to_allocvec(&setup.options)
                .map_err(|_| WriteError::Encoding("the run options"))?,
            fingerprint: ENGINE_FINGERPRINT.into(),
        };
        let mut session = Self::build(setup, &header, storage, capture)?;
        session.drain()?;
        session.store()?;
        session.note_time()?;
        Ok(session)
    }

    /// Carries on a match from its recording, of which `scan` has told the sound part: re-runs the log, compares what
    /// comes out with what is stored, and puts a `Resumed` input where it goes on. `watch` is told the virtual time.
    ///
    /// # Errors
    /// The re-run does not give what is stored, or the medium refuses.
    pub fn resume(
        setup: &Setup<'_>,
        scan: &Scan,
        mut storage: Box<dyn Storage>,
        capture: Option<Capture>,
        mut watch: impl FnMut(SimTime),
    ) -> Result<Self, SessionError> {
        if scan.ended {
            return Err(SessionError::Ended);
        }
        storage.cut(scan.good_bytes)?;
        let resume_at = scan.latest.max(storage.marked()) + MARK_PERIOD;
        let mut session = Self::build(setup, &scan.header, storage, capture)?;
        session.earlier_bytes = scan.good_bytes;
        session.drain()?;
        let mut log = Log::default();
        while let Some(input) = log.next_input(&mut *session.storage, scan.good_bytes)? {
            watch(input.time);
            session.input(input.time, input.input)?;
            session.external.clear();
        }
        // A block of records is cut by the digest behind it; where only the block was stored, the match had come to that
        // digest, which is at most one period away.
        let latest_at = resume_at + SimDuration(DIGEST_PERIOD_US);
        while !session.is_over()
            && (session.now() < resume_at
                || session.now() < latest_at && session.is_behind(scan.good_bytes))
        {
            watch(session.now());
            let piece = session.now() + PIECE;
            let until = if session.now() < resume_at {
                resume_at
            } else {
                latest_at
            };
            session.advance(piece.min(until))?;
        }
        session.external.clear();
        session.store()?;
        if session.is_behind(scan.good_bytes) {
            return Err(SessionError::Differs {
                time: session.now(),
            });
        }
        session.input(
            session.now(),
            Input {
                principal: Principal::range(),
                kind: InputKind::Resumed,
            },
        )?;
        session.external.clear();
        Ok(session)
    }

    /// True while not all stored bytes have been made again.
    fn is_behind(&self, stored_bytes: u64) -> bool {
        self.made_bytes + (self.writer.pending().len() as u64) < stored_bytes
    }

    fn build(
        setup: &Setup<'_>,
        header: &Header,
        storage: Box<dyn Storage>,
        capture: Option<Capture>,
    ) -> Result<Self, SessionError> {
        let scenario = setup.loaded.scenario.instantiate(setup.seed);
        let mut range = Range::new(&scenario, setup.seed, &setup.options)?;
        range.set_capture(capture.is_some());
        Ok(Self {
            range,
            writer: Writer::new(header)?,
            noted: storage.marked(),
            storage,
            grader: Grader::new(setup.loaded.rubric.clone()),
            capture,
            external: VecDeque::new(),
            made_bytes: 0,
            earlier_bytes: 0,
            next_conn: 0,
            closed: false,
            #[cfg(test)]
            panic_from: None,
        })
    }

    /// Applies an input at `at`, or at the present virtual time if that is later. It is on disk when this returns; an
    /// input after the end of the match is dropped.
    ///
    /// # Errors
    /// The range failed, or the input cannot be stored.
    pub fn input(&mut self, at: SimTime, input: Input) -> Result<(), SessionError> {
        self.guarded(|session| session.apply(at, input))
    }

    /// Runs everything due up to and at `until`.
    ///
    /// # Errors
    /// The range failed, or its records cannot be stored.
    pub fn advance(&mut self, until: SimTime) -> Result<(), SessionError> {
        self.guarded(|session| session.run_to(until))
    }

    /// Runs what is due up to `until` within a budget.
    ///
    /// # Errors
    /// The range failed, or its records cannot be stored.
    pub fn advance_within(
        &mut self,
        until: SimTime,
        budget: Budget,
    ) -> Result<Advance, SessionError> {
        self.guarded(|session| {
            let advance = session.range.advance(until, budget);
            session.drain()?;
            Ok(advance)
        })
    }

    /// The next thing for an outside connection or device. What it tells can be re-made after a kill.
    ///
    /// # Errors
    /// The time cannot be noted.
    pub fn poll_external(&mut self) -> Result<Option<External>, SessionError> {
        if !self.external.is_empty() && self.now() > self.noted + MARK_PERIOD {
            let now = self.now();
            self.storage.mark(now)?;
            self.noted = now;
        }
        Ok(self.external.pop_front())
    }

    /// True when something waits for an outside connection or device.
    #[must_use]
    pub fn has_external(&self) -> bool {
        !self.external.is_empty()
    }

    /// Stops the match by its host, if it is not over.
    ///
    /// # Errors
    /// As [`Session::input`].
    pub fn stop(&mut self) -> Result<(), SessionError> {
        let input = Input {
            principal: Principal::range(),
            kind: InputKind::Stop,
        };
        self.input(self.now(), input)
    }

    /// Closes recording and capture of a match that is over. Further calls do nothing.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn finish(&mut self) -> Result<(), SessionError> {
        self.close(Ending::Over)
    }

    /// Closes recording and capture, and grades.
    ///
    /// # Errors
    /// The medium refuses, or the grading failed.
    pub fn conclude(&mut self) -> Result<Concluded, SessionError> {
        self.guarded(|session| {
            session.finish()?;
            Ok(Concluded {
                report: session.report(),
                frames_left_out: session.frames_left_out(),
                historian_csv: session.historian_csv(),
            })
        })
    }

    /// The grading of everything up to now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.grader.report()
    }

    /// What the historian stored, as CSV.
    #[must_use]
    pub fn historian_csv(&self) -> String {
        self.range.historian_csv()
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.range.now()
    }

    /// Declared end.
    #[must_use]
    pub fn ends(&self) -> SimTime {
        self.range.ends()
    }

    /// True when the match has ended, or the range has failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.closed || self.range.is_over()
    }

    /// Notes the present time in the sidecar.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn note_time(&mut self) -> Result<(), SessionError> {
        let now = self.now();
        self.storage.mark(now)?;
        self.noted = self.noted.max(now);
        Ok(())
    }

    /// A number for a new outside connection, unique in the match.
    pub fn new_conn(&mut self) -> u32 {
        let conn = self.next_conn;
        self.next_conn = self.next_conn.saturating_add(1);
        conn
    }

    /// Frames that the capture left out because it was full.
    #[must_use]
    pub fn frames_left_out(&self) -> u64 {
        self.capture.as_ref().map_or(0, Capture::left_out)
    }

    fn apply(&mut self, at: SimTime, input: Input) -> Result<(), SessionError> {
        let at = at.max(self.range.now());
        self.run_to(at)?;
        if self.is_over() {
            return Ok(());
        }
        if let InputKind::Open { conn, .. } = input.kind {
            self.next_conn = self.next_conn.max(conn.saturating_add(1));
        }
        let logged = LoggedInput {
            time: at,
            order: self.writer.inputs(),
            input,
        };
        self.writer.input(&logged)?;
        self.store()?;
        self.noted = self.noted.max(at);
        self.range.handle_input(logged.input);
        self.drain()
    }

    fn run_to(&mut self, until: SimTime) -> Result<(), SessionError> {
        loop {
            let piece = until.min(self.range.now() + PIECE);
            let advance = self.range.advance(piece, Budget::UNLIMITED);
            self.drain()?;
            match advance {
                Advance::Over => return Ok(()),
                Advance::Reached if piece == until => return Ok(()),
                Advance::Reached | Advance::OutOfBudget => {}
            }
        }
    }

    fn drain(&mut self) -> Result<(), SessionError> {
        while let Some(output) = self.range.poll_output() {
            match output {
                Output::Record(record) => {
                    self.writer.record(&record)?;
                    self.grader.observe(&record);
                }
                Output::Digest { time, digest } => self.writer.digest(time, digest)?,
                Output::Frame {
                    time,
                    number,
                    tap,
                    bytes,
                } => {
                    if let Some(capture) = &mut self.capture {
                        capture.frame(time, number, tap, bytes)?;
                    }
                }
                Output::Bytes { conn, data } => {
                    self.external.push_back(External::Bytes { conn, data });
                }
                Output::Close { conn, reset } => {
                    self.external.push_back(External::Close { conn, reset });
                }
                Output::External {
                    controller,
                    cycle,
                    registers,
                } => self.external.push_back(External::Cycle {
                    controller,
                    cycle,
                    registers,
                }),
                Output::Text { hash, text } => self.storage.keep_text(&hash, &text)?,
            }
        }
        // Frames come out at digests, inputs and full blocks, which is seldom enough.
        if self.writer.pending().is_empty() {
            return Ok(());
        }
        self.store()
    }

    /// Puts pending bytes behind those stored; bytes that an earlier owner has stored are compared instead.
    fn store(&mut self) -> Result<(), SessionError> {
        let mut pending = self.writer.pending();
        let mut stored = [0_u8; 4096];
        while self.made_bytes < self.earlier_bytes && !pending.is_empty() {
            let left = self.earlier_bytes - self.made_bytes;
            let count = pending
                .len()
                .min(stored.len())
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let (head, rest) = pending.split_at(count);
            let read = self.storage.read(self.made_bytes, &mut stored[..count])?;
            if stored[..read] != *head {
                return Err(SessionError::Differs {
                    time: self.range.now(),
                });
            }
            self.made_bytes += count as u64;
            pending = rest;
        }
        if !pending.is_empty() {
            self.storage.append(pending)?;
            self.made_bytes += pending.len() as u64;
        }
        self.writer.stored();
        Ok(())
    }

    fn close(&mut self, ending: Ending) -> Result<(), SessionError> {
        if self.closed {
            return Ok(());
        }
        self.closed = true;
        self.writer.end(ending)?;
        self.store()?;
        self.note_time()?;
        self.storage.seal()?;
        if let Some(capture) = &mut self.capture {
            capture.finish()?;
        }
        Ok(())
    }

    /// A panic ends this range only, with its recording closed.
    fn guarded<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, SessionError>,
    ) -> Result<T, SessionError> {
        let guarded = || {
            #[cfg(test)]
            self.panic_if_due();
            act(self)
        };
        match catch_unwind(AssertUnwindSafe(guarded)) {
            Ok(result) => result,
            Err(panic) => {
                self.close(Ending::Failed)?;
                Err(SessionError::of_panic(&*panic))
            }
        }
    }

    /// Lets the range fail at a virtual time, as a fault in it would.
    #[cfg(test)]
    pub(crate) fn panic_from(&mut self, at: SimTime) {
        self.panic_from = Some(at);
    }

    #[cfg(test)]
    fn panic_if_due(&self) {
        assert!(
            self.panic_from.is_none_or(|at| self.now() < at),
            "the fault that the test asked for"
        );
    }
}

impl SessionError {
    /// What a panic of a range is told as.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::RangeFailed(text.unwrap_or_else(|| "without a message".into()))
    }
}

/// What a recording holds, as far as it is sound.
pub struct Scan {
    /// Header.
    pub header: Header,
    /// Bytes that are sound.
    pub good_bytes: u64,
    /// What is wrong behind them, if anything.
    pub damage: Option<Damage>,
    /// Latest virtual time in it.
    pub latest: SimTime,
    /// Inputs in it.
    pub inputs: u64,
    /// It was closed.
    pub ended: bool,
}

impl Scan {
    /// Reads a whole recording and checks its chain.
    ///
    /// # Errors
    /// The medium refuses, or there is no sound header.
    pub fn of(storage: &mut dyn Storage) -> Result<Self, SessionError> {
        let mut reader = Reader::new();
        let mut offset = 0;
        let mut buffer = vec![0_u8; READ_BYTES];
        let mut header = None;
        let damage = 'file: loop {
            let count = storage.read(offset, &mut buffer)?;
            offset += count as u64;
            reader.feed(&buffer[..count]);
            loop {
                match reader.next_item() {
                    Ok(Some(Item::Header(found))) => header = Some(found),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(found) => break 'file Some(found),
                }
            }
            if count < buffer.len() {
                break reader.finish().err();
            }
        };
        let Some(header) = header else {
            return Err(damage.map_or(SessionError::NoHeader, SessionError::Damage));
        };
        Ok(Self {
            header,
            good_bytes: reader.good_bytes(),
            damage,
            latest: reader.seen().time,
            inputs: reader.seen().inputs,
            ended: reader.is_ended(),
        })
    }
}

/// Reads the inputs of a recording one after the other.
#[derive(Default)]
struct Log {
    reader: Reader,
    offset: u64,
}

impl Log {
    fn next_input(
        &mut self,
        storage: &mut dyn Storage,
        end: u64,
    ) -> Result<Option<LoggedInput>, SessionError> {
        let mut buffer = Vec::new();
        loop {
            match self.reader.next_item()? {
                Some(Item::Input(input)) => return Ok(Some(input)),
                Some(_) => continue,
                None => {}
            }
            let left = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(None);
            }
            buffer.resize(left.min(READ_BYTES), 0);
            let count = storage.read(self.offset, &mut buffer)?;
            if count == 0 {
                return Ok(None);
            }
            self.offset += count as u64;
            self.reader.feed(&buffer[..count]);
        }
    }
}
