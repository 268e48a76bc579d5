//! Texts that go in and out of the DLLs: UTF-16, ended by zero.

use crate::document::{MAX_DOCUMENT, write};
use crate::{ErrorCode, ErrorRecord, Failure};
use windows_sys::Win32::System::Com::CoTaskMemFree;
use windows_sys::core::{HRESULT, PWSTR};

/// A text to pass in.
pub(super) struct Wide(Vec<u16>);

impl Wide {
    /// # Errors
    /// A text with a zero in it, which would end there.
    pub(super) fn new(text: &str) -> Result<Self, Failure> {
        if text.contains('\0') {
            return Err(said(ErrorCode::INVALID_PARAMETER, "a text for HNS has a zero in it".into()));
        }
        Ok(Self(text.encode_utf16().chain([0]).collect()))
    }

    pub(super) fn as_ptr(&self) -> *const u16 {
        self.0.as_ptr()
    }
}

/// A text that comes out, freed whatever happens. May be absent.
pub(super) struct Out(PWSTR);

impl Out {
    pub(super) fn new() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Where a function of HNS puts the text.
    pub(super) fn place(&mut self) -> *mut PWSTR {
        &raw mut self.0
    }

    /// # Errors
    /// A text that is too long, or no UTF-16.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let units = self.units().ok_or_else(|| Failure::new(ErrorCode::MORE_DATA))?;
        String::from_utf16(units).map_err(|_| Failure::new(ErrorCode::INVALID_DATA))
    }

    /// What can be read of it.
    fn lossy(&self) -> String {
        self.units().map(String::from_utf16_lossy).unwrap_or_default()
    }

    fn units(&self) -> Option<&[u16]> {
        // SAFETY: HNS gives null, or a text that ends in zero and stays until it is freed, which needs `self` to be dropped.
        unsafe { units(self.0) }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // SAFETY: HNS gives texts for its caller to free so; null is let through.
        unsafe { CoTaskMemFree(self.0.cast()) };
    }
}

/// The text at an address without its end; none at null. `None` where it is longer than any document that is read.
///
/// # Safety
/// Null, or the address of a text that ends in zero and stays unchanged for the lifetime.
pub(super) unsafe fn units<'a>(text: *const u16) -> Option<&'a [u16]> {
    if text.is_null() {
        return Some(&[]);
    }
    for length in 0..=MAX_DOCUMENT {
        // SAFETY: no unit before this one was the end, so that this one is still of the text.
        let unit = unsafe { text.add(length).read() };
        if unit == 0 {
            // SAFETY: so many units were just read, and the text stays as it is.
            return Some(unsafe { std::slice::from_raw_parts(text, length) });
        }
    }
    None
}

/// The result of a call that gives an error record: a record that is not empty is an error whatever the result says \[SRC\].
pub(super) fn check(result: HRESULT, record: Out) -> Result<(), Failure> {
    if result < 0 || record.units().is_none_or(|units| !units.is_empty()) {
        Err(failure(result, record))
    } else {
        Ok(())
    }
}

/// The failure that a result and the text beside it tell of.
pub(super) fn failure(result: HRESULT, record: Out) -> Failure {
    let record = record.lossy();
    let told = || ErrorRecord::read(&record).ok()?.code();
    let code = if result < 0 { ErrorCode(result as u32) } else { told().unwrap_or(ErrorCode::UNSPECIFIED) };
    Failure { code, record }
}

/// A failure in our own words.
pub(super) fn said(code: ErrorCode, words: String) -> Failure {
    let record =
        ErrorRecord { success: Some(false), error: Some(words), code: Some(code.0.into()), ..ErrorRecord::default() };
    Failure { code, record: write(&record) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_at_zero() {
        for text in ["", "web", "\u{e9}\u{1f600}"] {
            let wide = Wide::new(text).unwrap();
            // SAFETY: the text ends in zero and lives until the end of the block.
            let read = unsafe { units(wide.as_ptr()) }.unwrap();
            assert_eq!(String::from_utf16(read).unwrap(), text);
        }
        assert_eq!(Wide::new("a\0b").err().unwrap().code, ErrorCode::INVALID_PARAMETER);
        // SAFETY: null.
        assert_eq!(unsafe { units(std::ptr::null()) }, Some(&[][..]));
    }

    #[test]
    fn nothing_came_out() {
        assert_eq!(Out::new().read(), Ok(String::new()));
        assert_eq!(check(0, Out::new()), Ok(()));
        let failure = check(0x803b_0001_u32 as i32, Out::new()).unwrap_err();
        assert_eq!(failure, Failure::new(ErrorCode::NETWORK_NOT_FOUND));
    }
}
