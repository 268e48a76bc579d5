//! The driver: one transaction for each change of the Plan.

use crate::Options;
use crate::mirror::{Afresh, Mirror};
use crate::readback::{self, Difference};
use crate::sink::{Content, Transaction, table_id};
use margay_dataplane::{Driver, Event, Object, Retry};
use margay_nftables::conntrack::Conntrack;
use margay_nftables::{Connection, Counts, Error, Monitor};
use margay_policy::{Changes, Plan};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Objects of a transaction from which on it is worth not to be told of them.
const MANY: usize = 256;
/// How often a resync reads again where others change the ruleset meanwhile.
const ATTEMPTS: u32 = 3;

/// Programs one `inet margay` table in the network namespace that the thread was in when it was made.
///
/// Every change of the Plan is one transaction: it is in force whole or not at all. Membership changes are messages about set elements alone.
pub struct LinuxDriver {
    connection: Connection,
    monitor: Monitor,
    /// Someone else changed our table, or may have.
    disturbed: bool,
    conntrack: Option<Conntrack>,
    options: Options,
    mirror: Mirror,
    /// The mirror is not known to be what the kernel has.
    stale: bool,
    transaction: Transaction,
    events: Vec<Event>,
    written: Counts,
    transactions: u64,
    /// What the kernel took for the last transaction.
    took: Duration,
    /// The largest transaction to try, in bytes, where that is less than what the kernel takes.
    limit: Option<usize>,
}

impl LinuxDriver {
    /// Opens the kernel's doors. Programs nothing yet.
    ///
    /// # Errors
    /// Where netlink is not to be had: without permission or kernel support.
    pub fn new(options: Options) -> Result<Self, Error> {
        let conntrack = if options.cut_established { Some(Conntrack::open()?) } else { None };
        Ok(Self {
            connection: Connection::open()?,
            monitor: Monitor::open()?,
            disturbed: false,
            conntrack,
            options,
            mirror: Mirror::default(),
            stale: true,
            transaction: Transaction::new(),
            events: Vec::new(),
            written: Counts::default(),
            transactions: 0,
            took: Duration::ZERO,
            limit: None,
        })
    }

    /// What the last transaction consisted of, by kind of message; and how many there were so far.
    pub fn written(&self) -> (Counts, u64) {
        (self.written, self.transactions)
    }

    /// What the kernel took for the last transaction, from its being sent to its being answered.
    pub fn kernel_time(&self) -> Duration {
        self.took
    }

    /// Refuses transactions of more bytes than this, as the kernel refuses those that exceed its send buffer.
    pub fn limit_transactions(&mut self, bytes: Option<usize>) {
        self.limit = bytes;
    }

    /// Other settings; in force from the next [`Driver::resync`] on.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
        self.stale = true;
    }

    /// What becomes readable when the ruleset changes, be it by our own hand: then it is time to ask whether the driver is
    /// [disturbed](Driver::disturbed). Never to be read from.
    pub fn notifications(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }

    /// Takes in what was told of changes.
    fn hear(&mut self) {
        let mut events = Vec::new();
        let lost = self.monitor.read(&mut events, Some(Duration::ZERO)).is_err();
        let ours = self.connection.port();
        self.disturbed |= lost
            || events.iter().any(|event| match event {
                margay_nftables::Event::Changed(change) => change.table == crate::names::TABLE && change.port != ours,
                margay_nftables::Event::Lost => true,
                margay_nftables::Event::Generation(_) => false,
            });
    }

    fn commit(&mut self, plan: &Plan, changed: bool) {
        match self.write() {
            Ok(()) => {
                self.events.push(Event::Applied { object: Object::All, revision: plan.revision });
                if changed {
                    self.cut(plan);
                }
            }
            Err(error) => {
                self.stale = true;
                self.failed("programming nftables", &error);
            }
        }
        self.transaction.clear();
    }

    /// Sends the transaction, if there is anything in it.
    fn write(&mut self) -> Result<(), Error> {
        let batch = &mut self.transaction.batch;
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(limit) = self.limit.filter(|limit| batch.bytes() > *limit) {
            return Err(Error::TransactionTooLarge { bytes: batch.bytes(), messages: batch.counts().total(), limit });
        }
        let counts = batch.counts();
        let many = counts.total() + counts.elements_added + counts.elements_deleted >= MANY;
        self.written = if many { self.commit_unheard()? } else { self.commit_timed()? };
        self.transactions += 1;
        Ok(())
    }

    fn commit_timed(&mut self) -> Result<Counts, Error> {
        let start = Instant::now();
        let committed = self.connection.commit(&mut self.transaction.batch)?;
        self.took = start.elapsed();
        Ok(committed.counts)
    }

    /// The kernel writes a message for each object of a transaction while anybody listens, which takes it as long as the transaction itself. So for a
    /// large one we don't; the generation of the ruleset tells whether someone else changed something meanwhile.
    fn commit_unheard(&mut self) -> Result<Counts, Error> {
        let before = self.connection.generation()?;
        self.hear();
        self.monitor.mute()?;
        let result = self.commit_timed();
        self.monitor.unmute()?;
        self.disturbed |= self.connection.generation()? != before.wrapping_add(u32::from(result.is_ok()));
        result
    }

    fn failed(&mut self, doing: &str, error: &Error) {
        let retry = if matches!(error, Error::TransactionTooLarge { .. }) { Retry::Never } else { Retry::Backoff };
        let error = format!("{doing}: {error}; what was in force before stays in force");
        self.events.push(Event::Failed { object: Object::All, error, retry });
    }

    /// Ends established connections that the Plan denies, where the options ask for it.
    fn cut(&mut self, plan: &Plan) {
        if let Some(conntrack) = &mut self.conntrack
            && let Err(error) = crate::cut::cut(plan, conntrack)
        {
            self.failed("ending established connections that are denied now", &error);
        }
    }

    /// What there should be, and the mirror of it.
    fn desired(&self, plan: &Plan) -> (Content, Mirror) {
        let mut content = Content::default();
        let mirror = Mirror::load(plan, &self.options, &mut content);
        (content, mirror)
    }
}

