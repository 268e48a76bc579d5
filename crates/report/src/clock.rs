//! Points in time, as the cluster writes them.

use std::time::{Instant, SystemTime};

/// One moment by both clocks, by which all others are told: so that the same moment is always written the same.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    instant: Instant,
    system: SystemTime,
}

impl Clock {
    /// With this moment as its origin.
    pub fn new(instant: Instant, system: SystemTime) -> Self {
        Self { instant, system }
    }

    /// With the present as its origin.
    pub fn now() -> Self {
        Self::new(Instant::now(), SystemTime::now())
    }

    /// The time of day of a moment.
    pub fn system(self, moment: Instant) -> SystemTime {
        let time = match moment.checked_duration_since(self.instant) {
            Some(after) => self.system.checked_add(after),
            None => self.system.checked_sub(self.instant.saturating_duration_since(moment)),
        };
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// A `metav1.Time`: RFC 3339, UTC, to the second.
    pub fn time(self, moment: Instant) -> String {
        humantime::format_rfc3339_seconds(self.system(moment)).to_string()
    }

    /// A `metav1.MicroTime`: the API server insists on six digits of fraction.
    pub fn micro_time(self, moment: Instant) -> String {
        humantime::format_rfc3339_micros(self.system(moment)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_written_the_same_each_time() {
        let (start, second) = (Instant::now() + Duration::from_secs(100), Duration::from_secs(1));
        let clock = Clock::new(start, SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_500));
        for (moment, time, micro) in [
            (start, "2027-01-15T08:00:00Z", "2027-01-15T08:00:00.500000Z"),
            (start + second, "2027-01-15T08:00:01Z", "2027-01-15T08:00:01.500000Z"),
            (start - second, "2027-01-15T07:59:59Z", "2027-01-15T07:59:59.500000Z"),
            (start + second / 2, "2027-01-15T08:00:01Z", "2027-01-15T08:00:01.000000Z"),
        ] {
            assert_eq!((clock.time(moment).as_str(), clock.micro_time(moment).as_str()), (time, micro));
        }
    }
}
