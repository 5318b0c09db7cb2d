//! Re-running a recording: the log goes through a new range, and what comes out is compared with what was recorded.

use crate::capture::Capture;
use crate::error::Failure;
use crate::package::{self, Loaded};
use sim_range::{Advance, Budget, ENGINE_FINGERPRINT, Output, Range, RunOptions};
use sim_record::container::{Damage, Ending, Header, Item, Reader};
use sim_record::{Digest, LoggedInput, Record, SimDuration, SimTime};
use std::collections::VecDeque;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

const READ_BYTES: usize = 64 * 1024;
const PIECE: SimDuration = SimDuration::from_secs(1);

/// What to do while re-running.
pub struct Wanted {
    /// Compare records too, and demand a sound end.
    pub verify: bool,
    /// Stop here.
    pub until: Option<SimTime>,
    /// Write frames here.
    pub capture: Option<Capture>,
}

/// How a re-run went.
#[derive(Debug, serde::Serialize)]
pub struct Outcome {
    /// Scenario id.
    pub scenario: String,
    /// Cast.
    pub cast: String,
    /// Seed.
    pub seed: u64,
    /// Virtual time reached, microseconds.
    pub reached_us: u64,
    /// Inputs applied.
    pub inputs: u64,
    /// Records compared, or only counted without `--verify`.
    pub records: u64,
    /// Digests compared.
    pub digests: u64,
    /// `over`, `failed` (the range failed while it was recorded), `unfinished` (killed, and not resumed), `damaged`, or
    /// `stopped` (by `--until`).
    pub ending: &'static str,
    /// What is wrong with the file, if anything.
    pub damage: Option<String>,
    /// The first difference, if any.
    pub difference: Option<Difference>,
}

/// Where a re-run first differs from its recording.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Difference {
    /// Virtual time, microseconds.
    pub time_us: u64,
    /// What differs.
    pub what: String,
    /// As recorded.
    pub recorded: String,
    /// As it came out.
    pub came_out: String,
}

/// Reads the header of a recording.
///
/// # Errors
/// It is none, or cannot be read.
pub fn read_header(
    source: &mut dyn Read,
    reader: &mut Reader,
    name: &str,
) -> Result<Header, Failure> {
    match next_item(source, reader, name)? {
        Ok(Some(Item::Header(header))) => Ok(header),
        Ok(_) => Err(Failure::failed(format!("`{name}` has no complete header"))),
        Err(damage) => Err(Failure::failed(format!("`{name}`: {}", damage.fault))),
    }
}

/// The next item; the outer error is the disk's, the inner one the recording's.
///
/// # Errors
/// The disk refuses.
pub fn next_item(
    source: &mut dyn Read,
    reader: &mut Reader,
    name: &str,
) -> Result<Result<Option<Item>, Damage>, Failure> {
    let mut buffer = Vec::new();
    loop {
        match reader.next_item() {
            Ok(None) => {}
            found => return Ok(found),
        }
        buffer.resize(READ_BYTES, 0);
        let count = source
            .read(&mut buffer)
            .map_err(|error| Failure::io(format!("cannot read `{name}`"), &error))?;
        if count == 0 {
            return Ok(reader.finish().map(|()| None));
        }
        reader.feed(&buffer[..count]);
    }
}

/// The run options in a header.
///
/// # Errors
/// They do not decode.
pub fn options_of(header: &Header) -> Result<RunOptions, Failure> {
    postcard::from_bytes(&header.options)
        .map_err(|_| Failure::failed("the run options in the recording do not decode"))
}

/// The scenario in a header.
///
/// # Errors
/// It has errors.
pub fn scenario_of(header: &Header) -> Result<Loaded, Failure> {
    let files = header.package.iter().cloned().collect();
    package::from_files(files).map_err(|error| error.into_failure("in the recording"))
}

