//! The state machine itself.

use crate::{Advance, Budget, BuildError, DIGEST_PERIOD_US, Output, RunOptions};
use sim_record::{
    Digest, EndReason, Input, InputKind, MatchInfo, Record, RecordKind, Seed, SimTime, StateHasher,
};
use sim_scenario::model::Scenario;
use std::collections::VecDeque;

/// One virtual plant with its controllers, network, hosts and people.
pub struct Range {
    now: SimTime,
    ends: SimTime,
    over: bool,
    next_seq: u64,
    next_digest: SimTime,
    outputs: VecDeque<Output>,
}

impl Range {
    /// Builds a range at virtual time 0. `scenario` is already instantiated with the seed.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(scenario: &Scenario, seed: Seed, options: &RunOptions) -> Result<Self, BuildError> {
        let name = if options.cast.is_empty() {
            &scenario.default_cast
        } else {
            &options.cast
        };
        let cast = scenario
            .casts
            .get(name)
            .ok_or_else(|| BuildError::NoSuchCast(name.clone()))?;
        let pace = scenario
            .paces
            .get(&cast.pace)
            .ok_or_else(|| BuildError::NoSuchCast(cast.pace.clone()))?;
        let mut range = Self {
            now: SimTime::ZERO,
            ends: pace.ends,
            over: false,
            next_seq: 0,
            next_digest: SimTime(DIGEST_PERIOD_US),
            outputs: VecDeque::new(),
        };
        range.record(RecordKind::Match(MatchInfo {
            scenario: scenario.id.clone(),
            title: scenario.title.clone(),
            cast: name.clone(),
            pace: cast.pace.clone(),
            seed: seed.0,
            start_utc_us: scenario.start_utc_us,
            red_window: (pace.red_from, pace.red_until),
            ends: pace.ends,
            practice: options.practice,
        }));
        Ok(range)
    }

    /// Turns the capture of taps into outputs on or off. Changes no state that a digest sees.
    pub fn set_capture(&mut self, _on: bool) {}

    /// Applies an input at the present instant.
    pub fn handle_input(&mut self, input: Input) {
        if matches!(input.kind, InputKind::Stop) {
            self.end(EndReason::Stopped);
        }
    }

    /// Runs everything due up to and at `until`.
    pub fn advance(&mut self, until: SimTime, _budget: Budget) -> Advance {
        while !self.over && self.next_digest <= until.min(self.ends) {
            self.now = self.next_digest;
            self.next_digest = SimTime(self.next_digest.0 + DIGEST_PERIOD_US);
            let digest = self.digest();
            self.outputs.push_back(Output::Digest {
                time: self.now,
                digest,
            });
        }
        if !self.over && until >= self.ends {
            self.now = self.ends;
            self.end(EndReason::TimeUp);
        }
        if self.over {
            Advance::Over
        } else {
            self.now = self.now.max(until);
            Advance::Reached
        }
    }

    /// The next thing for the outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Declared end.
    #[must_use]
    pub fn ends(&self) -> SimTime {
        self.ends
    }

    /// True when the match has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Digest of the complete state.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = StateHasher::new();
        hasher.u64(self.now.0);
        hasher.u64(self.next_seq);
        hasher.finish()
    }

    fn record(&mut self, kind: RecordKind) {
        let record = Record {
            seq: self.next_seq,
            time: self.now,
            kind,
        };
        self.next_seq += 1;
        self.outputs.push_back(Output::Record(record));
    }

    fn end(&mut self, reason: EndReason) {
        self.over = true;
        self.record(RecordKind::End { reason });
        let digest = self.digest();
        self.outputs.push_back(Output::Digest {
            time: self.now,
            digest,
        });
    }
}
