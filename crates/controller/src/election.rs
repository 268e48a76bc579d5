//! One controller at a time acts: a Lease of `coordination.k8s.io/v1` says which.

use std::time::{Duration, Instant};

/// How long a lease is good for after it was renewed: for everyone else.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long it is good for after that for who holds it. What is between the two is for clocks that run at different speeds, and for a request on its way.
pub const HOLD: Duration = Duration::from_secs(10);
/// How often it is renewed, or asked for.
pub const RETRY: Duration = Duration::from_secs(3);

/// What a Lease says, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it; empty for nobody.
    pub holder: String,
    /// Seconds that it is good for after it was renewed.
    pub seconds: u32,
    /// When it was taken and when it was renewed, as its holder wrote it. Only whether it changes matters: clocks of others are not believed.
    pub acquired: String,
    /// See `acquired`.
    pub renewed: String,
    /// How often it has changed hands.
    pub transitions: u32,
    /// The object's version, by which a write fails where another was faster.
    pub version: String,
}

/// One candidate's side of the election: a value without I/O, which is told what the Lease says and says what to write.
///
/// Each [`RETRY`]: read the Lease, [`observe`](Self::observe) it, write what [`wish`](Self::wish) says, and tell what came of that by
/// [`won`](Self::won). Where a request fails there is nothing to tell: [`is_leader`](Self::is_leader) ends by itself.
#[derive(Clone, Debug)]
pub struct Election {
    identity: String,
    /// The last that was seen, and since when it has been as it is, by the clock of this process.
    seen: Option<(Lease, Instant)>,
    /// When the write was begun by which it was last renewed.
    held: Option<Instant>,
}

impl Election {
    /// Of a candidate by this name, which no other has.
    pub fn new(identity: impl Into<String>) -> Self {
        Self { identity: identity.into(), seen: None, held: None }
    }

    /// The Lease as it was just read; `None` where there is none.
    pub fn observe(&mut self, lease: Option<Lease>, now: Instant) {
        match (&self.seen, lease) {
            (_, None) => (self.seen, self.held) = (None, None),
            (Some((seen, _)), Some(lease)) if *seen == lease => {}
            (_, Some(lease)) => {
                if lease.holder != self.identity {
                    self.held = None;
                }
                self.seen = Some((lease, now));
            }
        }
    }

    /// What to write now: the Lease, whose `version` is empty where it is to be made. `time` is the present as a `MicroTime`.
    pub fn wish(&self, now: Instant, time: &str) -> Option<Lease> {
        let taken = |transitions: u32, version: &str| Lease {
            holder: self.identity.clone(),
            seconds: u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX),
            acquired: time.to_owned(),
            renewed: time.to_owned(),
            transitions,
            version: version.to_owned(),
        };
        let Some((lease, since)) = &self.seen else { return Some(taken(0, "")) };
        if lease.holder == self.identity {
            return Some(Lease { acquired: lease.acquired.clone(), ..taken(lease.transitions, &lease.version) });
        }
        let good = Duration::from_secs(lease.seconds.into());
        let over = lease.holder.is_empty() || now.saturating_duration_since(*since) >= good;
        over.then(|| taken(lease.transitions.saturating_add(1), &lease.version))
    }

    /// The write succeeded that was begun then; the Lease is as the answer says.
    pub fn won(&mut self, lease: Lease, begun: Instant) {
        self.held = (lease.holder == self.identity).then_some(begun);
        self.seen = Some((lease, begun));
    }

    /// Whether this is the one that acts.
    pub fn is_leader(&self, now: Instant) -> bool {
        self.held.is_some_and(|held| now.saturating_duration_since(held) < HOLD)
    }

    /// What to write to let another have it at once, where this one holds it. It is no leader from now on.
    pub fn release(&mut self, now: Instant, time: &str) -> Option<Lease> {
        let leads = self.is_leader(now);
        self.held = None;
        let (lease, _) = self.seen.as_ref().filter(|_| leads)?;
        Some(Lease { holder: String::new(), seconds: 1, renewed: time.to_owned(), ..lease.clone() })
    }

    /// Who holds it, as far as is known.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref().map(|(lease, _)| lease.holder.as_str()).filter(|holder| !holder.is_empty())
    }
}
