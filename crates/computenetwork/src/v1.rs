//! The one function of V1 \[SRC\].

use crate::hns::{answer, remote};
use crate::text::{self, Place};
use margay_hcn::Service;
use windows_sys::core::{HRESULT, PCWSTR, PWSTR};

/// `HNSCall`: a method, a path and a body; the response is an envelope that says what came of it.
///
/// # Safety
/// Texts that end in zero, or null; a place for a text, or null.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HNSCall(method: PCWSTR, path: PCWSTR, body: PCWSTR, response: *mut PWSTR) -> HRESULT {
    // SAFETY: it is a place for a text, or null.
    let response = unsafe { Place::new(response) };
    answer(
        |record| response.put(record),
        || {
            // SAFETY: the texts end in zero and stay during this call, or are null.
            let [method, path, body] = unsafe { [text::read(method), text::read(path), text::read(body)] };
            response.put(&remote()?.call(&method?, &path?, &body?)?);
            Ok(())
        },
    )
}
