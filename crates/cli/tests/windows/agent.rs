//! The agent under Wine, in the foreground and as a service.

use crate::{Run, ran, shop};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use xtask::windows::Wine;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn ctrl_c_stops_it() {
    let Some(wine) = Wine::ready() else { return };
    let shop = shop();
    let mut command = wine.margay();
    command.args("agent -f cluster --node node-2 --dry-run".split(' ')).current_dir(shop.path());
    let mut agent = command.stderr(Stdio::piped()).spawn().expect("Wine starts");
    let mut lines = BufReader::new(agent.stderr.take().expect("a pipe was asked for"));
    let mut said = String::new();
    while !said.contains("changes passed on") {
        assert_ne!(lines.read_line(&mut said).expect("a pipe can be read"), 0, "it ended: {said}");
    }
    kill(Pid::from_raw(agent.id().try_into().expect("a process id")), Signal::SIGINT).expect("our own process");
    lines.read_to_string(&mut said).expect("a pipe can be read");
    assert_eq!(agent.wait().expect("our own process ends").code(), Some(0), "{said}");
    assert!(said.ends_with("stopped: what is in force stays in force\n"), "{said}");
}

/// The service of the prefix: there is but one, so one test has it.
struct Service<'a> {
    wine: &'a Wine,
    home: &'a Path,
}

impl Service<'_> {
    /// Runs margay.exe, a copy of it beside which it may write its lines.
    fn margay(&self, command: &str) -> Run {
        let margay = self.home.join("margay.exe");
        ran(self.wine.command(margay).args(command.split(' ')).current_dir(self.home))
    }

    /// Runs `sc` on the service, and gives what it says.
    fn control(&self, verb: &str) -> String {
        ran(self.wine.command("sc").args([verb, "margay"])).out
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.home.join(file)).unwrap_or_default()
    }

    /// Starts it until this is said of it: a service manager that is still starting others by itself starts nothing else.
    fn start_until(&self, said: &str) {
        self.until(said, |service| {
            let now = service.control("query");
            if !now.contains(said) && now.contains("STOPPED") {
                service.control("start");
            }
            now.contains(said)
        });
    }

    /// Waits until it is so: nothing here tells when a file or a service of Wine changes.
    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < until, "{what} took longer than {PATIENCE:?}: {}", self.read("margay.log"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        self.margay("agent --service uninstall");
    }
}

#[test]
fn it_is_a_service() {
    let Some(wine) = Wine::ready() else { return };
    let (shop, _machine) = (shop(), crate::hns::machine());
    let service = Service { wine: &wine, home: shop.path() };
    let margay = wine.margay().get_args().next().map(std::path::PathBuf::from).expect("a program");
    std::fs::copy(margay, shop.path().join("margay.exe")).expect("margay.exe is built");
    service.margay("agent --service uninstall");

    let installed =
        service.margay("agent -f cluster --node node-2 --dry-run --status-file status.json --service install");
    assert_eq!(installed.out, "The service margay is installed; it starts with Windows.\n", "{installed:?}");
    // Wine knows no failures that are no crashes.
    assert_eq!(installed.err.lines().count(), 1, "{installed:?}");
    assert!(installed.code == 1 && installed.err.contains("Invalid level"), "{installed:?}");

    service.start_until("RUNNING");
    service.until("writing the status", |service| !service.read("status.json").is_empty());
    let status: Value = serde_json::from_str(&service.read("status.json")).expect("JSON");
    assert_eq!((&status["node"], &status["endpoints"]), (&Value::from("node-2"), &Value::from(2)));
    service.control("stop");
    service.until("stopping", |service| service.control("query").contains("STOPPED"));
    let log = service.read("margay.log");
    assert!(log.ends_with("stopped: what is in force stays in force\n"), "{log}");

    let changed = service.margay("agent -f nowhere --node node-2 --dry-run --service install");
    assert!(changed.out.contains("is installed"), "a second installation changes the first: {changed:?}");
    service.start_until("SERVICE_EXIT_CODE  : 2");
    let log = service.read("margay.log");
    assert!(log.contains("ERROR") && log.contains("nowhere can't be read"), "{log}");

    let removed = service.margay("agent --service uninstall");
    assert_eq!(removed.out, "The service margay is removed; what is in force stays in force.\n", "{removed:?}");
    let removed = service.margay("agent --service uninstall");
    assert_eq!(removed.out, "Nothing to remove: there is no service margay.\n", "{removed:?}");
    assert_eq!(service.margay("agent -f cluster --node node-2 --service run").code, 2, "only the service manager may");
}
