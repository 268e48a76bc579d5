//! Candidates whose clocks disagree, on a server that loses requests.

use margay_controller::{Election, HOLD, LEASE, Lease, RETRY};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// The object on the server, which refuses what was made of an older version.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u32,
}

impl Server {
    fn write(&mut self, lease: Lease) -> Option<Lease> {
        let version = self.lease.as_ref().map_or("", |lease| lease.version.as_str());
        if version != lease.version {
            return None;
        }
        self.version += 1;
        self.lease = Some(Lease { version: self.version.to_string(), ..lease });
        self.lease.clone()
    }
}

/// A candidate, whose clock has its own origin and speed.
struct Candidate {
    election: Election,
    origin: Instant,
    /// Thousandths.
    speed: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// It never arrives.
    Lost,
    /// It is done, and the answer is lost.
    Unheard,
}

impl Candidate {
    fn new(number: u64, speed: u64) -> Self {
        let election = Election::new(format!("c{number}"));
        let origin = Instant::now() + Duration::from_secs(1000 * number);
        Self { election, origin, speed }
    }

    /// What its clock says at a true time, in milliseconds.
    fn clock(&self, at: u64) -> Instant {
        self.origin + Duration::from_millis(at * self.speed / 1000)
    }

    fn leads(&self, at: u64) -> bool {
        self.election.is_leader(self.clock(at))
    }

    /// One turn; the write arrives a while after it was begun.
    fn turn(&mut self, server: &mut Server, at: u64, fate: Fate) {
        let now = self.clock(at);
        let time = format!("{at} by a clock of its own: {:?}", self.origin);
        if matches!(fate, Fate::Lost) {
            return;
        }
        self.election.observe(server.lease.clone(), now);
        let Some(wish) = self.election.wish(now, &time) else { return };
        if let (Some(lease), Fate::Answered) = (server.write(wish), fate) {
            self.election.won(lease, now);
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("it is short")
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Answered), 1 => Just(Fate::Lost), 1 => Just(Fate::Unheard)]
}

proptest! {
    /// At no time do two act, whatever is lost and whatever their clocks say; and when nothing is lost any more, one does.
    #[test]
    fn never_two_and_in_the_end_one(
        speeds in prop::collection::vec(900_u64..=1100, 2..5),
        fates in prop::collection::vec((0_usize..5, fate(), 1_u64..4000), 1..200),
    ) {
        let mut server = Server::default();
        let mut candidates: Vec<Candidate> = (1..).zip(speeds).map(|(n, speed)| Candidate::new(n, speed)).collect();
        let mut at = 0;
        for (which, fate, later) in fates {
            let which = which % candidates.len();
            candidates[which].turn(&mut server, at, fate);
            for moment in [at, at + later / 2, at + later] {
                let leaders = candidates.iter().filter(|candidate| candidate.leads(moment)).count();
                prop_assert!(leaders <= 1, "{leaders} at {moment}");
            }
            at += later;
        }
        let patience = at + 3 * milliseconds(LEASE);
        while at < patience {
            for candidate in &mut candidates {
                candidate.turn(&mut server, at, Fate::Answered);
            }
            at += milliseconds(RETRY);
        }
        prop_assert_eq!(candidates.iter().filter(|candidate| candidate.leads(at)).count(), 1);
    }
}

#[test]
fn it_is_taken_renewed_lost_and_given_up() {
    let mut server = Server::default();
    let (mut one, mut two) = (Candidate::new(1, 1000), Candidate::new(2, 1000));
    one.turn(&mut server, 0, Fate::Answered);
    two.turn(&mut server, 0, Fate::Answered);
    assert!(one.leads(0) && !two.leads(0));
    assert_eq!(two.election.holder(), Some("c1"));
    // It is renewed as long as requests succeed.
    for at in (0..60_000).step_by(3000) {
        one.turn(&mut server, at, Fate::Answered);
        two.turn(&mut server, at, Fate::Answered);
        assert!(one.leads(at) && !two.leads(at), "at {at}");
    }
    // From 57 s on it is not: it ends before the other may take it.
    let hold = 57_000 + milliseconds(HOLD);
    assert!(one.leads(hold - 1) && !one.leads(hold));
    let lease = 57_000 + milliseconds(LEASE);
    two.turn(&mut server, lease - 1, Fate::Answered);
    assert!(!two.leads(lease - 1));
    two.turn(&mut server, lease, Fate::Answered);
    assert!(two.leads(lease));
    assert_eq!(server.lease.as_ref().map(|lease| lease.transitions), Some(1));
    one.turn(&mut server, lease, Fate::Answered);
    assert!(!one.leads(lease), "who comes back finds that it is another's");
    // It is given up, and taken at once.
    let release = two.election.release(two.clock(lease), "later").expect("it leads");
    assert!(server.write(release).is_some() && !two.leads(lease));
    one.turn(&mut server, lease + 1, Fate::Answered);
    assert!(one.leads(lease + 1));
    assert_eq!(two.election.release(two.clock(lease), "later"), None, "it has nothing to give up");
}

#[test]
fn of_two_that_read_the_same_one_wins() {
    let mut server = Server::default();
    let (mut one, mut two) = (Candidate::new(1, 1000), Candidate::new(2, 1000));
    for candidate in [&mut one, &mut two] {
        candidate.election.observe(None, candidate.clock(0));
    }
    let wishes =
        [&one, &two].map(|candidate| candidate.election.wish(candidate.clock(0), "now").expect("there is none"));
    let written: Vec<bool> = wishes.into_iter().map(|wish| server.write(wish).is_some()).collect();
    assert_eq!(written, [true, false]);
}
