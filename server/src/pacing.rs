//! Wall time to virtual time. Nothing here reaches a recording.

use sim_record::{SimDuration, SimTime};
use std::time::{Duration, Instant};

/// Says which virtual time it should be. Where a range cannot keep up, the pacer gives way: virtual time slows down, and
/// no step changes.
#[derive(Clone, Debug)]
pub struct Pacer {
    wall: Instant,
    at: SimTime,
    factor: f64,
    late: Lateness,
}

/// How often and how much a range was late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lateness {
    /// Times that virtual time was slowed down.
    pub steps: u64,
    /// Virtual time lost in all, microseconds.
    pub lost_us: u64,
}

impl Pacer {
    /// Starts at virtual time `at`, `factor` virtual seconds a second.
    #[must_use]
    pub fn new(wall: Instant, at: SimTime, factor: f64) -> Self {
        Self {
            wall,
            at,
            factor,
            late: Lateness::default(),
        }
    }

    /// Virtual time that it should be.
    #[must_use]
    pub fn virtual_at(&self, wall: Instant) -> SimTime {
        let elapsed_us = wall.saturating_duration_since(self.wall).as_secs_f64() * 1e6;
        self.at + SimDuration(whole(elapsed_us * self.factor))
    }

    /// Wall time until it is virtual time `at`.
    #[must_use]
    pub fn until(&self, wall: Instant, at: SimTime) -> Duration {
        let ahead_us = at.since(self.virtual_at(wall)).0 as f64 / self.factor;
        Duration::from_micros(whole(ahead_us))
    }

    /// Gives way to a range that has only come to `reached`.
    pub fn give_way(&mut self, wall: Instant, reached: SimTime) {
        let lost = self.virtual_at(wall).since(reached);
        self.late.steps = self.late.steps.saturating_add(1);
        self.late.lost_us = self.late.lost_us.saturating_add(lost.0);
        self.wall = wall;
        self.at = reached;
    }

    /// How late it was so far.
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        self.late
    }
}

/// Whole microseconds below 2^53, which is 285 years.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "floats are cast by saturating, and a negative one means now"
)]
fn whole(us: f64) -> u64 {
    us as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_follows_the_wall_by_its_factor() {
        let start = Instant::now();
        let pacer = Pacer::new(start, SimTime::from_secs(5), 10.0);
        let later = start + Duration::from_millis(1500);
        assert_eq!(pacer.virtual_at(later), SimTime::from_secs(20));
        assert_eq!(
            pacer.until(later, SimTime::from_secs(30)),
            Duration::from_secs(1)
        );
        assert_eq!(pacer.until(later, SimTime::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn a_late_range_slows_virtual_time_and_is_counted() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, SimTime::ZERO, 1.0);
        let later = start + Duration::from_secs(3);
        pacer.give_way(later, SimTime::from_secs(1));
        assert_eq!(pacer.virtual_at(later), SimTime::from_secs(1));
        assert_eq!(
            pacer.lateness(),
            Lateness {
                steps: 1,
                lost_us: 2_000_000
            }
        );
    }
}
