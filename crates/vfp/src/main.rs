//! `margay-vfp`: HNS and VFP as a process of its own.

use clap::Parser;
use margay_hcn::Version;
use margay_vfp::process::serve;
use margay_vfp::{Clock, Config, Emulator, Knobs};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An emulator of the Host Networking Service and the Virtual Filtering Platform of Windows, for tests.
///
/// It listens on loopback for clients of margay-vfp's own protocol, and goes on until it is ended.
#[derive(Parser, Debug)]
#[command(name = "margay-vfp", version, after_help = format!("Knobs, the default first:\n{}", Knobs::help()))]
struct Arguments {
    /// Where to listen; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Which HNS to be: 7.0, 7.2, 9.2, 9.5, 13.3, 15.4, 16.0, or another.
    #[arg(long, value_name = "VERSION", default_value = "9.5")]
    hns_version: Version,
    /// A file to write the port into, once it listens.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// How to read what is not established, as NAME=VALUE; as often as needed.
    #[arg(long = "knob", value_name = "NAME=VALUE")]
    knobs: Vec<String>,
    /// The host's address.
    #[arg(long, value_name = "ADDRESS")]
    management_ip: Option<IpAddr>,
    /// Let the clock stand but for what clients move it, and latency take no time.
    #[arg(long)]
    manual_clock: bool,
    /// End when standard input does, as when whoever started it is gone.
    #[arg(long)]
    until_input_ends: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "margay-vfp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let mut config = Config::new(arguments.hns_version);
    for knob in &arguments.knobs {
        config.knobs.set(knob).map_err(|error| error.to_string())?;
    }
    config.management = arguments.management_ip;
    config.clock = if arguments.manual_clock { Clock::manual() } else { Clock::real() };
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let server = serve(listener, Emulator::new(config)).map_err(|error| format!("cannot serve: {error}"))?;
    let address = server.address();
    if let Some(file) = &arguments.port_file {
        write_port(file, address.port()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    // Whoever reads it may be gone.
    let _ = writeln!(io::stdout(), "HNS {} listens on {address}", arguments.hns_version);
    if arguments.until_input_ends {
        // That it can't be read is its end too.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        return Ok(());
    }
    server.wait();
    Err("the listener failed".into())
}

/// Writes the port whole or not at all: a reader never sees half of it.
fn write_port(file: &Path, port: u16) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, format!("{port}\n"))?;
    std::fs::rename(&name, file)
}
