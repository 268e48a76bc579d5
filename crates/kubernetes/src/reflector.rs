//! One kind's objects, as a client without I/O: what to ask next, and what to make of the answer.

use crate::message::{Line, Page, Versioned, line, page, refusal};
use crate::{Request, Resource};
use margay_api::{Decoded, Key, Update};
use margay_datastore::Event;
use smol_str::SmolStr;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The first wait after a failure, and the longest.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(30)];
/// The longest wait after a watch that ended as they do.
const QUIET: Duration = Duration::from_secs(5);
/// How often a kind that is not served is asked for.
const ABSENT: Duration = Duration::from_secs(30);
/// Refusals in a row of a version that the server does not have yet, after which it is believed to have been set back.
const PATIENCE: u32 = 5;

/// Whether a stream is read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It is.
    On,
    /// It is given up: what to ask next has changed.
    Over,
}

/// Keeps up with the objects of one kind. See the [crate's page](crate).
///
/// After [`request`](Self::request) was asked, no sooner than [`wait`](Self::wait) says, the answer goes to [`page`](Self::page), or, after
/// [`answered`](Self::answered), line by line to [`line`](Self::line) and then [`ended`](Self::ended); what is no answer to [`refused`](Self::refused) or [`unreachable`](Self::unreachable).
#[derive(Clone, Debug)]
pub struct Reflector {
    resource: Resource,
    file: Arc<str>,
    phase: Phase,
    /// What was told as there, and the version of each.
    known: HashMap<Key, SmolStr>,
    /// The last version that was seen: the server is never asked for an older one.
    version: Option<SmolStr>,
    in_sync: bool,
    /// Whether the server is believed to have watches with initial events.
    initial_events: bool,
    /// Failures in a row.
    failures: u32,
    /// Lists in a row that were of the past.
    lags: u32,
    wait: Duration,
    /// What went wrong last, where nothing has succeeded since.
    trouble: Option<String>,
    absent: bool,
    /// For waits that are not all alike.
    random: u64,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Everything is listed; what was listed so far, and of that what would be of the past if the list were.
    Listing { listed: HashMap<Key, SmolStr>, token: Option<SmolStr>, doubtful: Vec<Versioned> },
    /// What changes is watched.
    Watching,
}

impl Phase {
    fn start() -> Self {
        Self::Listing { listed: HashMap::new(), token: None, doubtful: Vec::new() }
    }
}

impl Reflector {
    /// Of a resource of which nothing is known. The seed makes its waits differ from those of others.
    pub fn new(resource: Resource, seed: u64) -> Self {
        Self {
            file: resource.to_string().into(),
            resource,
            phase: Phase::start(),
            known: HashMap::new(),
            version: None,
            in_sync: false,
            initial_events: true,
            failures: 0,
            lags: 0,
            wait: Duration::ZERO,
            trouble: None,
            absent: false,
            random: seed | 1,
        }
    }

    /// What it is of.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What to ask next.
    pub fn request(&self) -> Request {
        let path = self.resource.path();
        match (&self.phase, &self.version) {
            (Phase::Watching, Some(version)) => Request::after(path, version),
            (Phase::Listing { token, .. }, version) if !self.initial_events => {
                Request::page(path, token.as_deref(), version.as_ref())
            }
            (_, version) => Request::from_the_start(path, version.as_ref()),
        }
    }

    /// How long to wait before that.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Whether all that was there at the start has been told, or there is no such kind.
    pub fn is_in_sync(&self) -> bool {
        self.in_sync || self.absent
    }

    /// Whether the server has no such kind.
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// What goes wrong, for as long as nothing succeeds. What was told before stays true as far as anyone knows.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Objects that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The answer to a request for a page.
    pub fn page(&mut self, body: &str, events: &mut Vec<Event>) {
        let Page { items, version, token } = match page(body, &self.file) {
            Ok(page) => page,
            Err(error) => return self.failed(format!("a list of {} can't be read: {error}", self.resource), None),
        };
        self.succeeded();
        for item in items {
            self.put(item, events);
        }
        match token {
            Some(next) => {
                if let Phase::Listing { token, .. } = &mut self.phase {
                    *token = Some(next);
                }
            }
            None => self.complete(version, events),
        }
    }

