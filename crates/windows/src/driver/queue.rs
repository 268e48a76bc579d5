//! Work on many objects at once: of each one piece at a time, the newest alone, and none waits for another's.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Pieces of work, by the object they are for, and the threads that do them.
pub(super) struct Queue<K, W> {
    shared: Arc<Shared<K, W>>,
}

struct Shared<K, W> {
    state: Mutex<State<K, W>>,
    /// Something came, ended or closed.
    changed: Condvar,
}

struct State<K, W> {
    /// What is to be done, not before then.
    waiting: BTreeMap<K, (Instant, W)>,
    /// What is being done.
    running: BTreeSet<K>,
    closed: bool,
}

impl<K: Ord + Clone + Send + 'static, W: Send + 'static> Queue<K, W> {
    /// With so many threads, each of which does `work`.
    pub(super) fn new(threads: usize, work: impl Fn(&K, W) + Send + Sync + 'static) -> Self {
        let state = State { waiting: BTreeMap::new(), running: BTreeSet::new(), closed: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let work = Arc::new(work);
        for _ in 0..threads {
            let (shared, work) = (Arc::clone(&shared), Arc::clone(&work));
            // Not joined: one may hang in a call for as long as its time-out allows, and ends by itself then.
            thread::spawn(move || {
                while let Some((key, piece)) = shared.next() {
                    let end = Running { shared: &shared, key };
                    // One that panics is told of by the panic itself, and takes no thread from the others.
                    let _ = catch_unwind(AssertUnwindSafe(|| work(&end.key, piece)));
                }
            });
        }
        Self { shared }
    }

    /// Adds a piece of work for an object, after a delay. One that waits already is replaced by what `merge` makes of both, and is done no later than either.
    pub(super) fn add(&self, key: K, piece: W, delay: Duration, merge: impl FnOnce(W, W) -> W) {
        let mut state = self.shared.lock();
        let due = Instant::now() + delay;
        let entry = match state.waiting.remove(&key) {
            Some((before, old)) => (before.min(due), merge(old, piece)),
            None => (due, piece),
        };
        state.waiting.insert(key, entry);
        self.shared.changed.notify_all();
    }

    /// Waits until nothing waits or is being done; false where that takes longer than this.
    pub(super) fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        while !(state.waiting.is_empty() && state.running.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl<K, W> Drop for Queue<K, W> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.waiting.clear();
        state.closed = true;
        self.shared.changed.notify_all();
    }
}

impl<K, W> Shared<K, W> {
    fn lock(&self) -> MutexGuard<'_, State<K, W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, W> Shared<K, W> {
    /// Waits for the next piece that is due and whose object nobody works on; `None` when the queue is gone.
    fn next(&self) -> Option<(K, W)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            let free = state.waiting.iter().filter(|(key, _)| !state.running.contains(key));
            let first = free.min_by_key(|(_, (due, _))| *due).map(|(key, (due, _))| (key.clone(), *due));
            state = match first {
                Some((key, due)) if due <= now => {
                    let (_, piece) = state.waiting.remove(&key)?;
                    state.running.insert(key.clone());
                    return Some((key, piece));
                }
                Some((_, due)) => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Marks the end of a piece of work.
struct Running<'a, K: Ord, W> {
    shared: &'a Shared<K, W>,
    key: K,
}

impl<K: Ord, W> Drop for Running<'_, K, W> {
    fn drop(&mut self) {
        self.shared.lock().running.remove(&self.key);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(10);

    /// A queue, what begins, and what lets it end.
    type Gated = (Queue<char, u32>, Receiver<(char, u32)>, Sender<()>);

    /// A queue whose pieces are told, each as it begins, and end when the gate lets them.
    fn gated(threads: usize) -> Gated {
        let ((begin, begun), (open, gate)) = (channel(), channel::<()>());
        let gate = Mutex::new(gate);
        let work = move |key: &char, piece| {
            begin.send((*key, piece)).expect("the test listens");
            let _ = gate.lock().expect("no test panics with it").recv();
        };
        (Queue::new(threads, work), begun, open)
    }

    fn newest(_: u32, new: u32) -> u32 {
        new
    }

    #[test]
    fn of_one_object_the_newest_waits_and_one_is_done_at_a_time() {
        let (queue, begun, gate) = gated(2);
        let soon = Duration::ZERO;
        queue.add('a', 1, soon, newest);
        assert_eq!(begun.recv_timeout(LONG), Ok(('a', 1)));
        queue.add('a', 2, soon, newest);
        queue.add('a', 3, soon, newest);
        queue.add('b', 1, soon, newest);
        // The other thread takes what is not of the object at work.
        assert_eq!(begun.recv_timeout(LONG), Ok(('b', 1)));
        assert!(begun.try_recv().is_err() && !queue.settle(soon));
        gate.send(()).unwrap();
        gate.send(()).unwrap();
        assert_eq!(begun.recv_timeout(LONG), Ok(('a', 3)));
        gate.send(()).unwrap();
        assert!(queue.settle(LONG));
    }

    #[test]
    fn work_that_panics_takes_no_thread_from_the_rest() {
        let (done, told) = channel();
        let queue = Queue::new(1, move |key: &char, piece: u32| {
            assert_ne!(piece, 0, "a fault of ours");
            done.send(*key).expect("the test listens");
        });
        queue.add('a', 0, Duration::ZERO, newest);
        queue.add('b', 1, Duration::ZERO, newest);
        assert_eq!(told.recv_timeout(LONG), Ok('b'));
        assert!(queue.settle(LONG));
    }

    #[test]
    fn what_is_sooner_of_two_counts() {
        let (queue, begun, gate) = gated(1);
        queue.add('a', 1, LONG * 1000, newest);
        queue.add('a', 2, Duration::ZERO, |old, new| old + new);
        assert_eq!(begun.recv_timeout(LONG), Ok(('a', 3)));
        drop(gate);
        assert!(queue.settle(LONG));
    }
}
