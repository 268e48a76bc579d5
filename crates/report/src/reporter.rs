//! The thread that tells.

use crate::{API_VERSION, Clock, Identity, Journal, NodeReport, Notices, Pace, Posting, report_of};
use margay_agent::Status;
use margay_kubernetes::{Connection, ConnectionError, Objects, Refusal, Write};
use serde_json::{Value, json};
use siphasher::sip::SipHasher13;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tracing::dispatcher::{get_default, with_default};
use tracing::{info, warn};

/// The field manager of what an agent applies.
const MANAGER: &str = "margay-agent";
/// How often it is looked whether what was written is still there: a Node that was made anew takes the report of the one before with it.
const LOOK: Duration = Duration::from_secs(600);

/// Tells the API server how this node is doing, on a thread of its own: its NodeReport when it changes, and Events. Dropping it stops the thread with what it is at;
/// the report stays.
#[derive(Debug)]
pub struct Reporter(Arc<Mailbox>);

/// The newest status, for the thread to take.
#[derive(Debug, Default)]
struct Mailbox {
    letter: Mutex<Letter>,
    raised: Condvar,
}

#[derive(Debug, Default)]
struct Letter {
    status: Option<Status>,
    stop: bool,
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut Letter)) {
        change(&mut self.letter.lock().unwrap_or_else(PoisonError::into_inner));
        self.raised.notify_all();
    }

    /// Waits for a status, at most until then; `None` where it is over.
    fn wait(&self, until: Instant) -> Option<Option<Status>> {
        let letter = self.letter.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = until.saturating_duration_since(Instant::now());
        let quiet = |letter: &mut Letter| letter.status.is_none() && !letter.stop;
        let (mut letter, _) =
            self.raised.wait_timeout_while(letter, bound, quiet).unwrap_or_else(PoisonError::into_inner);
        if letter.stop { None } else { Some(letter.status.take()) }
    }
}

impl Reporter {
    /// For this node. A server that does not answer, lacks the kind or does not allow it is no error: it is said once, and tried again.
    ///
    /// # Errors
    /// Where the configuration can't be used.
    pub fn start(connection: &Connection, identity: Identity) -> Result<Self, ConnectionError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let objects = runtime.block_on(Objects::of(connection))?;
        let mailbox = Arc::new(Mailbox::default());
        let teller = Teller::new(runtime, objects, identity);
        let letters = Arc::clone(&mailbox);
        // Lines go where those of this thread go.
        let lines = get_default(Clone::clone);
        let run = move || with_default(&lines, || teller.run(&letters));
        thread::Builder::new().name("report".into()).spawn(run)?;
        Ok(Self(mailbox))
    }

    /// Leaves the newest status, in the place of one that was not taken yet. Never waits for a server.
    pub fn tell(&self, status: &Status) {
        let status = status.clone();
        self.0.put(|letter| letter.status = Some(status));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.0.put(|letter| letter.stop = true);
    }
}

/// What the thread has.
struct Teller {
    runtime: Runtime,
    objects: Objects,
    identity: Identity,
    clock: Clock,
    pace: Pace,
    notices: Notices,
    journal: Journal,
    /// The newest status.
    status: Option<Status>,
    /// The newest report, and the one that the server has.
    report: Option<NodeReport>,
    written: Option<NodeReport>,
    /// The uid of the Node that the written report belongs to.
    owner: Option<String>,
    next_look: Instant,
    /// What was said to go wrong.
    said: String,
}

impl Teller {
    fn new(runtime: Runtime, objects: Objects, identity: Identity) -> Self {
        let now = Instant::now();
        let seed = SipHasher13::new().hash(identity.node.as_bytes()) ^ u64::from(std::process::id());
        Self {
            runtime,
            objects,
            clock: Clock::now(),
            pace: Pace::new(seed),
            notices: Notices::default(),
            journal: Journal::new("margay.io/agent", &identity.node, now),
            identity,
            status: None,
            report: None,
            written: None,
            owner: None,
            next_look: now + LOOK,
            said: String::new(),
        }
    }

    fn run(mut self, mailbox: &Mailbox) {
        while let Some(status) = mailbox.wait(self.next()) {
            let now = Instant::now();
            if let Some(status) = status {
                self.take(status, now);
            }
            self.notice(now);
            if self.written.is_some() && self.next_look <= now {
                self.look(now);
            }
            if self.pace.due().is_some_and(|due| due <= now) {
                self.write();
            }
        }
    }

