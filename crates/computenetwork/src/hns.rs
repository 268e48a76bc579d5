//! The emulator's process.

use margay_hcn::{ErrorCode, Failure};
use margay_vfp::process::Remote;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use windows_sys::core::HRESULT;

/// The environment variable with the emulator's address.
const ADDRESS: &str = "MARGAY_VFP";

static REMOTE: OnceLock<Remote> = OnceLock::new();

/// The emulator, once it was reached; where it goes away later its own calls say so.
pub(crate) fn remote() -> Result<&'static Remote, Failure> {
    if let Some(remote) = REMOTE.get() {
        return Ok(remote);
    }
    let address = std::env::var(ADDRESS).ok().and_then(|address| address.parse().ok());
    let reached = address.and_then(|address| Remote::connect(address).ok());
    let reached = reached.ok_or_else(|| Failure::new(ErrorCode::RPC_SERVER_UNAVAILABLE))?;
    Ok(REMOTE.get_or_init(|| reached))
}

/// Does what a function is asked for, and gives its result: a failure's record goes to `tell`. Nothing unwinds out of it.
pub(crate) fn answer(tell: impl FnOnce(&str), act: impl FnOnce() -> Result<(), Failure>) -> HRESULT {
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let Err(failure) = act() else { return ErrorCode(0) };
        tell(&failure.record);
        failure.code.canonical()
    }));
    answered.unwrap_or(ErrorCode::UNSPECIFIED).0 as HRESULT
}
