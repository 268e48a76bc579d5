//! Handles that stand for nothing, and places that are none: an error, and nothing else.

#![cfg(windows)]
#![allow(unsafe_code, clippy::print_stdout, reason = "functions of a DLL; what is left out is said")]

mod emulated;

use emulated::{emulated, function, open_handles, pod};
use margay_hcn::{ErrorCode, Version};
use std::ffi::c_void;
use std::ptr::{null, null_mut, without_provenance};
use windows_sys::core::{GUID, HRESULT, PCWSTR, PWSTR};

type Open = unsafe extern "system" fn(*const GUID, *mut *mut c_void, *mut PWSTR) -> HRESULT;
type Query = unsafe extern "system" fn(*const c_void, PCWSTR, *mut PWSTR, *mut PWSTR) -> HRESULT;
type Close = unsafe extern "system" fn(*const c_void) -> HRESULT;

const INVALID_HANDLE: ErrorCode = ErrorCode(0x8007_0006);

#[test]
fn what_is_no_handle_is_refused() {
    let Some(emulated) = emulated(Version::new(15, 4)) else { return };
    let (_, pod) = pod(&emulated.emulator);
    let id = GUID::from_u128(pod.0);
    // SAFETY: these are the documented signatures.
    let (open, query, close, close_network, unregister): (Open, Query, Close, Close, Close) = unsafe {
        (
            function(c"HcnOpenEndpoint"),
            function(c"HcnQueryEndpointProperties"),
            function(c"HcnCloseEndpoint"),
            function(c"HcnCloseNetwork"),
            function(c"HcnUnregisterServiceCallback"),
        )
    };
    let mut handle = null_mut();
    // SAFETY: in all calls, GUIDs live through them, and every place is one or null, which is allowed; handles are numbers to this DLL.
    let results = unsafe {
        [
            (open(&raw const id, null_mut(), null_mut()), ErrorCode::INVALID_PARAMETER),
            (open(null(), &raw mut handle, null_mut()), ErrorCode::INVALID_PARAMETER),
            (open(&raw const id, &raw mut handle, null_mut()), ErrorCode(0)),
            (query(handle, null(), null_mut(), null_mut()), ErrorCode(0)),
            (close_network(handle), INVALID_HANDLE),
            (unregister(handle), INVALID_HANDLE),
            (close(handle), ErrorCode(0)),
            (close(handle), INVALID_HANDLE),
            (query(handle, null(), null_mut(), null_mut()), INVALID_HANDLE),
            (close(null()), INVALID_HANDLE),
            (close(without_provenance(usize::MAX)), INVALID_HANDLE),
        ]
    };
    for (number, (result, expected)) in results.into_iter().enumerate() {
        assert_eq!(ErrorCode(result as u32), expected, "call {number}");
    }
    assert_eq!(open_handles(), 0);
    drop((emulated.dll, emulated.server));
}