/// Refuses a recording of another engine.
///
/// # Errors
/// Says which engine made it.
pub fn check_engine(header: &Header, name: &str) -> Result<(), Failure> {
    if header.fingerprint == ENGINE_FINGERPRINT {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "`{name}` was made by engine {}, this is engine {ENGINE_FINGERPRINT}",
        header.fingerprint
    ))
    .hint("only the engine that made a recording re-runs it bit for bit; build that version")
    .hint(format!(
        "`trippoint grade {name}` needs no re-run and works across versions"
    )))
}

/// Re-runs a recording.
///
/// # Errors
/// The file cannot be read, was made by another engine, or its range cannot be built. A difference is no error here: it is
/// in the outcome.
pub fn replay(
    source: &mut dyn Read,
    name: &str,
    wanted: Wanted,
    mut watch: impl FnMut(SimTime, SimTime),
) -> Result<Outcome, Failure> {
    let mut reader = Reader::new();
    let header = read_header(source, &mut reader, name)?;
    check_engine(&header, name)?;
    let options = options_of(&header)?;
    let loaded = scenario_of(&header)?;
    let scenario = loaded.scenario.instantiate(header.seed);
    let mut range = Range::new(&scenario, header.seed, &options)
        .map_err(|error| Failure::failed(format!("the range cannot be built: {error}")))?;
    range.set_capture(wanted.capture.is_some());
    let cast = if options.cast.is_empty() {
        loaded.scenario.default_cast.clone()
    } else {
        options.cast.clone()
    };
    let outcome = Outcome {
        scenario: loaded.scenario.id.clone(),
        cast,
        seed: header.seed.0,
        reached_us: 0,
        inputs: 0,
        records: 0,
        digests: 0,
        ending: "unfinished",
        damage: None,
        difference: None,
    };
    let ends = range.ends();
    let mut rerun = Rerun {
        range,
        wanted,
        outcome,
        records: VecDeque::new(),
        digests: VecDeque::new(),
        panicked: false,
        ran_to: None,
    };
    while rerun.outcome.difference.is_none() {
        match next_item(source, &mut reader, name)? {
            Ok(Some(item)) => {
                if !rerun.take(item)? {
                    break;
                }
            }
            Ok(None) => break,
            Err(damage) => {
                rerun.outcome.ending = "damaged";
                rerun.outcome.damage = Some(damage.to_string());
                break;
            }
        }
        watch(rerun.range.now(), ends);
    }
    rerun.finish()
}

struct Rerun {
    range: Range,
    wanted: Wanted,
    outcome: Outcome,
    records: VecDeque<Record>,
    digests: VecDeque<(SimTime, Digest)>,
    panicked: bool,
    /// Everything due up to and at this time has run.
    ran_to: Option<SimTime>,
}

impl Rerun {
    /// Takes the next item of the recording; false when no more are wanted.
    fn take(&mut self, item: Item) -> Result<bool, Failure> {
        match item {
            Item::Header(_) => {}
            Item::Input(input) => {
                if self.is_behind(input.time) {
                    return Ok(false);
                }
                self.run_to(input.time)?;
                self.apply(input)?;
            }
            Item::Records(records) => {
                for record in records {
                    if self.is_behind(record.time) {
                        return Ok(false);
                    }
                    self.run_to(record.time)?;
                    self.compare_record(&record);
                    if self.outcome.difference.is_some() {
                        break;
                    }
                }
            }
            Item::Digest { time, digest } => {
                if self.is_behind(time) {
                    return Ok(false);
                }
                self.run_to(time)?;
                self.compare_digest(time, digest);
            }
            Item::End(end) => {
                self.outcome.ending = match end.ending {
                    Ending::Over => "over",
                    Ending::Failed => "failed",
                };
                if end.ending == Ending::Over {
                    self.compare_end(end.time);
                }
            }
        }
        Ok(true)
    }

    fn finish(mut self) -> Result<Outcome, Failure> {
        if let Some(until) = self.wanted.until
            && self.outcome.difference.is_none()
        {
            self.run_to(until)?;
        }
        if self.panicked && self.outcome.difference.is_none() && self.outcome.ending != "failed" {
            self.differ(self.range.now(), "the range", "went on", "failed".into());
        }
        if let Some(capture) = &mut self.wanted.capture {
            capture
                .finish()
                .map_err(|error| Failure::io("cannot write the capture", &error))?;
        }
        self.outcome.reached_us = self.range.now().0;
        Ok(self.outcome)
    }

