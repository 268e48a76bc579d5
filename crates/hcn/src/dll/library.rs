//! A loaded DLL.

use super::text::{self, Wide};
use crate::{ErrorCode, Failure};
use std::ffi::{CString, c_void};
use std::io;
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};

/// A DLL, loaded until the process ends.
pub(super) struct Library {
    name: &'static str,
    module: *mut c_void,
}

// SAFETY: a module's handle is an address that stays valid, since the module is never unloaded, and that any thread may use.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads a DLL from the system's folder and no other, so that none that lies beside the program is taken for it.
    pub(super) fn load(name: &'static str) -> Result<Self, Failure> {
        let wide = Wide::new(name)?;
        // SAFETY: the text ends in zero and lives through the call; the second parameter must be null.
        let module = unsafe { LoadLibraryExW(wide.as_ptr(), std::ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
        if module.is_null() {
            let error = io::Error::last_os_error();
            let code = error
                .raw_os_error()
                .and_then(|code| u32::try_from(code).ok())
                .map_or(ErrorCode::MODULE_NOT_FOUND, ErrorCode);
            let said = format!("{name} can't be loaded: {error}; is the Windows feature Containers enabled?");
            return Err(text::said(code.canonical(), said));
        }
        Ok(Self { name, module })
    }

    /// A function of the DLL.
    ///
    /// # Safety
    /// `F` must be a pointer to a function of exactly the signature that the function has.
    pub(super) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, Failure> {
        const { assert!(size_of::<F>() == size_of::<usize>(), "a pointer to a function") };
        let missing = || {
            let said = format!("{} has no function {name}: this Windows is too old, or too new", self.name);
            text::said(ErrorCode::PROCEDURE_NOT_FOUND, said)
        };
        let text = CString::new(name).map_err(|_| missing())?;
        // SAFETY: the module is loaded, and the text ends in zero and lives through the call.
        let address = unsafe { GetProcAddress(self.module, text.as_ptr().cast()) }.ok_or_else(missing)?;
        // SAFETY: both are pointers to functions, of the same size; that the signature is right is the caller's promise.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let failure = Library::load("margay-no-such.dll").err().unwrap();
        assert_eq!(failure.code, ErrorCode::MODULE_NOT_FOUND);
        assert!(failure.to_string().contains("margay-no-such.dll can't be loaded"), "{failure}");
        let library = Library::load("kernel32.dll").unwrap();
        // SAFETY: there is no such function, so that nothing is called.
        let failure = unsafe { library.function::<unsafe extern "system" fn()>("HcnNoSuch") }.err().unwrap();
        assert_eq!(failure.code, ErrorCode::PROCEDURE_NOT_FOUND);
        assert!(failure.to_string().contains("kernel32.dll has no function HcnNoSuch"), "{failure}");
    }
}
