//! `margay agent`: the node agent, on a folder of YAML or on a cluster.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

#[cfg(target_os = "linux")]
mod flows;
mod lock;
mod log;
mod observe;
#[cfg(windows)]
mod service;
mod settings;
mod status;

use crate::streams::{Exit, Failure, Streams};
use crate::words::counted;
pub(crate) use lock::Lock;
use margay_agent::settings::{Reads, Resolved, Settings, pages};
use margay_agent::{Agent, Failing, Followed, Options, Status, Waker};
use margay_dataplane::{Driver, Object, Recorder};
use margay_datastore::snapshot::{self, Kept, Remembered};
use margay_datastore::{Folder, Recorded, Source};
use margay_kubernetes::{Cluster, Connection};
use margay_report::{Identity, Os, Reporter};
use margay_telemetry::Telemetry;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long --once waits for a data plane that reports endpoint by endpoint.
const ONCE: Duration = Duration::from_secs(60);
/// How often a data plane is asked for that was not there at the start.
const AGAIN: Duration = Duration::from_secs(1);

/// Keep what is enforced on this node equal to a cluster, or to a folder of YAML, for as long as it runs
///
/// The cluster is the one that kubectl would ask, or in a pod its own; with -f it is files, which are read again each --poll. The data plane is programmed
/// with what changed, and what someone else changes in it is mended. What can't be read stays as it was last read; an object that is removed is gone. Nothing
/// is programmed before all that there is has been read, and an API server that is away changes nothing.
///
/// However it ends, by SIGTERM, Ctrl-C or a crash, what is in force stays in force, and the next start writes only what differs: established
/// connections live on. One agent runs on a node; a second one refuses to start. Lines about what happens go to standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// YAML or JSON: a folder with all below it, or a file; may be repeated
    #[arg(short, long = "filename", value_name = "FILE|DIR")]
    filename: Vec<PathBuf>,
    /// The kubeconfig file that tells of the cluster
    #[arg(long, value_name = "FILE", conflicts_with = "filename")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, in the place of its current one
    #[arg(long, value_name = "NAME", conflicts_with = "filename")]
    context: Option<String>,
    /// A file of settings; by default /etc/margay/config.yaml, or on Windows %ProgramData%\margay\config.yaml, where that is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put in force what the files say, then end: with exit code 1 where something failed
    #[arg(long)]
    once: bool,
    /// Follow the files and report, but program nothing
    #[arg(long)]
    dry_run: bool,
    /// Print every setting with its value and where it is from, and end
    #[arg(long)]
    print_settings: bool,
    /// Print the JSON Schema of the file of settings, and end
    #[arg(long)]
    settings_schema: bool,
    #[command(flatten)]
    flags: settings::Flags,
    /// Be a service of Windows
    #[cfg(windows)]
    #[arg(long, value_enum, conflicts_with = "once", value_name = "WHAT")]
    service: Option<service::Command>,
}

#[cfg(target_os = "linux")]
const AFTER_HELP: &str = "\
Examples:
  sudo margay agent --node worker-1
  sudo margay agent --node worker-1 --kubeconfig /etc/margay/kubeconfig
  sudo margay agent -f cluster/ --node worker-1
  sudo margay agent -f cluster/ --node worker-1 --once
  sudo margay agent -f cluster/ --node worker-1 --status-file /run/margay/status.json
  margay agent -f cluster/ --node worker-1 --dry-run";
#[cfg(windows)]
const AFTER_HELP: &str = "\
Examples:
  margay agent --node worker-1 --kubeconfig C:\\margay\\kubeconfig
  margay agent -f C:\\margay\\cluster --node worker-1
  margay agent -f C:\\margay\\cluster --node worker-1 --dry-run
  margay agent -f C:\\margay\\cluster --node worker-1 --service install
  margay agent --service uninstall";

impl Args {
    fn reads(&self) -> Reads {
        if self.filename.is_empty() { Reads::Cluster } else { Reads::Files }
    }