    /// True where `time` is behind the wanted end.
    fn is_behind(&mut self, time: SimTime) -> bool {
        let behind = self.wanted.until.is_some_and(|until| time > until);
        if behind {
            self.outcome.ending = "stopped";
        }
        behind
    }

    /// Runs everything due up to and at `until`, unless that is done.
    fn run_to(&mut self, until: SimTime) -> Result<(), Failure> {
        while !self.panicked && self.ran_to.is_none_or(|ran| ran < until) {
            let piece = until.min(self.range.now() + PIECE);
            let range = &mut self.range;
            let advanced =
                catch_unwind(AssertUnwindSafe(|| range.advance(piece, Budget::UNLIMITED)));
            self.panicked = advanced.is_err();
            self.ran_to = Some(match advanced {
                Ok(Advance::Over) => until,
                Ok(Advance::Reached | Advance::OutOfBudget) | Err(_) => piece,
            });
            self.drain()?;
        }
        Ok(())
    }

    fn apply(&mut self, logged: LoggedInput) -> Result<(), Failure> {
        self.outcome.inputs += 1;
        if self.panicked {
            return Ok(());
        }
        // What the input makes due at this instant has still to run.
        self.ran_to = None;
        let range = &mut self.range;
        self.panicked =
            catch_unwind(AssertUnwindSafe(|| range.handle_input(logged.input))).is_err();
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.range.poll_output() {
            match output {
                Output::Record(record) => self.records.push_back(record),
                Output::Digest { time, digest } => self.digests.push_back((time, digest)),
                Output::Frame {
                    time,
                    number,
                    tap,
                    bytes,
                } => {
                    if let Some(capture) = &mut self.wanted.capture {
                        capture
                            .frame(time, number, tap, bytes)
                            .map_err(|error| Failure::io("cannot write the capture", &error))?;
                    }
                }
                Output::External { .. }
                | Output::Bytes { .. }
                | Output::Close { .. }
                | Output::Text { .. } => {}
            }
        }
        Ok(())
    }

    fn compare_record(&mut self, recorded: &Record) {
        self.outcome.records += 1;
        let made = self.records.pop_front();
        if !self.wanted.verify {
            return;
        }
        // Equal bytes count as equal where a value is not a number.
        let equal = made.as_ref().is_some_and(|made| {
            made == recorded
                || matches!((postcard::to_allocvec(made), postcard::to_allocvec(recorded)), (Ok(a), Ok(b)) if a == b)
        });
        if !equal {
            let came_out = made.map_or("nothing".into(), |made| format!("{made:?}"));
            let what = format!("record {}", recorded.seq);
            self.differ(recorded.time, &what, &format!("{recorded:?}"), came_out);
        }
    }

    fn compare_digest(&mut self, time: SimTime, recorded: Digest) {
        self.outcome.digests += 1;
        let made = self.digests.pop_front();
        if made != Some((time, recorded)) {
            let came_out =
                made.map_or("nothing".into(), |(at, digest)| format!("{digest} at {at}"));
            self.differ(
                time,
                "the digest",
                &format!("{recorded} at {time}"),
                came_out,
            );
        }
    }

    fn compare_end(&mut self, time: SimTime) {
        if let Some((at, digest)) = self.digests.pop_front() {
            self.differ(at, "the digest", "nothing", digest.to_string());
        } else if let Some(record) = self.records.pop_front()
            && self.wanted.verify
        {
            let what = format!("record {}", record.seq);
            self.differ(record.time, &what, "nothing", format!("{record:?}"));
        } else if !self.range.is_over() {
            self.differ(time, "the end", "over", "goes on".into());
        }
    }

    fn differ(&mut self, time: SimTime, what: &str, recorded: &str, came_out: String) {
        self.outcome.difference.get_or_insert(Difference {
            time_us: time.0,
            what: what.into(),
            recorded: recorded.into(),
            came_out,
        });
    }
}
