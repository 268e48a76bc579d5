//! Texts of callers: UTF-16, ended by zero.

use margay_hcn::document::MAX_DOCUMENT;
use margay_hcn::{ErrorCode, Failure};
use windows_sys::Win32::System::Com::CoTaskMemAlloc;
use windows_sys::core::{PCWSTR, PWSTR};

/// Reads what a caller gives; null is empty.
///
/// # Safety
/// Null, or the address of a text that ends in zero and stays as it is during the call.
pub(crate) unsafe fn read(text: PCWSTR) -> Result<String, Failure> {
    if text.is_null() {
        return Ok(String::new());
    }
    // SAFETY: no unit before the one that is read was the end, so that it is still of the text.
    let is_end = |at: &usize| unsafe { text.add(*at).read() } == 0;
    let length = (0..=MAX_DOCUMENT).find(is_end).ok_or_else(|| Failure::new(ErrorCode::INVALID_PARAMETER))?;
    // SAFETY: so many units were just read, and the text stays as it is.
    let units = unsafe { std::slice::from_raw_parts(text, length) };
    String::from_utf16(units).map_err(|_| Failure::new(ErrorCode::INVALID_PARAMETER))
}

/// Where a caller wants a text.
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut PWSTR);

impl Place {
    /// A place in which there is null until a text is put there. Null is no place: what is put there is lost.
    ///
    /// # Safety
    /// Null, or a place for a text that stays one for as long as this is used.
    pub(crate) unsafe fn new(place: *mut PWSTR) -> Self {
        if !place.is_null() {
            // SAFETY: it is a place for a text.
            unsafe { place.write(std::ptr::null_mut()) };
        }
        Self(place)
    }

    /// Puts a text there, for the caller to free by `CoTaskMemFree`; an empty one is null. Where there is no memory it stays null.
    pub(crate) fn put(self, text: &str) {
        if self.0.is_null() || text.is_empty() {
            return;
        }
        let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
        // SAFETY: any length may be asked for.
        let memory: *mut u16 = unsafe { CoTaskMemAlloc(units.len() * size_of::<u16>()) }.cast();
        if !memory.is_null() {
            // SAFETY: the memory has room for all units, is aligned for anything and nobody else's; the place is one for a text, as `new` was promised.
            unsafe {
                memory.copy_from_nonoverlapping(units.as_ptr(), units.len());
                self.0.write(memory);
            }
        }
    }
}
