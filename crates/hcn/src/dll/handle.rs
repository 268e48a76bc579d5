//! Handles of open objects.

use super::abi::{self, Close, Open, Query};
use super::library::Library;
use super::text::{self, Out, Wide};
use crate::{ErrorCode, Failure, Guid, Kind, Members, document, v2};
use std::ffi::c_void;
use windows_sys::core::GUID;

/// An open object, closed when this is dropped.
pub(super) struct Handle {
    raw: *mut c_void,
    kind: Kind,
    close: Close,
}

impl Handle {
    pub(super) fn open(library: &Library, kind: Kind, id: Guid) -> Result<Self, Failure> {
        let close = Self::closing(library, kind)?;
        // SAFETY: every `HcnOpen…` has this signature.
        let open: Open = unsafe { library.function(&format!("HcnOpen{}", abi::name(kind))) }?;
        let guid = GUID::from_u128(id.0);
        let (mut raw, mut record) = (std::ptr::null_mut(), Out::new());
        // SAFETY: the GUID lives through the call; `raw` and `record` are places for a handle and a text.
        let result = unsafe { open(&raw const guid, &raw mut raw, record.place()) };
        let handle = Self::made(raw, kind, close);
        text::check(result, record)?;
        handle
    }

    /// What closes handles of a kind; asked for first, so that nothing is opened that can't be closed.
    pub(super) fn closing(library: &Library, kind: Kind) -> Result<Close, Failure> {
        // SAFETY: every `HcnClose…` has this signature.
        unsafe { library.function(&format!("HcnClose{}", abi::name(kind))) }
    }

    /// Takes what a call gave for a handle.
    pub(super) fn made(raw: *mut c_void, kind: Kind, close: Close) -> Result<Self, Failure> {
        if raw.is_null() {
            let said = format!("computenetwork.dll gave no handle of the {kind}");
            return Err(text::said(ErrorCode::UNSPECIFIED, said));
        }
        Ok(Self { raw, kind, close })
    }

    pub(super) fn raw(&self) -> *const c_void {
        self.raw
    }

    /// The document of the object.
    pub(super) fn query(&self, library: &Library, query: &str) -> Result<String, Failure> {
        let query = Wide::new(query)?;
        // SAFETY: every `HcnQuery…Properties` has this signature.
        let ask: Query = unsafe { library.function(&format!("HcnQuery{}Properties", abi::name(self.kind))) }?;
        let (mut document, mut record) = (Out::new(), Out::new());
        // SAFETY: the object is open; the text ends in zero and lives through the call; `document` and `record` are places for texts.
        let result = unsafe { ask(self.raw, query.as_ptr(), document.place(), record.place()) };
        text::check(result, record)?;
        document.read()
    }

    /// The id that HNS chose for the object.
    pub(super) fn id(&self, library: &Library) -> Result<Guid, Failure> {
        let document: Option<Members> = document::read(&self.query(library, &v2::query(None))?).ok();
        let id = document.as_ref().and_then(|document| document.get("ID")?.as_str()?.parse().ok());
        id.ok_or_else(|| text::said(ErrorCode::INVALID_DATA, format!("the {} was made, but tells no id", self.kind)))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from the DLL that `close` is of, for this kind of object, and is closed nowhere else. A failure changes nothing for us.
        unsafe { (self.close)(self.raw) };
    }
}