    /// The answer to a watch begins: whatever went wrong before is over, though nothing is said for long.
    pub fn answered(&mut self) {
        (self.trouble, self.absent) = (None, false);
    }

    /// A line of the answer to a watch.
    pub fn line(&mut self, text: &str, events: &mut Vec<Event>) -> Flow {
        match line(text, &self.file) {
            Line::Put(object) => {
                self.succeeded();
                self.put(*object, events);
            }
            Line::Gone(object) => {
                self.succeeded();
                self.gone(*object, events);
            }
            Line::Bookmark { version, is_initial_end } => {
                self.succeeded();
                match self.phase {
                    Phase::Watching => self.version = Some(version),
                    Phase::Listing { .. } if is_initial_end => {
                        self.complete(version, events);
                        if let Phase::Listing { .. } = self.phase {
                            return Flow::Over;
                        }
                    }
                    Phase::Listing { .. } => {}
                }
            }
            Line::Error { code, message } => {
                self.refused_with(code, None, message);
                return Flow::Over;
            }
            Line::Unreadable(error) => {
                self.failed(format!("a watch of {} said what can't be read: {error}", self.resource), None);
                // What it was is not known: only a list tells.
                self.phase = Phase::start();
                return Flow::Over;
            }
        }
        Flow::On
    }

    /// A watch ended, by the server's clock, with the server, or with the connection.
    pub fn ended(&mut self) {
        match self.phase {
            // One in which nothing was said, again and again, may be no watch at all.
            Phase::Watching => {
                self.wait = self.backoff().min(QUIET);
                self.failures = self.failures.saturating_add(1);
            }
            // It was to begin with everything, and did not get that far.
            Phase::Listing { .. } => self.failed(format!("a watch of {} broke off", self.resource), None),
        }
    }

    /// The server answered with this status, and asked for that much patience.
    pub fn refused(&mut self, status: u16, retry_after: Option<Duration>, body: &str) {
        self.refused_with(status, retry_after, refusal(body));
    }

    /// There was no answer.
    pub fn unreachable(&mut self, error: &str) {
        self.failed(format!("the API server does not answer: {error}"), None);
    }

    fn refused_with(&mut self, status: u16, retry_after: Option<Duration>, message: String) {
        let listing = matches!(self.phase, Phase::Listing { .. });
        match status {
            // The version is too old, or the token of a page: everything anew, at once the first time.
            410 => {
                self.phase = Phase::start();
                match self.failures {
                    0 => self.failures = 1,
                    _ => self.failed(self.says(status, &message), retry_after),
                }
            }
            // No watch with initial events here.
            400 | 422 if listing && self.initial_events => self.initial_events = false,
            404 if self.known.is_empty() => {
                self.absent = true;
                self.trouble = None;
                self.wait = ABSENT;
            }
            // A server that starts may not know of it yet: a definition that is deleted takes its objects with it one by one.
            404 => {
                self.phase = Phase::start();
                self.failed(format!("{} are not served any more; what is known stays", self.resource), Some(ABSENT));
            }
            504 if self.failures >= PATIENCE => {
                // Only a server that was set back has not seen by now what it told before.
                self.version = None;
                self.phase = Phase::start();
                self.failed(self.says(status, &message), retry_after);
            }
            _ => self.failed(self.says(status, &message), retry_after),
        }
    }

    fn says(&self, status: u16, message: &str) -> String {
        let hint = match status {
            401 => ": the token is not valid, or not any more",
            403 => ": may the agent's service account list and watch them?",
            _ => "",
        };
        format!("the API server refuses {} with {status}{hint}: {message}", self.resource)
    }

