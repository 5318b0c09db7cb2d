//! How much one principal may put in.

use std::time::{Duration, Instant};

/// A second's worth of tokens at most, filled evenly.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Tokens a second; none: no limit.
    rate: Option<u32>,
    tokens: f64,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Option<u32>, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.map_or(0.0, f64::from),
            filled: now,
        }
    }

    /// Takes a token; where there is none it is owed, and the time to wait for it is told.
    pub fn take(&mut self, now: Instant) -> Option<Duration> {
        let rate = f64::from(self.rate?);
        let elapsed_s = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + elapsed_s * rate).min(rate) - 1.0;
        (self.tokens < 0.0).then(|| Duration::from_secs_f64(-self.tokens / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Some(10), start);
        assert!((0..10).all(|_| bucket.take(start).is_none()));
        assert_eq!(bucket.take(start), Some(Duration::from_millis(100)));
        assert_eq!(bucket.take(start), Some(Duration::from_millis(200)));
        assert_eq!(bucket.take(start + Duration::from_secs(1)), None);
        let mut open = TokenBucket::new(None, start);
        assert!((0..100_000).all(|_| open.take(start).is_none()));
    }
}
