//! The agent as a service of Windows.

use super::log::Log;
use super::{Args, follow, log};
use crate::streams::{Exit, Failure, Streams};
use margay_agent::Waker;
use margay_agent::settings::Settings;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceErrorControl, ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo,
    ServiceStartType, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{Error, define_windows_service, service_dispatcher};

/// The name of the service.
const NAME: &str = "margay";
/// How long `uninstall` waits for the service to stop.
const STOPPING: Duration = Duration::from_secs(30);
/// `ERROR_ACCESS_DENIED`.
const ACCESS_DENIED: i32 = 5;
/// `ERROR_FAILED_SERVICE_CONTROLLER_CONNECT`: the process was not started by the service manager.
const NOT_A_SERVICE: i32 = 1063;
/// `ERROR_SERVICE_DOES_NOT_EXIST`.
const NO_SUCH_SERVICE: i32 = 1060;
/// `ERROR_SERVICE_CANNOT_ACCEPT_CTRL`: it is between two states.
const CANNOT_ACCEPT: i32 = 1061;
/// `ERROR_SERVICE_NOT_ACTIVE`: it has stopped.
const NOT_ACTIVE: i32 = 1062;
/// `ERROR_SERVICE_EXISTS`.
const EXISTS: i32 = 1073;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Command {
    /// Register it with these arguments, to start with Windows and again after a failure
    Install,
    /// Stop it and remove it; what is in force stays in force
    Uninstall,
    /// What the service manager runs
    Run,
}

pub(super) fn run(command: Command, args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Install => install(args, streams),
        Command::Uninstall => uninstall(streams),
        Command::Run => serve(args),
    }
}

fn failed(doing: &str, error: &Error) -> Failure {
    let rights = if is(error, ACCESS_DENIED) { ": it takes an administrator" } else { "" };
    Failure::usage(format!("the service {NAME} can't be {doing}: {}{rights}", cause(error)))
}

/// Windows' own words are behind the crate's.
fn cause(error: &Error) -> String {
    match error {
        Error::Winapi(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn is(error: &Error, code: i32) -> bool {
    matches!(error, Error::Winapi(error) if error.raw_os_error() == Some(code))
}

fn install(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let failed = |error: Error| failed("installed", &error);
    let info = info(args)?;
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
    let manager_access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&str>, manager_access).map_err(failed)?;
    let service = match manager.create_service(&info, access) {
        Ok(service) => service,
        Err(error) if is(&error, EXISTS) => {
            let service = manager.open_service(NAME, access).map_err(failed)?;
            service.change_config(&info).map_err(failed)?;
            service
        }
        Err(error) => return Err(failed(error)),
    };
    service.set_description("Network policy of this node's pods, by the Host Networking Service").map_err(failed)?;
    writeln!(streams.stdout, "The service {NAME} is installed; it starts with Windows.")?;
    if let Err(error) = recover(&service) {
        let why = cause(&error);
        writeln!(
            streams.stderr,
            "note: not after every failure will it be started again, since that can't be set: {why}"
        )?;
        return Ok(Exit::Findings);
    }
    streams.hint("Next: `sc start margay` starts it now; `margay agent --service uninstall` removes it.")?;
    Ok(Exit::Fine)
}

/// After a failure, be it a crash or that it could not start, it is started again: soon at first, then each minute.
fn recover(service: &Service) -> Result<(), Error> {
    let again =
        |seconds| ServiceAction { action_type: ServiceActionType::Restart, delay: Duration::from_secs(seconds) };
    service.update_failure_actions(ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 3600)),
        reboot_msg: None,
        command: None,
        actions: Some(vec![again(1), again(10), again(60)]),
    })?;
    service.set_failure_actions_on_non_crash_failures(true)
}

/// What the service manager is told: this program with these arguments, its files by their whole paths, for a service runs in another folder.
fn info(args: &Args) -> Result<ServiceInfo, Failure> {
    let whole = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| Failure::usage(format!("{} can't be found: {error}", path.display())))
    };
    let program = std::env::current_exe()
        .map_err(|error| Failure::usage(format!("it can't be told where this program is: {error}")))?;
    if args.settings()?.node.is_empty() {
        return Err(Failure::usage("--node is missing: which node is this?"));
    }
    if args.filename.is_empty() && args.kubeconfig.is_none() {
        // The local system has no kubeconfig of its own.
        return Err(Failure::usage("--kubeconfig or -f is missing: which cluster or folder is to be followed?"));
    }
    let mut arguments: Vec<OsString> = ["agent", "--service", "run"].map(OsString::from).into();
    for path in &args.filename {
        arguments.extend(["-f".into(), whole(path)?.into()]);
    }
    for (flag, path) in [("--kubeconfig", &args.kubeconfig), ("--config", &args.config)] {
        if let Some(path) = path {
            arguments.extend([flag.into(), whole(path)?.into()]);
        }
    }
    arguments.extend(args.context.iter().flat_map(|context| ["--context".into(), context.into()]));
    arguments.extend(args.dry_run.then(|| "--dry-run".into()));
    for given in args.flags.whole()? {
        arguments.push(format!("--{}={}", given.setting.flag(), given.text).into());
    }
    Ok(ServiceInfo {
        name: NAME.into(),
        display_name: "Margay node agent".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program,
        launch_arguments: arguments,
        // Not on HNS, which it waits for: whoever restarts HNS would stop it, and nobody start it again.
        dependencies: Vec::new(),
        // The local system, which HNS obeys.
        account_name: None,
        account_password: None,
    })
}