    fn put(&mut self, object: Versioned, events: &mut Vec<Event>) {
        let Versioned { decoded, version } = object;
        let Some(key) = decoded.key else {
            return events.extend(decoded.problems.into_iter().map(Event::Problem));
        };
        let is_new = version.is_empty() || self.known.get(&key) != Some(&version);
        let is_doubtful = self.is_of_the_past(&key, &version);
        match &mut self.phase {
            Phase::Listing { listed, doubtful, .. } => {
                listed.insert(key.clone(), version.clone());
                if is_doubtful {
                    return doubtful.push(Versioned { decoded: Decoded { key: Some(key), ..decoded }, version });
                }
            }
            Phase::Watching if !version.is_empty() => self.version = Some(version.clone()),
            Phase::Watching => {}
        }
        if is_new {
            events.extend(decoded.problems.into_iter().map(Event::Problem));
            // What can't be read takes the place of nothing.
            if let Some(object) = decoded.object {
                events.push(Event::Update(Update { key: key.clone(), value: Some(Arc::new(object)) }));
            }
            self.known.insert(key, version);
        }
    }

    fn gone(&mut self, object: Versioned, events: &mut Vec<Event>) {
        let Versioned { decoded, version } = object;
        match &mut self.phase {
            // Where the list is complete it goes with all that is not in it.
            Phase::Listing { listed, doubtful, .. } => {
                decoded.key.as_ref().and_then(|key| listed.remove(key));
                return doubtful.retain(|object| object.decoded.key != decoded.key);
            }
            Phase::Watching if !version.is_empty() => self.version = Some(version),
            Phase::Watching => {}
        }
        if let Some(key) = decoded.key.filter(|key| self.known.remove(key).is_some()) {
            events.push(Event::Update(Update { key, value: None }));
        }
    }

    /// Everything was listed: what is known and was not is gone.
    fn complete(&mut self, version: SmolStr, events: &mut Vec<Event>) {
        if self.version.as_ref().is_some_and(|seen| is_before(&version, seen)) {
            return self.lagged(&version);
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Watching);
        self.lags = 0;
        if let Phase::Listing { listed, doubtful, .. } = phase {
            self.version = None;
            for object in doubtful {
                self.put(object, events);
            }
            let mut gone: Vec<Key> = self.known.keys().filter(|key| !listed.contains_key(key)).cloned().collect();
            gone.sort();
            for key in gone {
                self.known.remove(&key);
                events.push(Event::Update(Update { key, value: None }));
            }
        }
        self.version = Some(version);
        self.in_sync = true;
    }

    /// Whether an object is as it was, or was there, before the version that was seen last: true of none if the list that it is in is not of the past.
    fn is_of_the_past(&self, key: &Key, version: &SmolStr) -> bool {
        let Some(seen) = &self.version else { return false };
        match self.known.get(key) {
            Some(known) => is_before(version, known),
            None => version == seen || is_before(version, seen),
        }
    }

    /// The list is of the past: nothing of it counts. Only a server that was set back says so again and again.
    fn lagged(&mut self, version: &SmolStr) {
        self.lags += 1;
        self.failures = self.lags;
        let seen = self.version.clone().unwrap_or_default();
        self.failed(format!("the API server tells of {} as of version {version}, before {seen}", self.resource), None);
        self.phase = Phase::start();
        if self.lags >= PATIENCE {
            self.version = None;
        }
    }

    fn succeeded(&mut self) {
        (self.failures, self.wait, self.trouble, self.absent) = (0, Duration::ZERO, None, false);
    }

    fn failed(&mut self, trouble: String, retry_after: Option<Duration>) {
        self.wait = self.backoff().max(retry_after.unwrap_or_default().min(BACKOFF[1]));
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(trouble);
        // A page that went wrong is of a list that goes on; a watch with initial events begins anew.
        if self.initial_events && matches!(self.phase, Phase::Listing { .. }) {
            self.phase = Phase::start();
        }
    }

    /// Twice as long after each failure.
    fn backoff(&mut self) -> Duration {
        let [least, most] = BACKOFF;
        self.jitter(least.saturating_mul(1 << self.failures.min(16)).min(most))
    }

    /// Between a half of it and all of it (xorshift).
    fn jitter(&mut self, whole: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let half = whole / 2;
        half + half.mul_f64((self.random % 1024) as f64 / 1023.0)
    }
}

/// Whether a version is certainly before another: those of etcd are numbers that grow; of others nothing is known.
fn is_before(version: &str, other: &str) -> bool {
    matches!((version.parse::<u64>(), other.parse::<u64>()), (Ok(version), Ok(other)) if version < other)
}