impl Driver for LinuxDriver {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        if self.stale {
            return self.resync(plan, None);
        }
        match self.mirror.apply(plan, &changes.deltas, &self.options, &mut self.transaction) {
            Ok(()) => self.commit(plan, !changes.is_empty()),
            Err(Afresh) => {
                self.transaction.clear();
                self.resync(plan, None);
            }
        }
    }

    fn resync(&mut self, plan: &Plan, _object: Option<&Object>) {
        let (mut desired, mirror) = self.desired(plan);
        // A foreign change between reading and writing shows in the generation: read again.
        let mut written = Err(Error::Unstable { attempts: ATTEMPTS });
        for _ in 0..ATTEMPTS {
            let actual = match readback::read(&mut self.connection) {
                Ok(actual) => actual,
                Err(error) => return self.failed("reading nftables back", &error),
            };
            self.transaction.clear();
            readback::write_differences(&mut desired, actual, &mut self.transaction);
            written = self.write();
            if !matches!(written, Err(Error::Stale { .. })) {
                break;
            }
        }
        if let Err(error) = written {
            self.transaction.clear();
            return self.failed("programming nftables", &error);
        }
        self.transaction.clear();
        self.mirror = mirror;
        self.stale = false;
        self.events.push(Event::Applied { object: Object::All, revision: plan.revision });
        self.cut(plan);
    }

    fn observe(&mut self, plan: &Plan) {
        let (mut desired, _) = self.desired(plan);
        match readback::read(&mut self.connection) {
            Ok(actual) => {
                for Difference { found } in readback::differences(&mut desired, &actual) {
                    self.stale = true;
                    self.events.push(Event::Drift { object: Object::All, found });
                }
            }
            Err(error) => self.failed("reading nftables back", &error),
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn disturbed(&mut self) -> bool {
        self.hear();
        std::mem::take(&mut self.disturbed)
    }

    fn cleanup(&mut self) -> Result<(), String> {
        self.stale = true;
        cleanup_with(&mut self.connection).map(drop)
    }
}

/// Removes our table from the network namespace of the calling thread, with all in it. Returns whether there was one.
///
/// # Errors
/// In words, where netlink is not to be had or the kernel refuses.
pub fn cleanup() -> Result<bool, String> {
    let mut connection = Connection::open().map_err(|error| format!("cannot open nf_tables: {error}"))?;
    cleanup_with(&mut connection)
}

/// Whether our table is in the network namespace of the calling thread.
///
/// # Errors
/// In words, where netlink is not to be had.
pub fn is_programmed() -> Result<bool, String> {
    let tables = Connection::open().and_then(|mut connection| connection.tables());
    let tables = tables.map_err(|error| format!("cannot list the tables of nf_tables: {error}"))?;
    Ok(tables.iter().any(|entry| entry.id == table_id()))
}

fn cleanup_with(connection: &mut Connection) -> Result<bool, String> {
    let mut transaction = Transaction::new();
    transaction.delete_table();
    match connection.commit(&mut transaction.batch) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(format!("cannot remove the nftables table inet {}: {error}", crate::names::TABLE)),
    }
}
