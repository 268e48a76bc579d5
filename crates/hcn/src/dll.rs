//! HNS through its DLLs, and the system's routes through theirs, on Windows.
//!
//! The only `unsafe` code of this crate. Everything that is asked of the DLLs is of their documented surface \[MS, SRC\]: functions that take and give UTF-16
//! texts, GUIDs and handles.
#![allow(unsafe_code, reason = "functions of DLLs; each block says why it is sound")]

use crate::{ErrorCode, Failure, Guid, Kind, Notification, Service, Subscription};
use abi::{Create, CreateEndpoint, Delete, Enumerate, HnsCall, Modify};
use handle::Handle;
use library::Library;
use text::{Out, Wide};
use windows_sys::core::GUID;

mod abi;
mod handle;
mod library;
mod notify;
mod routes;
mod text;

pub use routes::SystemRoutes;

/// HNS through `vmcompute.dll` (V1) and `computenetwork.dll` (V2).
///
/// The DLLs are loaded when this is made, from the system's folder alone, and stay loaded until the process ends: a call that never came back may still be
/// in them. They are never linked to: a program that is must have them to start at all.
pub struct Dll {
    v1: Result<Library, Failure>,
    v2: Result<Library, Failure>,
}

impl Dll {
    /// Loads the DLLs. Without `computenetwork.dll`, as before Windows 1809, only V1 can be asked.
    ///
    /// # Errors
    /// Where neither can be loaded.
    pub fn load() -> Result<Self, Failure> {
        let (v1, v2) = (Library::load("vmcompute.dll"), Library::load("computenetwork.dll"));
        match (v1, v2) {
            (Err(failure), Err(_)) => Err(failure),
            (v1, v2) => Ok(Self { v1, v2 }),
        }
    }

    fn v1(&self) -> Result<&Library, Failure> {
        self.v1.as_ref().map_err(Failure::clone)
    }

    fn v2(&self) -> Result<&Library, Failure> {
        self.v2.as_ref().map_err(Failure::clone)
    }

    fn open(&self, kind: Kind, id: Guid) -> Result<Handle, Failure> {
        Handle::open(self.v2()?, kind, id)
    }
}

impl Service for Dll {
    fn call(&self, method: &str, path: &str, body: &str) -> Result<String, Failure> {
        let (method, path, body) = (Wide::new(method)?, Wide::new(path)?, Wide::new(body)?);
        // SAFETY: `HNSCall` has this signature.
        let call: HnsCall = unsafe { self.v1()?.function("HNSCall") }?;
        let mut response = Out::new();
        // SAFETY: the texts end in zero and live through the call, and `response` is a place for a text.
        let result = unsafe { call(method.as_ptr(), path.as_ptr(), body.as_ptr(), response.place()) };
        if result < 0 {
            return Err(text::failure(result, response));
        }
        response.read()
    }

    fn enumerate(&self, kind: Kind, query: &str) -> Result<String, Failure> {
        let query = Wide::new(query)?;
        // SAFETY: every `HcnEnumerate…s` has this signature.
        let enumerate: Enumerate = unsafe { self.v2()?.function(&format!("HcnEnumerate{}s", abi::name(kind))) }?;
        let (mut ids, mut record) = (Out::new(), Out::new());
        // SAFETY: the text ends in zero and lives through the call; `ids` and `record` are places for texts.
        let result = unsafe { enumerate(query.as_ptr(), ids.place(), record.place()) };
        text::check(result, record)?;
        ids.read()
    }

    fn query(&self, kind: Kind, id: Guid, query: &str) -> Result<String, Failure> {
        self.open(kind, id)?.query(self.v2()?, query)
    }

    fn create(&self, kind: Kind, network: Option<Guid>, id: Guid, settings: &str) -> Result<Guid, Failure> {
        let (library, settings, guid) = (self.v2()?, Wide::new(settings)?, GUID::from_u128(id.0));
        let name = format!("HcnCreate{}", abi::name(kind));
        let close = Handle::closing(library, kind)?;
        let (mut raw, mut record) = (std::ptr::null_mut(), Out::new());
        let result = match (kind, network) {
            (Kind::Endpoint, Some(network)) => {
                let network = self.open(Kind::Network, network)?;
                // SAFETY: `HcnCreateEndpoint`, the only one of a network, has this signature.
                let create: CreateEndpoint = unsafe { library.function(&name) }?;
                // SAFETY: the network is open; GUID and text live through the call; `raw` and `record` are places for a handle and a text.
                unsafe { create(network.raw(), &raw const guid, settings.as_ptr(), &raw mut raw, record.place()) }
            }
            (Kind::Network | Kind::Namespace | Kind::LoadBalancer | Kind::SdnRoute, None) => {
                // SAFETY: every other `HcnCreate…` has this signature.
                let create: Create = unsafe { library.function(&name) }?;
                // SAFETY: GUID and text live through the call; `raw` and `record` are places for a handle and a text.
                unsafe { create(&raw const guid, settings.as_ptr(), &raw mut raw, record.place()) }
            }
            _ => {
                let words = "an endpoint is made in a network, and nothing else is";
                return Err(text::said(ErrorCode::INVALID_PARAMETER, words.into()));
            }
        };
        let made = Handle::made(raw, kind, close);
        text::check(result, record)?;
        if id == Guid::ZERO { made?.id(library) } else { Ok(id) }
    }

    fn modify(&self, kind: Kind, id: Guid, settings: &str) -> Result<(), Failure> {
        let settings = Wide::new(settings)?;
        let object = self.open(kind, id)?;
        // SAFETY: every `HcnModify…` has this signature.
        let modify: Modify = unsafe { self.v2()?.function(&format!("HcnModify{}", abi::name(kind))) }?;
        let mut record = Out::new();
        // SAFETY: the object is open; the text ends in zero and lives through the call; `record` is a place for a text.
        let result = unsafe { modify(object.raw(), settings.as_ptr(), record.place()) };
        text::check(result, record)
    }

    fn delete(&self, kind: Kind, id: Guid) -> Result<(), Failure> {
        let guid = GUID::from_u128(id.0);
        // SAFETY: every `HcnDelete…` has this signature.
        let delete: Delete = unsafe { self.v2()?.function(&format!("HcnDelete{}", abi::name(kind))) }?;
        let mut record = Out::new();
        // SAFETY: the GUID lives through the call; `record` is a place for a text.
        let result = unsafe { delete(&raw const guid, record.place()) };
        text::check(result, record)
    }

    fn subscribe(&self, tell: Box<dyn Fn(Notification) + Send + Sync>) -> Result<Subscription, Failure> {
        notify::subscribe(self.v2()?, tell)
    }
}
