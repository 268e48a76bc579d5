//! Denied flows, read on a thread of their own.

use super::log::LogFile;
use crate::streams::Failure;
use margay_agent::Observer;
use margay_agent::settings::{Output, Settings};
use margay_linux::{DeniedPackets, Options};
use margay_telemetry::Telemetry;
use margay_telemetry::flows::{FlowLog, Names};
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};
use tracing::{info, warn};

/// How long the reader waits for packets before it looks whether there are lines to be written about those before.
const TURN: Duration = Duration::from_millis(500);

/// Begins to write denied flows where the settings say, with what knows names for them. Where the kernel won't tell, that is said, and policy is enforced without.
pub(super) fn start(settings: &Settings, telemetry: &Telemetry) -> Result<Option<Box<dyn Observer>>, Failure> {
    let Some(output) = &settings.flow_log else { return Ok(None) };
    let out: Box<dyn Write + Send> = match output {
        Output::Stdout => Box::new(io::stdout()),
        Output::File(path) => Box::new(LogFile::open_bounded(path).map_err(|error| {
            Failure::usage(format!("{}, where denied flows go, can't be written: {error}", path.display()))
        })?),
    };
    let packets = match DeniedPackets::open(Options::default().nflog_group) {
        Ok(packets) => packets,
        Err(error) => {
            warn!("denied flows can't be read, since another process may listen to NFLOG group 2: {error}");
            return Ok(None);
        }
    };
    let names = Names::default();
    let log = FlowLog::new(&settings.node, names.clone(), out, settings.flow_log_rate, Instant::now());
    let counters = log.counters();
    telemetry.count(move || counters.read());
    let thread = std::thread::Builder::new().name("flow-log".into()).spawn(move || follow(packets, log));
    thread.map_err(|error| Failure::usage(format!("there is no thread to be had to read denied flows: {error}")))?;
    info!("denied flows are written to {}, {} lines a second at most", said(output), settings.flow_log_rate);
    Ok(Some(Box::new(names.observer())))
}

fn said(output: &Output) -> String {
    match output {
        Output::Stdout => "standard output".into(),
        Output::File(path) => path.display().to_string(),
    }
}

/// Reads for as long as the process lives.
fn follow(mut packets: DeniedPackets, mut log: FlowLog<Box<dyn Write + Send>>) {
    let counters = log.counters();
    loop {
        let (now, time) = (Instant::now(), SystemTime::now());
        match packets.read(TURN, |packet| log.take(packet, now, time)) {
            Ok(read) => counters.lost(read.lost),
            // Nothing that it says comes from this moment; the next may be another.
            Err(_) => {
                counters.lost(1);
                std::thread::sleep(TURN);
            }
        }
        // A full disk is counted as lines left out, and may be mended.
        let _ = log.turn(Instant::now(), SystemTime::now());
    }
}