pub(super) fn uninstall(streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let failed = |error: Error| failed("removed", &error);
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT).map_err(failed)?;
    let access = ServiceAccess::STOP | ServiceAccess::QUERY_STATUS | ServiceAccess::DELETE;
    let service = match manager.open_service(NAME, access) {
        Ok(service) => service,
        Err(error) if is(&error, NO_SUCH_SERVICE) => {
            writeln!(streams.stdout, "Nothing to remove: there is no service {NAME}.")?;
            return Ok(Exit::Fine);
        }
        Err(error) => return Err(failed(error)),
    };
    stop(&service).map_err(failed)?;
    service.delete().map_err(failed)?;
    writeln!(streams.stdout, "The service {NAME} is removed; what is in force stays in force.")?;
    Ok(Exit::Fine)
}

/// Stops it, where it runs, and waits until it has stopped: a program that still runs can't be deleted or replaced. Where that takes too long the
/// service manager removes it when it ends.
fn stop(service: &Service) -> Result<(), Error> {
    let until = Instant::now() + STOPPING;
    while service.query_status()?.current_state != ServiceState::Stopped && Instant::now() < until {
        match service.stop() {
            Ok(_) => {}
            // It is about to run, or to stop: ask again.
            Err(error) if is(&error, CANNOT_ACCEPT) || is(&error, NOT_ACTIVE) => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The service's own arguments: the service manager calls a function that takes none of ours.
static ARGS: OnceLock<Args> = OnceLock::new();

define_windows_service!(service_main, main_of_service);

fn serve(args: &Args) -> Result<Exit, Failure> {
    ARGS.get_or_init(|| args.clone());
    match service_dispatcher::start(NAME, service_main) {
        Ok(()) => Ok(Exit::Fine),
        Err(error) if is(&error, NOT_A_SERVICE) => Err(Failure::usage(
            "`--service run` is for the service manager: install the service, then `sc start margay`; without --service the agent runs here",
        )),
        Err(error) => Err(failed("run", &error)),
    }
}

fn main_of_service(_arguments: Vec<OsString>) {
    let waker = Waker::default();
    let stop = waker.clone();
    let control = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            stop.stop();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    // Without a handle there is nobody to tell that there is none.
    let Ok(handle) = service_control_handler::register(NAME, control) else { return };
    let Some(args) = ARGS.get() else { return };
    tell(&handle, ServiceState::Running, 0);
    let code = if logged(args, &waker).is_ok() { 0 } else { u32::from(Exit::BadInput.code()) };
    tell(&handle, ServiceState::Stopped, code);
}

/// Runs the agent; its lines, and why it can't be run, go to a file beside the program where no other is named.
fn logged(args: &Args, waker: &Waker) -> Result<(), Failure> {
    let beside = || Some(std::env::current_exe().ok()?.with_extension("log"));
    let unset = Settings { log_file: beside(), ..Settings::default() };
    let mut settings = match args.settings() {
        Ok(settings) => settings,
        Err(failure) => {
            return log::with(&unset, |_| {
                tracing::error!("{failure}");
                Err(failure)
            })?;
        }
    };
    settings.log_file = settings.log_file.or(unset.log_file);
    let follow = |log: &Log| follow(args, &settings, waker, log).inspect_err(|failure| tracing::error!("{failure}"));
    log::with(&settings, follow)?.map(drop)
}

/// Tells the service manager. That it can't be told stops nothing.
fn tell(handle: &ServiceStatusHandle, state: ServiceState, code: u32) {
    let accepted = if state == ServiceState::Running {
        ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
    } else {
        ServiceControlAccept::empty()
    };
    let exit_code = if code == 0 { ServiceExitCode::NO_ERROR } else { ServiceExitCode::ServiceSpecific(code) };
    let _ = handle.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: accepted,
        exit_code,
        checkpoint: 0,
        wait_hint: Duration::ZERO,
        process_id: None,
    });
}