    /// When there is something to do at the latest.
    fn next(&self) -> Instant {
        let look = if self.written.is_some() { self.next_look } else { Instant::now() + LOOK };
        let lasts = self.status.as_ref().and_then(|status| self.notices.next(status));
        [self.pace.due(), lasts].into_iter().flatten().fold(look, Instant::min)
    }

    fn take(&mut self, status: Status, now: Instant) {
        let report = report_of(&self.identity, &status, self.clock);
        if self.written.as_ref() == Some(&report) {
            self.pace.unchanged();
        } else {
            self.pace.changed(now);
        }
        (self.status, self.report) = (Some(status), Some(report));
    }

    /// Writes Events of what is new.
    fn notice(&mut self, now: Instant) {
        let Some(status) = &self.status else { return };
        for notice in self.notices.look(status, now) {
            let Some(posting) = self.journal.take(notice, self.clock, now) else { continue };
            self.post(&posting);
        }
    }

    fn post(&mut self, posting: &Posting) {
        // An Event that is lost is not written later: what it says is in the report, too.
        match self.runtime.block_on(self.objects.write(posting.how, &posting.path, &posting.body)) {
            Ok(_) => {}
            Err(Refusal::Absent { .. }) if posting.how == Write::Merge => self.journal.gone(posting),
            Err(refusal) => self.say(format!("an Event can't be written: {refusal}")),
        }
    }

    fn path(&self) -> String {
        format!("/apis/{API_VERSION}/nodereports/{}", self.identity.node)
    }

    /// The uid of this Node; none where there is no such Node.
    fn node(&self) -> Result<Option<String>, Refusal> {
        let path = format!("/api/v1/nodes/{}", self.identity.node);
        match self.runtime.block_on(self.objects.get(&path)) {
            Ok(node) => Ok(node["metadata"]["uid"].as_str().map(str::to_owned)),
            Err(Refusal::Absent { .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Looks whether what was written is still there, of the Node that there is now.
    fn look(&mut self, now: Instant) {
        self.next_look = now + LOOK;
        let there = match self.runtime.block_on(self.objects.get(&self.path())) {
            Ok(object) => object["metadata"]["deletionTimestamp"].is_null(),
            Err(Refusal::Absent { .. }) => false,
            Err(_) => return,
        };
        let Ok(owner) = self.node() else { return };
        if !there || owner != self.owner {
            (self.written, self.owner) = (None, None);
            self.pace.changed(now);
        }
    }

    fn write(&mut self) {
        let Some(report) = self.report.clone() else { return };
        let outcome = self.try_write(&report);
        let now = Instant::now();
        match outcome {
            Ok(()) => {
                if !std::mem::take(&mut self.said).is_empty() {
                    info!("the NodeReport is written again");
                }
                self.written = Some(report);
                self.next_look = now + LOOK;
                self.pace.wrote(now);
            }
            Err(refusal @ Refusal::Absent { .. }) => {
                self.pace.absent(now);
                self.say(format!("{refusal}; install Margay's CRDs (`margay crds`), or turn reports off"));
            }
            Err(refusal) => {
                let after = if let Refusal::Refused { after, .. } = &refusal { *after } else { None };
                self.pace.failed(now, after);
                self.say(format!("the NodeReport can't be written: {refusal}"));
            }
        }
    }

    fn try_write(&mut self, report: &NodeReport) -> Result<(), Refusal> {
        if self.owner.is_none() {
            self.owner = self.node()?;
        }
        let body = object(&self.identity.node, self.owner.as_deref(), report);
        // What another made of our fields is made ours again: nobody else reports for this node.
        let path = format!("{}?fieldManager={MANAGER}&force=true", self.path());
        self.runtime.block_on(self.objects.write(Write::Apply, &path, &body)).map(drop)
    }

    /// Says what goes wrong, once.
    fn say(&mut self, trouble: String) {
        if self.said != trouble {
            warn!("the cluster is not told how this node is doing (policy is in force all the same): {trouble}");
            self.said = trouble;
        }
    }
}

/// A NodeReport as it is applied.
fn object(node: &str, uid: Option<&str>, report: &NodeReport) -> Value {
    let mut metadata = json!({"name": node});
    if let Some(uid) = uid {
        metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid}]);
    }
    json!({"apiVersion": API_VERSION, "kind": "NodeReport", "metadata": metadata, "report": report})
}
