//! Stretches of time in which something holds.

use crate::Interval;
use sim_record::SimTime;

/// Most stretches that are kept one by one; further ones are only summed up.
pub const SPANS_MAX: usize = 64;

/// The stretches in which a condition was true so far, and their sum.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    open: Option<(SimTime, u64)>,
    closed: Vec<Interval>,
    count: u64,
    closed_us: u64,
}

impl Spans {
    /// Notes that the condition is `on` from `time`, as record `seq` shows.
    pub fn set(&mut self, on: bool, time: SimTime, seq: u64) {
        match (on, self.open) {
            (true, None) => {
                self.open = Some((time, seq));
                self.count = self.count.saturating_add(1);
            }
            (false, Some((from, first))) => {
                self.open = None;
                self.closed_us = self.closed_us.saturating_add(time.since(from).0);
                if self.closed.len() < SPANS_MAX {
                    self.closed.push(Interval {
                        from,
                        to: time,
                        records: vec![first, seq],
                    });
                }
            }
            _ => {}
        }
    }

    /// When the stretch that still lasts began.
    #[must_use]
    pub fn since(&self) -> Option<SimTime> {
        self.open.map(|(from, _)| from)
    }

    /// Number of stretches.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of all stretches up to `now`, in seconds.
    #[must_use]
    pub fn total_s(&self, now: SimTime) -> f64 {
        let open_us = self.open.map_or(0, |(from, _)| now.since(from).0);
        SimTime(self.closed_us.saturating_add(open_us)).as_secs_f64()
    }

    /// The stretches up to `now`, in order; the first [`SPANS_MAX`] and the one that still lasts.
    #[must_use]
    pub fn list(&self, now: SimTime) -> Vec<Interval> {
        let mut list = self.closed.clone();
        if let Some((from, seq)) = self.open {
            list.push(Interval {
                from,
                to: now.max(from),
                records: vec![seq],
            });
        }
        list
    }

    /// The longest stretch up to `now`.
    #[must_use]
    pub fn longest(&self, now: SimTime) -> Option<Interval> {
        let mut longest: Option<Interval> = None;
        for span in self.list(now) {
            if longest
                .as_ref()
                .is_none_or(|best| span.length_s() > best.length_s())
            {
                longest = Some(span);
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact by construction")]
    use super::*;

    #[test]
    fn stretches_sum_up_and_the_last_one_lasts() {
        let s = SimTime::from_secs;
        let mut spans = Spans::default();
        for (on, at) in [(false, 1), (true, 2), (true, 3), (false, 5), (true, 8)] {
            spans.set(on, s(at), at);
        }
        assert_eq!(spans.total_s(s(10)), 5.0);
        assert_eq!(spans.count(), 2);
        assert_eq!(spans.since(), Some(s(8)));
        let longest = spans
            .longest(s(10))
            .map(|span| (span.from, span.to, span.records));
        assert_eq!(longest, Some((s(2), s(5), vec![2, 5])));
    }
}
