//! A limit a second of virtual time.

use sim_record::SimTime;

/// Counts what happened in the present second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    second: u64,
    count: u32,
}

impl Rate {
    /// Whether one more fits below `max` in this second.
    pub(crate) fn allow(&mut self, now: SimTime, max: u32) -> bool {
        let second = now.0 / 1_000_000;
        if second != self.second {
            *self = Self { second, count: 0 };
        }
        if self.count >= max {
            return false;
        }
        self.count += 1;
        true
    }

    pub(crate) const fn digest(&self) -> u64 {
        self.second
            .wrapping_mul(1 << 20)
            .wrapping_add(self.count as u64)
    }
}
