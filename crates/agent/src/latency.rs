//! How long changes take, as a histogram.

use std::time::Duration;

/// Upper bounds of the buckets, microseconds. Targets stand among them: 1 ms, 5 ms, 20 ms.
const BOUNDS: [u64; 32] = [
    100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000,
    70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000,
    5_000_000, 7_000_000, 10_000_000, 30_000_000,
];

/// How long changes took, counted in buckets since the start.
///
/// ```
/// use margay_agent::Latency;
/// use std::time::Duration;
/// let mut latency = Latency::default();
/// [300, 400, 400, 9_000].into_iter().for_each(|micros| latency.add(Duration::from_micros(micros)));
/// assert_eq!(latency.quantile(0.5), Some(Duration::from_micros(500)));
/// assert_eq!(latency.quantile(0.99), Some(Duration::from_millis(10)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Of each bound, and last of what is beyond them all.
    counts: [u64; BOUNDS.len()],
    beyond: u64,
    sum: Duration,
}

impl Latency {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < took);
        *self.counts.get_mut(bucket).unwrap_or(&mut self.beyond) += 1;
        self.sum += took;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// What they took together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bucket's upper bound, and how many took longer than the bound before and no longer than this one. Those that took longer than the last are
    /// in [`count`](Self::count) alone.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        BOUNDS.into_iter().map(Duration::from_micros).zip(self.counts)
    }

    /// The bound of the bucket in which this share of them, from 0 to 1, is reached: no more than half as much again too long. None where nothing was
    /// counted, or where it is beyond all bounds.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets().find_map(|(bound, count)| {
            seen += count;
            (seen >= wanted).then_some(bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        for (micros, bucket) in
            [(0, Some(100)), (100, Some(100)), (101, Some(150)), (30_000_000, Some(30_000_000)), (30_000_001, None)]
        {
            let mut latency = Latency::default();
            latency.add(Duration::from_micros(micros));
            let found = latency.buckets().find(|(_, count)| *count > 0).map(|(bound, _)| bound.as_micros());
            assert_eq!((found, latency.count()), (bucket, 1), "{micros}");
            assert_eq!(latency.quantile(1.0).map(|bound| bound.as_micros()), bucket);
        }
        assert_eq!(Latency::default().quantile(0.5), None);
    }
}
