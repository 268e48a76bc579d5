//! `margay agent` as it is run.

use crate::process::Process;
use crate::{Error, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::run::{cargo, root};

/// How often a status file is read while something is waited for.
const ASK: Duration = Duration::from_millis(20);

/// How the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As tests are.
    Debug,
    /// For speed.
    Release,
}

/// Builds the margay program, and says where it is.
///
/// # Errors
/// [`Error::Build`].
pub fn program(profile: Profile) -> Result<PathBuf> {
    let mut build = cargo(&["build", "--quiet", "--package", "margay-cli"]);
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    let status = build.status().map_err(|error| Error::Build(error.into()))?;
    if !status.success() {
        return Err(Error::Build(anyhow::anyhow!("cargo ended with {status}")));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join(folder).join("margay"))
}

/// A running agent. Ended by `SIGKILL` when this is dropped, which leaves in force what is.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    home: TempDir,
}

impl Agent {
    /// Starts the agent of a node, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn start(program: &Path, node: &str, kubeconfig: &Path) -> Result<Self> {
        let home = TempDir::with_prefix("margay-agent-").map_err(Error::system("making a folder in", "/tmp"))?;
        let mut command = Command::new(program);
        command.args(["agent", "--node", node, "--kubeconfig"]).arg(kubeconfig);
        command.arg("--status-file").arg(home.path().join("status.json"));
        let process = Process::start("margay agent", &mut command, &home.path().join("log"))?;
        Ok(Self { process, home })
    }

    /// What its status file says; null before there is one.
    pub fn status(&self) -> Value {
        let text = fs::read(self.home.path().join("status.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Waits until its status file says something.
    ///
    /// # Errors
    /// [`Error::Server`] where the agent ends or takes longer than this, with the end of its log.
    pub fn until(&mut self, what: &str, patience: Duration, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.status();
            if is_so(&status) {
                return Ok(status);
            }
            self.process.check()?;
            if Instant::now() > deadline {
                return Err(self.process.error(format!("is not {what} after {patience:?}: {status}")));
            }
            std::thread::sleep(ASK);
        }
    }

    /// Waits until it has read everything, and all that can be in force is.
    ///
    /// # Errors
    /// As [`until`](Self::until).
    pub fn until_settled(&mut self, patience: Duration) -> Result<Value> {
        self.until("settled", patience, |status| status["inSync"] == true && status["waiting"] == 0)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Ends it as the kubelet does.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// Bytes of memory that it has now, and the most that it ever had.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn memory(&self) -> Result<[u64; 2]> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = fs::read_to_string(&path).map_err(Error::system("reading", path))?;
        let kilobytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or(0)
        };
        Ok(["VmRSS", "VmHWM"].map(|name| 1024 * kilobytes(name)))
    }

    /// The time for which its threads have run on a CPU.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn cpu(&self) -> Result<Duration> {
        let folder = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let threads = fs::read_dir(&folder).map_err(Error::system("reading", &folder))?;
        let ran = threads.flatten().filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Ok(Duration::from_nanos(ran.sum()))
    }
}
