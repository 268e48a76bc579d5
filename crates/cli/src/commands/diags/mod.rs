//! `margay diags`: what someone needs who is to find out what is wrong, in one archive.

mod archive;
mod cluster;
mod node;
mod secrets;

use crate::live::Live;
use crate::streams::{Exit, Failure, Streams};
use crate::words::counted;
use archive::Archive;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Pack what is needed to find out what is wrong into one archive, without secrets
///
/// Of a cluster: what nodes and policies report, events and logs of Margay's pods, versions. With --local of this node: the agent's status, settings and log, what is programmed (nftables, or
/// the documents of HNS with their ACLs), versions. Tokens, certificates, annotations and values whose name says that they are secret are removed: rather too much than too little. A manifest
/// in it lists what is there and what could not be had; look through it before you hand it on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay diags
  margay diags -o incident.tar.gz --context production
  sudo margay diags --local --status-file /run/margay/status.json --log-file /var/log/margay.log")]
pub(crate) struct Args {
    #[command(flatten)]
    live: Live,
    /// Of this node, without a cluster
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    local: bool,
    #[command(flatten)]
    files: node::Files,
    /// The namespace of Margay's pods
    #[arg(long, value_name = "NAME", default_value = "margay-system")]
    agents: String,
    /// The archive; by default margay-diags-TIME.tar.gz in the current folder
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let mut archive = Archive::default();
    let of = if args.local {
        node::collect(&args.files, &mut archive);
        "this node".to_owned()
    } else {
        let api = args.live.api_within(Duration::from_secs(20))?;
        cluster::collect(&api, &args.agents, &mut archive, streams);
        format!("the cluster at {}", api.server())
    };
    let now = SystemTime::now();
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = humantime::format_rfc3339_seconds(now).to_string();
    let plain: String = time.chars().filter(char::is_ascii_alphanumeric).collect();
    let file = args.output.clone().unwrap_or_else(|| format!("margay-diags-{plain}.tar.gz").into());
    let failed = |error| Failure::usage(format!("{} can't be written: {error}", file.display()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let out = options.open(&file).map_err(failed)?;
    archive.write(&of, (&time, seconds), out).map_err(failed)?;
    let [files, missing] = archive.counts();
    writeln!(streams.stdout, "{}: {} of {of}", file.display(), counted(files, "file"))?;
    for (name, why) in archive.missing() {
        writeln!(streams.stderr, "left out: {name}: {}", crate::streams::clean(why))?;
    }
    // An archive of nothing is no answer.
    Ok(if files == 0 && missing > 0 { Exit::Findings } else { Exit::Fine })
}
