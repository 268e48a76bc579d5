//! When something that changes is written: soon, but not often.

use std::time::{Duration, Instant};

/// How long is waited for what changes together.
const GATHER: Duration = Duration::from_secs(1);
/// The least time between two writes.
const BETWEEN: Duration = Duration::from_secs(10);
/// The first wait after a failure; it doubles with each further one, to the longest.
const BACKOFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// How often it is tried where the kind is not there.
const ABSENT: Duration = Duration::from_secs(300);

/// When to write. Each wait differs by a quarter up or down, so that nodes that hear of something at the same time don't tell of it at the same time.
#[derive(Clone, Debug)]
pub struct Pace {
    due: Option<Instant>,
    /// Not before this.
    earliest: Option<Instant>,
    failures: u32,
    random: u64,
}

impl Pace {
    /// With nothing to write. The seed makes its waits differ from those of others.
    pub fn new(seed: u64) -> Self {
        Self { due: None, earliest: None, failures: 0, random: seed | 1 }
    }

    /// There is something to write.
    pub fn changed(&mut self, now: Instant) {
        if self.due.is_none() {
            let soon = now + self.around(GATHER);
            self.due = Some(self.earliest.map_or(soon, |earliest| soon.max(earliest)));
        }
    }

    /// There is nothing to write any more: it is as it was written.
    pub fn unchanged(&mut self) {
        self.due = None;
    }

    /// When to write; `None` where there is nothing to.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It was written.
    pub fn wrote(&mut self, now: Instant) {
        self.failures = 0;
        self.due = None;
        self.earliest = Some(now + self.around(BETWEEN));
    }

    /// It could not be written, and is to be tried again, no sooner than the server says.
    pub fn failed(&mut self, now: Instant, after: Option<Duration>) {
        let wait = BACKOFF[1].min(BACKOFF[0] * 2_u32.pow(self.failures.min(16)));
        self.failures += 1;
        self.again(now, wait.max(after.unwrap_or_default()));
    }

    /// There is no such kind here.
    pub fn absent(&mut self, now: Instant) {
        self.again(now, ABSENT);
    }

    fn again(&mut self, now: Instant, wait: Duration) {
        let again = now + self.around(wait);
        (self.due, self.earliest) = (Some(again), Some(again));
    }

    /// Three quarters of it to five quarters.
    fn around(&mut self, wait: Duration) -> Duration {
        // Xorshift (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        wait * 3 / 4 + wait / 2 * u32::try_from(self.random % 1024).unwrap_or_default() / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a wait is about so long.
    fn about(pace: &Pace, now: Instant, wait: Duration) {
        let due = pace.due().expect("something is due") - now;
        assert!(due >= wait * 3 / 4 && due <= wait * 5 / 4, "{due:?} is not about {wait:?}");
    }

    #[test]
    fn soon_at_first_and_then_seldom() {
        for seed in 0..100 {
            let now = Instant::now();
            let mut pace = Pace::new(seed);
            assert_eq!(pace.due(), None);
            pace.changed(now);
            about(&pace, now, GATHER);
            let due = pace.due();
            pace.changed(now + GATHER / 2);
            assert_eq!(pace.due(), due, "more that changes puts nothing off");
            pace.wrote(now);
            assert_eq!(pace.due(), None);
            pace.changed(now);
            about(&pace, now, BETWEEN);
            pace.unchanged();
            assert_eq!(pace.due(), None);
            let later = now + BETWEEN * 2;
            pace.changed(later);
            about(&pace, later, GATHER);
        }
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let now = Instant::now();
        let mut pace = Pace::new(7);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            pace.failed(now, None);
            about(&pace, now, Duration::from_secs(seconds));
            pace.changed(now);
            about(&pace, now, Duration::from_secs(seconds));
        }
        pace.failed(now, Some(Duration::from_secs(120)));
        about(&pace, now, Duration::from_secs(120));
        pace.absent(now);
        about(&pace, now, ABSENT);
        pace.wrote(now);
        pace.failed(now, None);
        about(&pace, now, BACKOFF[0]);
    }

    #[test]
    fn nodes_differ() {
        let now = Instant::now();
        let due = |seed: u64| {
            let mut pace = Pace::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            pace.changed(now);
            pace.due()
        };
        let distinct: std::collections::BTreeSet<_> = (1..=100).map(due).collect();
        assert!(distinct.len() > 80, "{}", distinct.len());
    }
}
