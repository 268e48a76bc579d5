//! Calls on threads of their own, which may never come back.

use crate::Guid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many threads may be lost over one object: one that hangs must not use up what the others need.
pub(super) const LOST_OF_ONE: usize = 2;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It did not come in time; the thread is lost until it does.
    Timeout,
    /// All seats stayed taken.
    Busy,
    /// So many threads are lost that no more are risked.
    Stuck(usize),
    /// Earlier calls about the same object hang.
    Hanging,
    /// The system gave no thread.
    NoThread(String),
    /// The work panicked.
    Panicked,
}

/// Bounds on threads: so many at work, so many lost.
pub(super) struct Threads {
    shared: Arc<Shared>,
    parallel: usize,
    max_lost: usize,
}

#[derive(Default)]
struct Shared {
    seats: Mutex<Seats>,
    freed: Condvar,
}

#[derive(Default)]
struct Seats {
    next: u64,
    running: BTreeSet<u64>,
    /// With the objects they are about.
    lost: BTreeMap<u64, Option<Guid>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at work, or among the lost, given back when the work ends however it ends.
struct Seat {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.shared.lock();
        if !seats.running.remove(&self.number) {
            seats.lost.remove(&self.number);
        }
        self.shared.freed.notify_all();
    }
}

impl Threads {
    pub(super) fn new(parallel: usize, max_lost: usize) -> Self {
        Self { shared: Arc::default(), parallel: parallel.max(1), max_lost }
    }

    pub(super) fn lost(&self) -> usize {
        self.shared.lock().lost.len()
    }

    /// Does the work, which may be about an object, on a new thread and waits for it, all within the time.
    pub(super) fn run<T: Send + 'static>(
        &self,
        object: Option<Guid>,
        timeout: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let start = Instant::now();
        let left = || timeout.saturating_sub(start.elapsed());
        let seat = self.take_seat(object, left)?;
        let number = seat.number;
        let (sender, receiver) = sync_channel(1);
        let body = move || {
            let answer = work();
            drop(seat);
            // Nobody waits any more for a lost thread.
            let _ = sender.send(answer);
        };
        let thread = thread::Builder::new().name("hns-call".into()).spawn(body);
        thread.map_err(|error| NoAnswer::NoThread(error.to_string()))?;
        match receiver.recv_timeout(left()) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Panicked),
            Err(RecvTimeoutError::Timeout) if self.give_up(number, object) => Err(NoAnswer::Timeout),
            // It ended just now.
            Err(RecvTimeoutError::Timeout) => receiver.recv().map_err(|_| NoAnswer::Panicked),
        }
    }

    fn take_seat(&self, object: Option<Guid>, left: impl Fn() -> Duration) -> Result<Seat, NoAnswer> {
        let mut seats = self.shared.lock();
        loop {
            // Those at work may be lost too.
            if !seats.lost.is_empty() && seats.lost.len() >= self.max_lost {
                return Err(NoAnswer::Stuck(seats.lost.len()));
            }
            if object.is_some() && seats.lost.values().filter(|lost| **lost == object).count() >= LOST_OF_ONE {
                return Err(NoAnswer::Hanging);
            }
            if seats.running.len() < self.parallel {
                let number = seats.next;
                seats.next += 1;
                seats.running.insert(number);
                return Ok(Seat { shared: self.shared.clone(), number });
            }
            let left = left();
            if left.is_zero() {
                return Err(NoAnswer::Busy);
            }
            seats = self.shared.freed.wait_timeout(seats, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Counts a thread as lost, and its seat as free; false where it has ended.
    fn give_up(&self, number: u64, object: Option<Guid>) -> bool {
        let mut seats = self.shared.lock();
        if !seats.running.remove(&number) {
            return false;
        }
        seats.lost.insert(number, object);
        self.shared.freed.notify_all();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(10);

    #[test]
    fn so_many_at_once_and_no_more() {
        let threads = Threads::new(3, 1);
        let (barrier, now, most) = (Arc::new(Barrier::new(3)), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let (barrier, now) = (barrier.clone(), now.clone());
                    let seen = threads.run(None, LONG, move || {
                        let seen = now.fetch_add(1, Ordering::SeqCst) + 1;
                        // Three must be here together, or nobody gets on.
                        barrier.wait();
                        now.fetch_sub(1, Ordering::SeqCst);
                        seen
                    });
                    most.fetch_max(seen.unwrap(), Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 3);
    }

    #[test]
    fn lost_threads_are_bounded_and_come_back() {
        let threads = Threads::new(1, 2);
        let releases: Vec<_> = (0..2)
            .map(|_| {
                let (release, wait) = channel::<()>();
                assert_eq!(threads.run(None, SHORT, move || wait.recv()), Err(NoAnswer::Timeout));
                release
            })
            .collect();
        assert_eq!(threads.run(None, LONG, || ()), Err(NoAnswer::Stuck(2)));
        drop(releases);
        while threads.lost() > 0 {
            thread::yield_now();
        }
        assert_eq!(threads.run(None, LONG, || 7), Ok(7));
    }

    #[test]
    fn one_object_that_hangs_leaves_threads_for_the_others() {
        let threads = Threads::new(1, 8);
        let (ours, other) = (Some(Guid(1)), Some(Guid(2)));
        let releases: Vec<_> = (0..LOST_OF_ONE)
            .map(|_| {
                let (release, wait) = channel::<()>();
                assert_eq!(threads.run(ours, SHORT, move || wait.recv()), Err(NoAnswer::Timeout));
                release
            })
            .collect();
        assert_eq!(threads.run(ours, LONG, || ()), Err(NoAnswer::Hanging));
        assert_eq!((threads.run(other, LONG, || ()), threads.run(None, LONG, || ())), (Ok(()), Ok(())));
        drop(releases);
        while threads.lost() > 0 {
            thread::yield_now();
        }
        assert_eq!(threads.run(ours, LONG, || ()), Ok(()));
    }

    #[test]
    fn whoever_finds_no_seat_is_told() {
        let threads = Threads::new(1, 2);
        let (started, start) = channel();
        let (release, wait) = channel::<()>();
        thread::scope(|scope| {
            let first = scope.spawn(|| threads.run(None, LONG, move || (started.send(()), wait.recv())).is_ok());
            start.recv().unwrap();
            assert_eq!(threads.run(None, SHORT, || ()), Err(NoAnswer::Busy));
            drop(release);
            assert!(first.join().unwrap());
        });
        assert_eq!((threads.run(None, LONG, || ()), threads.lost()), (Ok(()), 0));
    }

    #[test]
    fn a_panic_is_an_answer_and_frees_the_seat() {
        let threads = Threads::new(1, 1);
        let panics = || -> () { panic!("a fault of the door") };
        assert_eq!(threads.run(None, LONG, panics), Err(NoAnswer::Panicked));
        assert_eq!(threads.run(None, LONG, || ()), Ok(()));
    }
}
