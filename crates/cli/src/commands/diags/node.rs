//! What a node says of itself and of its agent.

use super::archive::Archive;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a log that are taken: its end.
const MOST: u64 = 8 << 20;

/// Where the agent keeps what it says.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// With --local: what the agent says of itself (agent --status-file)
    #[arg(long, value_name = "FILE", requires = "local")]
    status_file: Option<PathBuf>,
    /// With --local: the agent's log (agent --log-file)
    #[arg(long, value_name = "FILE", requires = "local")]
    log_file: Option<PathBuf>,
    /// With --local: the agent's settings
    #[arg(long, value_name = "FILE", requires = "local", default_value = "/etc/margay/config.yaml")]
    config: PathBuf,
}

/// Collects it; what can't be had is said in the archive.
pub(super) fn collect(files: &Files, archive: &mut Archive) {
    archive.json(
        "version.json",
        Ok::<_, String>(
            json!({"margay": env!("CARGO_PKG_VERSION"), "os": std::env::consts::OS, "arch": std::env::consts::ARCH}),
        ),
    );
    let named = |file: &Option<PathBuf>, option: &str| match file {
        Some(file) => end_of(file),
        None => Err(format!("{option} does not name it")),
    };
    archive.text("status.json", named(&files.status_file, "--status-file"));
    archive.text("agent.log", named(&files.log_file, "--log-file"));
    archive.text("config.yaml", end_of(&files.config));
    system(archive);
}

/// The last bytes of a file, as text.
fn end_of(file: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut opened = File::open(file).map_err(failed)?;
    let length = opened.metadata().map_err(failed)?.len();
    opened.seek(SeekFrom::Start(length.saturating_sub(MOST))).map_err(failed)?;
    let mut bytes = Vec::new();
    opened.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a program of the system prints.
fn printed(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program} can't be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(not(windows))]
fn system(archive: &mut Archive) {
    for (name, file) in [("kernel.txt", "/proc/version"), ("os-release.txt", "/etc/os-release")] {
        archive.text(name, end_of(Path::new(file)));
    }
    archive.text("nftables.txt", printed("nft", &["-a", "list", "table", "inet", "margay"]));
    archive.text("addresses.txt", printed("ip", &["address"]));
    archive.text("routes.txt", printed("ip", &["route", "show", "table", "all"]));
}

#[cfg(windows)]
fn system(archive: &mut Archive) {
    use margay_hcn::{Dll, Service};
    archive.text("windows.txt", printed("cmd", &["/c", "ver"]));
    archive.text("routes.txt", printed("route", &["print"]));
    let dll = Dll::load().map_err(|error| error.to_string());
    for (name, path) in [("version", "/globals/version"), ("networks", "/networks/"), ("endpoints", "/endpoints/")] {
        // The older door has whole documents, ACLs and all, of every version of HNS.
        let documents = dll.as_ref().map_err(Clone::clone);
        let documents = documents.and_then(|dll| dll.call("GET", path, "").map_err(|error| error.to_string()));
        archive.text(&format!("hns-{name}.json"), documents);
    }
}
