//! Playing a match in memory from its input log, in pieces of any size.

use sim_range::{Advance, Budget, BuildError, Output, Range, RunOptions};
use sim_record::{Digest, Input, LoggedInput, Record, Seed, SimDuration, SimTime, StateHasher};
use sim_scenario::model::Scenario;
use std::collections::VecDeque;

/// Where a call of `advance` stops: nowhere that may change results.
#[derive(Clone, Debug)]
pub enum Chunks {
    /// As far as the next input.
    Whole,
    /// Anywhere: both the time and the number of instants are drawn.
    Drawn(Draw),
}

/// A stream of numbers from a seed (SplitMix64), so that a failure repeats.
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

impl Draw {
    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A number of at most so many digits, evenly over the orders of magnitude.
    pub fn spread(&mut self, digits: u32) -> u64 {
        let bound = (0..=self.below(u64::from(digits))).fold(1_u64, |bound, _| bound * 10);
        self.below(bound)
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count)
            .map(|_| self.below(256).to_le_bytes()[0])
            .collect()
    }
}

/// What came of a match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Played {
    /// Digests with their times.
    pub digests: Vec<(SimTime, Digest)>,
    /// Records in order.
    pub records: Vec<Record>,
    /// Everything that left towards outside connections, in order.
    pub outside: Vec<Output>,
}

impl Played {
    /// A hash of all records.
    #[must_use]
    pub fn records_hash(&self) -> Digest {
        let mut hasher = StateHasher::new();
        for record in &self.records {
            hasher.value(record);
        }
        hasher.finish()
    }

    fn drain(&mut self, range: &mut Range) {
        while let Some(output) = range.poll_output() {
            match output {
                Output::Record(record) => self.records.push(record),
                Output::Digest { time, digest } => self.digests.push((time, digest)),
                Output::Frame { .. } | Output::Text { .. } => {}
                output
                @ (Output::Bytes { .. } | Output::Close { .. } | Output::External { .. }) => {
                    self.outside.push(output);
                }
            }
        }
    }
}

/// A match that is being played under the live rule: run to an input's time, apply it, go on.
pub struct Match {
    range: Range,
    inputs: VecDeque<LoggedInput>,
    until: SimTime,
    chunks: Chunks,
    played: Played,
}

impl Match {
    /// A match at its beginning; it goes on up to its end, or `until`.
    ///
    /// # Errors
    /// As [`Range::new`].
    pub fn new(
        scenario: &Scenario,
        seed: Seed,
        cast: &str,
        inputs: &[LoggedInput],
        until: SimTime,
        chunks: Chunks,
    ) -> Result<Self, BuildError> {
        let options = RunOptions {
            cast: cast.into(),
            ..RunOptions::default()
        };
        let range = Range::new(&scenario.instantiate(seed), seed, &options)?;
        Ok(Self {
            until: until.min(range.ends()),
            range,
            inputs: inputs.iter().cloned().collect(),
            chunks,
            played: Played::default(),
        })
    }

    /// Goes one piece on; false when it is done.
    pub fn step(&mut self) -> bool {
        let next = self.inputs.front().map_or(SimTime::MAX, |input| input.time);
        let target = next.min(self.until);
        let (piece, budget) = self.chunks.next(self.range.now(), target);
        let advance = self.range.advance(piece, budget);
        let arrived = advance == Advance::Reached && piece == target;
        if arrived
            && next <= self.until
            && let Some(input) = self.inputs.pop_front()
        {
            self.range.handle_input(input.input);
        }
        self.played.drain(&mut self.range);
        advance != Advance::Over && !(arrived && next > self.until)
    }

    /// Plays to the end.
    #[must_use]
    pub fn play(mut self) -> Played {
        while self.step() {}
        self.played
    }

    /// Plays up to another time; inputs of that very instant are applied.
    pub fn play_to(&mut self, until: SimTime) {
        self.until = until.min(self.range.ends());
        while self.step() {}
    }

    /// Applies an input now, as one that comes from outside.
    pub fn apply(&mut self, input: Input) {
        self.range.handle_input(input);
        self.played.drain(&mut self.range);
    }

    /// The range, for a look at views, time and digest.
    pub fn range(&mut self) -> &mut Range {
        &mut self.range
    }

    /// What has come of it so far.
    #[must_use]
    pub fn played(&self) -> &Played {
        &self.played
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_played(self) -> Played {
        self.played
    }
}

impl Chunks {
    fn next(&mut self, now: SimTime, target: SimTime) -> (SimTime, Budget) {
        match self {
            Self::Whole => (target, Budget::UNLIMITED),
            Self::Drawn(draw) => {
                // From a microsecond to a hundred seconds.
                let piece = now + SimDuration(draw.spread(8) + 1);
                // Small budgets now and then: they cost a call for each instant.
                let instants = match draw.below(4) {
                    0 => draw.below(20),
                    _ => draw.below(20_000),
                };
                let instants = u32::try_from(instants).unwrap_or(0);
                (piece.min(target), Budget { instants })
            }
        }
    }
}
