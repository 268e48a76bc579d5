//! `vfpctrl`, as on Windows, of the emulator whose address is in `MARGAY_VFP`: for tests, and for whoever looks at one that runs.

use margay_vfp::process::Remote;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = ask(&arguments).unwrap_or_else(|error| format!("ERROR: {error}\n"));
    // Failures are told by the text, not by the exit code [FIELD].
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn ask(arguments: &[&str]) -> Result<String, String> {
    let address = std::env::var("MARGAY_VFP").map_err(|_| "MARGAY_VFP has no address, such as 127.0.0.1:4711")?;
    let address = address.parse().map_err(|error| format!("MARGAY_VFP={address}: {error}"))?;
    let remote = Remote::connect(address).map_err(|error| error.to_string())?;
    remote.vfpctrl(arguments).map_err(|error| error.to_string())
}