    fn connection(&self) -> Connection {
        Connection { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }

    /// The settings from flags, environment, file, and the cluster.
    fn resolve(&self) -> Result<Resolved, Failure> {
        let mut given = settings::given(&self.flags, self.config.as_deref())?;
        let resolved = settings::resolve(self.reads(), &given)?;
        if self.reads() == Reads::Files {
            return Ok(resolved);
        }
        given.extend(settings::of_felix(&self.connection(), &resolved.settings().node));
        settings::resolve(self.reads(), &given)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Ok(self.resolve()?.settings().clone())
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    #[cfg(windows)]
    if let Some(command) = args.service {
        return service::run(command, args, streams);
    }
    if args.settings_schema {
        writeln!(streams.stdout, "{:#}", pages::schema())?;
        return Ok(Exit::Fine);
    }
    if args.print_settings {
        return settings::print(&args.resolve()?, streams);
    }
    let settings = args.settings()?;
    let waker = Waker::default();
    if !args.once {
        let stop = waker.clone();
        let caught = ctrlc::set_handler(move || stop.stop());
        caught.map_err(|error| Failure::usage(format!("signals can't be caught: {error}")))?;
    }
    let status = log::with(&settings, || follow(args, &settings, &waker))??;
    if args.once { tell(&status, args.dry_run, streams) } else { Ok(Exit::Fine) }
}

/// Runs the agent until it is to stop, or with --once until all is in force that can be; how it went.
fn follow(args: &Args, settings: &Settings, waker: &Waker) -> Result<Status, Failure> {
    let node = settings.node.as_str();
    if node.is_empty() {
        return Err(Failure::usage("--node is missing: which node is this? (MARGAY_NODE_NAME says it, too)"));
    }
    for path in &args.filename {
        readable(path).map_err(|error| {
            // Programming as much as nothing would open what was closed.
            Failure::usage(format!("{} can't be read: {error}; what is in force stays in force", path.display()))
        })?;
    }
    let _lock = if args.dry_run { None } else { Some(lock()?) };
    let programs = if args.dry_run { " (dry run: nothing is programmed)" } else { "" };
    info!(node, "margay {} on node {node}{programs}", env!("CARGO_PKG_VERSION"));
    let telemetry = Telemetry::new(node.into(), Instant::now());
    if !args.once {
        observe::serve(settings, &telemetry);
    }
    let reporter = reporter(args, settings)?;
    let reporter = reporter.as_ref();
    let driver: Box<dyn Driver> = match args.dry_run {
        true => Box::new(Recorder::default()),
        false => match driver(args, settings, &telemetry, reporter, waker)? {
            ControlFlow::Continue(driver) => driver,
            ControlFlow::Break(status) => return Ok(*status),
        },
    };
    let options = Options { node: node.into(), poll: settings.poll };
    let source = source(args, settings, &telemetry, waker)?;
    let mut agent = Agent::new(options, source, driver, Instant::now());
    agent.watch(Box::new(telemetry.meter()));
    #[cfg(target_os = "linux")]
    if !args.once
        && !args.dry_run
        && let Some(names) = flows::start(settings, &telemetry)?
    {
        agent.watch(names);
    }
    let deadline = args.once.then(|| Instant::now() + ONCE);
    agent.run(waker, deadline, |status| {
        keep(settings, reporter, status);
        if args.once && status.is_settled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    info!("stopped: what is in force stays in force");
    Ok(agent.status())
}

/// Takes the lock of this node's agent, for as long as what is given lives: it fails while an agent runs.
pub(crate) fn lock() -> Result<Lock, Failure> {
    Lock::take(&platform::lock_name()?, &platform::lock_folder())
}

/// The file of that lock.
pub(crate) fn lock_file() -> Result<PathBuf, Failure> {
    Ok(platform::lock_folder().join(platform::lock_name()?))
}

/// Stops the service and removes it, where there is one.
#[cfg(windows)]
pub(crate) fn uninstall_service(streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    service::uninstall(streams)
}

/// Where resources come from.
fn source(args: &Args, settings: &Settings, telemetry: &Telemetry, waker: &Waker) -> Result<Box<dyn Source>, Failure> {
    let mut source: Box<dyn Source> = match args.reads() {
        Reads::Files => Box::new(Followed::new(Folder::new(&args.filename))),
        Reads::Cluster => cluster(args, settings, telemetry, waker)?,
    };
    if let Some(path) = &settings.record {
        let recorded = Recorded::begin(source, path, settings.node.clone())
            .map_err(|error| Failure::usage(format!("the recording {} can't be written: {error}", path.display())))?;
        source = Box::new(recorded);
    }
    Ok(source)
}

/// A cluster, and its snapshot where one is kept.
fn cluster(args: &Args, settings: &Settings, telemetry: &Telemetry, waker: &Waker) -> Result<Box<dyn Source>, Failure> {
    let wake = waker.clone();
    let cluster = Cluster::follow(&args.connection(), move || wake.source()).map_err(|error| {
        Failure::usage(format!(
            "{error}; what is in force stays in force (with -f, a folder takes the place of a cluster)"
        ))
    })?;
    let asked = cluster.counters();
    telemetry.count(move || {
        vec![("source_lists", asked.lists()), ("source_watches", asked.watches()), ("source_errors", asked.errors())]
    });
    let Some(path) = &settings.snapshot_file else { return Ok(Box::new(cluster)) };
    let objects = match snapshot::load(path, &settings.node) {
        Ok(None) => HashMap::new(),
        Ok(Some(loaded)) => {
            let (resources, at) = (loaded.objects.len(), humantime::format_rfc3339_seconds(loaded.at));
            info!("the snapshot {} has {resources} resources, of {at}", path.display());
            if let Some(damage) = loaded.damage {
                warn!("what was written to the snapshot after that is lost: {damage}");
            }
            loaded.objects
        }
        Err(error) => {
            warn!("{error}");
            HashMap::new()
        }
    };
    // A dry run changes nothing on disk either.
    let source: Box<dyn Source> = match args.dry_run {
        true => Box::new(cluster),
        false => Box::new(
            Kept::new(cluster, path, settings.node.clone())
                .map_err(|error| Failure::usage(format!("the snapshot can't be kept: {error}")))?,
        ),
    };
    Ok(Box::new(Remembered::new(source, objects, Instant::now() + Remembered::<Cluster>::GRACE)))
}

/// The driver, waited for where the platform's data plane may come later than the agent; or, where the agent is to stop before that, how it went.
fn driver(
    args: &Args,
    settings: &Settings,
    telemetry: &Telemetry,
    reporter: Option<&Reporter>,
    waker: &Waker,
) -> Result<ControlFlow<Box<Status>, Box<dyn Driver>>, Failure> {
    let since = Instant::now();
    let mut said = String::new();
    loop {
        let failure = match platform::driver(settings, telemetry, waker) {
            Ok(driver) => return Ok(ControlFlow::Continue(driver)),
            Err(failure) if args.once || !platform::MAY_COME_LATER => return Err(failure),
            Err(failure) => failure.to_string(),
        };
        let failing = Failing { object: Object::All, error: failure.clone(), since };
        let status = Status::unready(settings.node.clone(), failing);
        keep(settings, reporter, &status);
        if failure != said {
            warn!("nothing is programmed, and what is in force stays in force (it is tried again soon): {failure}");
            said = failure;
        }
        let again = Instant::now() + AGAIN;
        telemetry.waits(&status, again);
        while Instant::now() < again {
            if waker.wait(again).stop {
                info!("stopped: what is in force stays in force");
                return Ok(ControlFlow::Break(Box::new(status)));
            }
        }
    }
}

/// What tells the cluster how this node is doing, where there is a cluster to tell and the agent stays.
fn reporter(args: &Args, settings: &Settings) -> Result<Option<Reporter>, Failure> {
    if args.once || args.dry_run || !settings.report || args.reads() == Reads::Files {
        return Ok(None);
    }
    let identity = Identity {
        node: settings.node.clone(),
        os: Os::HERE,
        version: env!("CARGO_PKG_VERSION"),
        started: Instant::now(),
    };
    let reporter = Reporter::start(&args.connection(), identity);
    reporter.map(Some).map_err(|error| Failure::usage(format!("{error}; what is in force stays in force")))
}

/// Keeps the file of the status, and tells the cluster.
fn keep(settings: &Settings, reporter: Option<&Reporter>, status: &Status) {
    if let Some(reporter) = reporter {
        reporter.tell(status);
    }
    if let Some(file) = &settings.status_file
        && let Err(error) = status::write(status, file)
    {
        // Policy matters more than what is said of it.
        warn!("the status can't be written to {}: {error}", file.display());
    }
}

/// Whether a path can be looked into.
fn readable(path: &std::path::Path) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        std::fs::read_dir(path).map(drop)
    } else {
        std::fs::File::open(path).map(drop)
    }
}

/// What --once came to.
fn tell(status: &Status, dry_run: bool, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let (endpoints, node) = (counted(status.endpoints, "endpoint"), &status.node);
    for unsupported in status::unsupported(status) {
        writeln!(streams.stdout, "{unsupported}")?;
    }
    if !status.in_sync {
        writeln!(streams.stdout, "Nothing was programmed: the cluster could not be read within {} s.", ONCE.as_secs())?;
        return Ok(Exit::Findings);
    }
    if status.waiting > 0 {
        writeln!(
            streams.stdout,
            "Nothing was heard within {} s of {} of {endpoints}.",
            ONCE.as_secs(),
            status.waiting
        )?;
    }
    for failing in &status.failing {
        writeln!(streams.stdout, "{} failed: {}", failing.object, failing.error)?;
    }
    if status.waiting > 0 || !status.failing.is_empty() {
        return Ok(Exit::Findings);
    }
    let policies = if status.policies == 1 { "1 policy".to_owned() } else { format!("{} policies", status.policies) };
    let in_force = if dry_run { "Would be in force" } else { "In force" };
    writeln!(streams.stdout, "{in_force} on node {node}: {policies}, on {endpoints}.")?;
    Ok(Exit::Fine)
}
