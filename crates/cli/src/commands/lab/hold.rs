//! The process that holds a lab: how a command starts it, and what it does.

use super::standing::options;
use super::{Wiring, privilege};
use crate::commands::render::version;
use crate::input::Files;
use crate::streams::{Exit, Failure, Streams, Terminal};
use margay_api::Update;
use margay_hcn::Version;
use margay_lab::cluster::Options;
use margay_lab::fabric::Privilege;
use margay_lab::standing::{Error, Host, Lab, Request, Resources, Response, detach, read, write};
use std::io::{self, BufReader};
use std::process::{Command, Stdio};

/// Hold a lab: what `margay lab up` starts
///
/// On standard input it is told of what resources to make the lab, and on standard output it says that the lab stands, or why not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name of the lab
    #[arg(long)]
    name: String,
    /// How pods are joined to their nodes
    #[arg(long, value_enum)]
    wiring: Wiring,
    /// The HNS of Windows nodes
    #[arg(long, value_parser = version)]
    hns_version: Version,
}

/// Starts the process and waits until the lab stands. Where it fails, nothing is left.
pub(super) fn start(lab: &Lab, wiring: Wiring, hns: Version, resources: Resources) -> Result<(), Failure> {
    let failed = |error: Error| Failure::usage(error.to_string());
    if lab.is_standing().map_err(failed)? {
        return Err(failed(Error::Standing(lab.name().into())));
    }
    let asked = || {
        let wiring =
            clap::ValueEnum::to_possible_value(&wiring).map_or_else(String::new, |value| value.get_name().into());
        let mut process = Command::new(std::env::current_exe()?)
            .args(["lab", "hold", "--name", lab.name(), "--wiring", &wiring, "--hns-version", &hns.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let told = match (process.stdin.take(), process.stdout.take()) {
            (Some(mut to), Some(from)) => {
                write(&mut to, &Request::Apply(resources)).and_then(|()| read(&mut BufReader::new(from)))
            }
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        };
        if !matches!(told, Ok(Response::Done)) {
            // Gone already, or to go: it is waited for, so that what it had is free.
            let _ = process.kill();
            process.wait()?;
        }
        told
    };
    match asked() {
        Ok(Response::Refused(why)) => Err(Failure::usage(why)),
        Ok(_) => Ok(()),
        Err(error) => {
            let left = lab.remove().err().map_or_else(String::new, |error| format!("; {error}"));
            Err(Failure::usage(format!("the process that holds a lab ended before the lab stood: {error}{left}")))
        }
    }
}

/// Makes the lab, and stays.
pub(super) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    detach()?;
    let request = read(&mut BufReader::new(&mut *streams.stdin))?;
    let host = match up(args, request) {
        Ok(host) => host,
        Err(why) => {
            write(&mut streams.stdout, &Response::Refused(why))?;
            return Ok(Exit::BadInput);
        }
    };
    if let Err(error) = write(&mut streams.stdout, &Response::Done) {
        // Whoever wanted the lab has gone.
        host.abandon().map_err(|left| Failure::usage(left.to_string()))?;
        return Err(error.into());
    }
    Err(Failure::usage(format!("the lab can't be held any longer: {}", host.serve(load))))
}

fn up(args: &Args, request: Request) -> Result<Host, String> {
    let Request::Apply(resources) = request else { return Err("a lab is made of resources".into()) };
    let privilege = privilege().map_err(|failure| failure.to_string())?;
    if privilege != Privilege::Root {
        return Err("a lab that stays needs root".into());
    }
    let held = Lab::named(&args.name).and_then(|lab| lab.take()).map_err(|error| error.to_string())?;
    let updates = load(&resources)?;
    let options = Options { hns_version: Some(args.hns_version), ..options(args.wiring, &args.name) };
    Host::up(held, &updates, options).map_err(|error| error.to_string())
}

/// Reads resources. Whoever sent them has read them too, and told what is wrong with them.
fn load(resources: &Resources) -> Result<Vec<Update>, String> {
    let (mut stdin, mut stdout, mut stderr) = (resources.text.as_bytes(), io::sink(), io::sink());
    let mut streams =
        Streams { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr, terminal: Terminal::default() };
    let world = Files::of(resources.files.clone()).world(&mut streams).map_err(|failure| failure.to_string())?;
    Ok(world.updates())
}
