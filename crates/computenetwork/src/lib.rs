//! `computenetwork.dll` and `vmcompute.dll` of the emulator, for tests under Wine. **Never shipped**: on a Windows node these two are Microsoft's.
//!
//! ```text
//! margay.exe ─ margay_hcn::Dll ─► computenetwork.dll, vmcompute.dll ─ TCP, loopback ─► margay_vfp::process ─► Emulator
//!              (what is tested)    (this crate, by either name)                         (HNS, which outlives its callers)
//! ```
//!
//! One library is both: `HNSCall` of V1, and every `Hcn…` of V2 about networks, endpoints, namespaces, load balancers and SDN routes, with their
//! documented signatures \[MS\]. It translates and decides nothing: what a call answers is the emulator's business, but for this:
//!
//! - The emulator is at the address in the environment variable `MARGAY_VFP`, such as `127.0.0.1:4711`. Where there is no such variable, or nobody listens
//!   there, calls fail as they do while the service HNS does not run: `0x800706ba`, without an error record.
//! - A handle is a number that is looked up; one that is closed, or of another kind, is `0x80070006`. `MargayHandles` tells how many are open,
//!   so that a test can hold that its caller leaves none behind.
//! - Texts go out in memory of the COM allocator, for the caller to free. An error record comes with a failure alone \[SRC\].
//! - A panic is `0x80004005`: nothing unwinds into a caller.
//!
//! It is built for Windows by `cargo xtask windows`, which puts it into the system folder of its Wine prefix. For any other system the crate is empty.
//! It must never know what the documents say.

#![cfg_attr(
    windows,
    allow(unsafe_code, non_snake_case, reason = "exports of a DLL, by their names; each block says why it is sound")
)]

#[cfg(windows)]
mod handle;
#[cfg(windows)]
mod hns;
#[cfg(windows)]
mod text;
#[cfg(windows)]
pub mod v1;
#[cfg(windows)]
pub mod v2;

#[cfg(windows)]
pub use handle::MargayHandles;
