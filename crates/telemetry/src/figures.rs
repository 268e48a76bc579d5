//! What a data plane counts.

use std::time::{Duration, Instant};

/// How long figures are given again before the data plane is asked anew.
const FRESH: Duration = Duration::from_secs(3);

/// A data plane that is asked for its figures, on the thread of whoever asks: never the agent's.
pub trait Platform: Send {
    /// The figures of now; what can't be had is left out.
    fn figures(&mut self) -> Figures;
}

/// What a data plane counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Objects by what they are, in the words of metrics: `nftables_rules`, `hns_acls`.
    pub objects: Vec<(&'static str, u64)>,
    /// Connections that met a rule.
    pub rules: Vec<RuleCount>,
    /// Rules that were met and are not among them, for want of room.
    pub more_rules: u64,
    /// Connections of addresses in this node's pod CIDRs that no known pod has.
    pub unknown_pods: u64,
    /// Calls of a service that is asked, by kind.
    pub calls: Vec<Calls>,
}

/// Connections that met a rule. Established ones are let through before any rule, so it is first packets that are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleCount {
    /// The policy; empty where it is no policy's: the end of a tier.
    pub policy: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// Its index, or what it is.
    pub rule: String,
    /// Since the rule was last written.
    pub connections: u64,
}

/// Calls of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls {
    /// What was asked: `list`, `read`, `modify`.
    pub operation: &'static str,
    /// Of which kind of object; empty where of none.
    pub kind: String,
    /// How many there were.
    pub count: u64,
    /// What they took together.
    pub sum: Duration,
    /// How many failed.
    pub failed: u64,
    /// How many of those were given up.
    pub timed_out: u64,
}

/// A platform, asked only so often.
#[derive(Default)]
pub(crate) struct Sampled {
    platform: Option<Box<dyn Platform>>,
    last: Option<(Instant, Figures)>,
}

impl Sampled {
    pub(crate) fn set(&mut self, platform: Box<dyn Platform>) {
        *self = Self { platform: Some(platform), last: None };
    }

    pub(crate) fn figures(&mut self, now: Instant) -> Figures {
        let Some(platform) = &mut self.platform else { return Figures::default() };
        match &self.last {
            Some((at, figures)) if now.saturating_duration_since(*at) < FRESH => figures.clone(),
            _ => {
                let figures = platform.figures();
                self.last = Some((now, figures.clone()));
                figures
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FRESH, Figures, Platform, Sampled};
    use std::time::{Duration, Instant};

    struct Counting(u64);

    impl Platform for Counting {
        fn figures(&mut self) -> Figures {
            self.0 += 1;
            Figures { objects: vec![("asked", self.0)], ..Figures::default() }
        }
    }

    #[test]
    fn a_platform_is_asked_only_so_often() {
        let (mut sampled, start) = (Sampled::default(), Instant::now());
        assert_eq!(sampled.figures(start), Figures::default());
        sampled.set(Box::new(Counting(0)));
        for (after, asked) in [(Duration::ZERO, 1), (FRESH / 2, 1), (FRESH, 2), (FRESH * 3 / 2, 2)] {
            assert_eq!(sampled.figures(start + after).objects, [("asked", asked)], "{after:?}");
        }
    }
}
