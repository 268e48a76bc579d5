//! HNS as a typed client.

use crate::document::read_value;
use crate::v2::SchemaVersion;
use crate::{DocumentError, Door, Envelope, Failure, Feature, Notification, Service, Subscription, Version};
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod call;
mod error;
mod latency;
mod read;
mod threads;
mod write;

pub use call::{Call, Operation};
pub use error::Error;
pub use latency::{Latency, Measured};
pub use read::Listing;

use latency::Latencies;
use threads::{NoAnswer, Threads};

/// How to talk to HNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Uses V1 even where V2 is to be had.
    pub force_v1: bool,
    /// How long a call may take, waiting for its turn included.
    pub timeout: Duration,
    /// How many calls run at once. How many HNS takes is \[UNK\].
    pub parallel: usize,
    /// How many threads may hang in calls that were given up, at most two of them over one object; beyond, calls fail at once until one comes back.
    pub max_lost: usize,
}

impl Default for Options {
    /// 30 seconds, 4 at once, 8 lost.
    fn default() -> Self {
        Self { force_v1: false, timeout: Duration::from_secs(30), parallel: 4, max_lost: 8 }
    }
}

/// HNS, typed, through the door that its version has: V1 before 9.2, V2 from there.
///
/// Every call runs on a thread of its own, so that HNS, which is known to hang \[FIELD\], never hangs the caller: a call that isn't answered in time is
/// [`Error::Timeout`] and its thread is given up. What was given up may still be done by HNS later, so the object must be read again. Calls from several
/// threads run side by side.
///
/// Nothing is remembered between calls: HNS may lose everything at any moment \[FIELD\].
pub struct Hns {
    service: Arc<dyn Service>,
    version: Version,
    door: Door,
    options: Options,
    threads: Threads,
    latencies: Latencies,
}

impl Hns {
    /// Asks HNS for its version, which says what it can do.
    ///
    /// # Errors
    /// Where HNS doesn't tell.
    pub fn open(service: Arc<dyn Service>, options: Options) -> Result<Self, Error> {
        let threads = Threads::new(options.parallel, options.max_lost);
        let start = Version::new(0, 0);
        let mut hns =
            Self { service, version: start, door: Door::V1, options, threads, latencies: Latencies::default() };
        hns.version = hns.ask_version()?;
        if hns.version.has(Feature::ApiV2) && !hns.options.force_v1 {
            hns.door = Door::V2;
        }
        Ok(hns)
    }

    /// The version that HNS told at the beginning: it changes only when the node starts anew.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The door that is used.
    pub fn door(&self) -> Door {
        self.door
    }

    /// What calls took so far, by kind of call.
    pub fn latencies(&self) -> Vec<(Measured, Latency)> {
        self.latencies.all()
    }

    /// How many threads hang in calls that were given up.
    pub fn lost_threads(&self) -> usize {
        self.threads.lost()
    }

    /// Tells of what happens in HNS, until what it gives is dropped. `tell` may be called from any thread.
    ///
    /// # Errors
    /// Where there are no notifications: then only asking again helps.
    pub fn subscribe(&self, tell: impl Fn(Notification) + Send + Sync + 'static) -> Result<Subscription, Error> {
        let call = Call::new(Operation::Subscribe, Door::V2);
        let subscription = self.run(call, move |service| Ok(service.subscribe(Box::new(tell))?))?;
        Ok(Subscription::new(Ending(Some(Box::new(subscription)))))
    }

    fn ask_version(&self) -> Result<Version, Error> {
        let call = Call::new(Operation::Version, Door::V1);
        let output = self.ask_v1(call, "GET", "/globals/version".into(), String::new())?;
        // Two numbers, as a schema has.
        let numbers = read_value(output).and_then(|document: SchemaVersion| {
            let major = document.major.ok_or(DocumentError::Missing { member: "Major" })?;
            let minor = document.minor.ok_or(DocumentError::Missing { member: "Minor" })?;
            Ok(Version::new(major, minor))
        });
        numbers.map_err(|error| Error::Document { call, error })
    }

    /// A request of V1; gives its output.
    fn ask_v1(&self, call: Call, method: &'static str, path: String, body: String) -> Result<Value, Error> {
        self.run(call, move |service| Ok(Envelope::read(&service.call(method, &path, &body)?)?.output()?))
    }

    /// Does something with HNS on a thread of its own, and measures it.
    fn run<T: Send + 'static>(
        &self,
        call: Call,
        act: impl FnOnce(&dyn Service) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Error> {
        let service = self.service.clone();
        let start = Instant::now();
        let answer = self.threads.run(call.id, self.options.timeout, move || act(&*service));
        let result = match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Trouble::Failure(failure))) => Err(Error::Refused { call, failure }),
            Ok(Err(Trouble::Document(error))) => Err(Error::Document { call, error }),
            Err(NoAnswer::Timeout) => Err(Error::Timeout { call, after: self.options.timeout }),
            Err(NoAnswer::Busy) => Err(Error::Busy { call, parallel: self.options.parallel }),
            Err(NoAnswer::Stuck(lost)) => Err(Error::Stuck { call, lost }),
            Err(NoAnswer::Hanging) => Err(Error::Hanging { call }),
            Err(NoAnswer::NoThread(problem)) => Err(Error::NoThread { call, problem }),
            Err(NoAnswer::Panicked) => Err(Error::Panicked { call }),
        };
        self.latencies.record(call.measured(), start.elapsed(), &result);
        result
    }
}

/// What goes wrong on the thread that asks.
enum Trouble {
    Failure(Failure),
    Document(DocumentError),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<DocumentError> for Trouble {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

/// Ends a subscription on a thread of its own, since that asks HNS too.
struct Ending(Option<Box<dyn Any + Send>>);

impl Drop for Ending {
    fn drop(&mut self) {
        let subscription = self.0.take();
        // Where no thread is to be had it ends here.
        let _ = std::thread::Builder::new().name("hns-unsubscribe".into()).spawn(move || drop(subscription));
    }
}
