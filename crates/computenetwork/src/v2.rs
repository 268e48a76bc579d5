//! The functions of V2 \[MS\]: those of each kind of object, and notifications.

use crate::handle::{self, Open};
use crate::hns::{answer, remote};
use crate::text::{self, Place};
use margay_hcn::{ErrorCode, Failure, Guid, Kind, Notification, Service};
use std::ffi::c_void;
use windows_sys::Win32::System::HostComputeNetwork::HCN_NOTIFICATION_CALLBACK;
use windows_sys::core::{GUID, HRESULT, PCWSTR, PWSTR};

/// The functions that every kind of object has, by their names.
macro_rules! exports {
    ($($kind:ident: $enumerate:ident $open:ident $query:ident $modify:ident $delete:ident $close:ident;)*) => {$(
        /// Ids of objects.
        ///
        /// # Safety
        /// A text that ends in zero, or null; places for texts, or null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $enumerate(query: PCWSTR, ids: *mut PWSTR, record: *mut PWSTR) -> HRESULT {
            // SAFETY: both are places for texts, or null.
            let (ids, record) = unsafe { (Place::new(ids), Place::new(record)) };
            answer(
                |failed| record.put(failed),
                || {
                    // SAFETY: the text ends in zero and stays during this call, or is null.
                    let query = unsafe { text::read(query) }?;
                    ids.put(&remote()?.enumerate(Kind::$kind, &query)?);
                    Ok(())
                },
            )
        }

        /// An object's handle.
        ///
        /// # Safety
        /// A GUID; places for a handle and a text. Any may be null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $open(id: *const GUID, handle: *mut *mut c_void, record: *mut PWSTR) -> HRESULT {
            // SAFETY: the promises are the same.
            unsafe { open(Kind::$kind, id, handle, record) }
        }

        /// An object's document.
        ///
        /// # Safety
        /// A text that ends in zero, or null; places for texts, or null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $query(
            handle: *const c_void,
            query: PCWSTR,
            document: *mut PWSTR,
            record: *mut PWSTR,
        ) -> HRESULT {
            // SAFETY: both are places for texts, or null.
            let (document, record) = unsafe { (Place::new(document), Place::new(record)) };
            answer(
                |failed| record.put(failed),
                || {
                    // SAFETY: the text ends in zero and stays during this call, or is null.
                    let query = unsafe { text::read(query) }?;
                    let id = handle::object(handle, Kind::$kind)?;
                    document.put(&remote()?.query(Kind::$kind, id, &query)?);
                    Ok(())
                },
            )
        }

        /// A change of an object.
        ///
        /// # Safety
        /// A text that ends in zero, or null; a place for a text, or null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $modify(handle: *const c_void, settings: PCWSTR, record: *mut PWSTR) -> HRESULT {
            // SAFETY: it is a place for a text, or null.
            let record = unsafe { Place::new(record) };
            answer(
                |failed| record.put(failed),
                || {
                    // SAFETY: the text ends in zero and stays during this call, or is null.
                    let settings = unsafe { text::read(settings) }?;
                    remote()?.modify(Kind::$kind, handle::object(handle, Kind::$kind)?, &settings)
                },
            )
        }

        /// An object less.
        ///
        /// # Safety
        /// A GUID, or null; a place for a text, or null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $delete(id: *const GUID, record: *mut PWSTR) -> HRESULT {
            // SAFETY: it is a place for a text, or null.
            let record = unsafe { Place::new(record) };
            answer(
                |failed| record.put(failed),
                || {
                    // SAFETY: it is a GUID, or null.
                    let id = unsafe { guid(id) }?;
                    remote()?.delete(Kind::$kind, id)
                },
            )
        }

        /// A handle less.
        #[unsafe(no_mangle)]
        pub extern "system" fn $close(handle: *const c_void) -> HRESULT {
            answer(|_| (), || handle::close(handle, Some(Kind::$kind)))
        }
    )*};
}

exports! {
    Network: HcnEnumerateNetworks HcnOpenNetwork HcnQueryNetworkProperties HcnModifyNetwork HcnDeleteNetwork HcnCloseNetwork;
    Endpoint: HcnEnumerateEndpoints HcnOpenEndpoint HcnQueryEndpointProperties HcnModifyEndpoint HcnDeleteEndpoint HcnCloseEndpoint;
    Namespace: HcnEnumerateNamespaces HcnOpenNamespace HcnQueryNamespaceProperties HcnModifyNamespace HcnDeleteNamespace HcnCloseNamespace;
    LoadBalancer: HcnEnumerateLoadBalancers HcnOpenLoadBalancer HcnQueryLoadBalancerProperties HcnModifyLoadBalancer HcnDeleteLoadBalancer
        HcnCloseLoadBalancer;
    SdnRoute: HcnEnumerateSdnRoutes HcnOpenSdnRoute HcnQuerySdnRouteProperties HcnModifySdnRoute HcnDeleteSdnRoute HcnCloseSdnRoute;
}

/// The functions that make an object of no other.
macro_rules! creates {
    ($($kind:ident: $create:ident;)*) => {$(
        /// A new object; the zero GUID lets HNS choose the id.
        ///
        /// # Safety
        /// A GUID; a text that ends in zero; places for a handle and a text. Any may be null.
        #[unsafe(no_mangle)]
        pub unsafe extern "system" fn $create(
            id: *const GUID,
            settings: PCWSTR,
            handle: *mut *mut c_void,
            record: *mut PWSTR,
        ) -> HRESULT {
            // SAFETY: the promises are the same.
            unsafe { create(Kind::$kind, None, id, settings, handle, record) }
        }
    )*};
}

creates! {
    Network: HcnCreateNetwork;
    Namespace: HcnCreateNamespace;
    LoadBalancer: HcnCreateLoadBalancer;
    SdnRoute: HcnCreateSdnRoute;
}

/// A new endpoint in an open network; the zero GUID lets HNS choose the id.
///
/// # Safety
/// A GUID; a text that ends in zero; places for a handle and a text. Any may be null.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HcnCreateEndpoint(
    network: *const c_void,
    id: *const GUID,
    settings: PCWSTR,
    handle: *mut *mut c_void,
    record: *mut PWSTR,
) -> HRESULT {
    // SAFETY: the promises are the same.
    unsafe { create(Kind::Endpoint, Some(network), id, settings, handle, record) }
}

/// From now on, somebody is told of what happens, on any thread.
///
/// # Safety
/// A function of this signature, or null; a place for a handle, or null.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn HcnRegisterServiceCallback(
    callback: HCN_NOTIFICATION_CALLBACK,
    context: *const c_void,
    handle: *mut *mut c_void,
) -> HRESULT {
    // Its address alone crosses threads; what it means is the caller's.
    let context = context.expose_provenance();
    answer(
        |_| (),
        || {
            // SAFETY: it is a place for a handle, or null.
            let place = unsafe { HandlePlace::new(handle) }?;
            let callback = callback.ok_or(Failure::new(ErrorCode::INVALID_PARAMETER))?;
            let tell = move |told: Notification| {
                let data: Vec<u16> = told.data.encode_utf16().chain([0]).collect();
                // SAFETY: the caller takes such calls from any thread until it ends the registration; the text ends in zero and stays during the call.
                unsafe {
                    callback(
                        told.kind.0,
                        std::ptr::with_exposed_provenance(context),
                        told.status as HRESULT,
                        data.as_ptr(),
                    );
                }
            };
            place.put(Open::Subscription(remote()?.subscribe(Box::new(tell))?));
            Ok(())
        },
    )
}

/// The end of that.
#[unsafe(no_mangle)]
pub extern "system" fn HcnUnregisterServiceCallback(handle: *const c_void) -> HRESULT {
    answer(|_| (), || handle::close(handle, None))
}

/// Where a caller wants a handle.
struct HandlePlace(*mut *mut c_void);

impl HandlePlace {
    /// A place in which there is null until a handle is put there.
    ///
    /// # Safety
    /// Null, which is refused, or a place for a handle that stays one for as long as this is used.
    unsafe fn new(place: *mut *mut c_void) -> Result<Self, Failure> {
        if place.is_null() {
            return Err(Failure::new(ErrorCode::INVALID_PARAMETER));
        }
        // SAFETY: it is a place for a handle.
        unsafe { place.write(std::ptr::null_mut()) };
        Ok(Self(place))
    }

    fn put(self, what: Open) {
        // SAFETY: it is a place for a handle, as `new` was promised.
        unsafe { self.0.write(handle::open(what)) };
    }
}

/// # Safety
/// A GUID, or null.
unsafe fn guid(id: *const GUID) -> Result<Guid, Failure> {
    if id.is_null() {
        return Err(Failure::new(ErrorCode::INVALID_PARAMETER));
    }
    // SAFETY: it is a GUID.
    let GUID { data1, data2, data3, data4 } = unsafe { id.read() };
    let first = u128::from(data1) << 96 | u128::from(data2) << 80 | u128::from(data3) << 64;
    Ok(Guid(first | u128::from(u64::from_be_bytes(data4))))
}

/// # Safety
/// A GUID; places for a handle and a text. Any may be null.
unsafe fn open(kind: Kind, id: *const GUID, handle: *mut *mut c_void, record: *mut PWSTR) -> HRESULT {
    // SAFETY: it is a place for a text, or null.
    let record = unsafe { Place::new(record) };
    answer(
        |failed| record.put(failed),
        || {
            // SAFETY: a place for a handle and a GUID, or null.
            let (place, id) = unsafe { (HandlePlace::new(handle)?, guid(id)?) };
            // One that is not there is not opened.
            remote()?.query(kind, id, "")?;
            place.put(Open::Object(kind, id));
            Ok(())
        },
    )
}

/// # Safety
/// A GUID; a text that ends in zero; places for a handle and a text. Any may be null.
unsafe fn create(
    kind: Kind,
    network: Option<*const c_void>,
    id: *const GUID,
    settings: PCWSTR,
    handle: *mut *mut c_void,
    record: *mut PWSTR,
) -> HRESULT {
    // SAFETY: it is a place for a text, or null.
    let record = unsafe { Place::new(record) };
    answer(
        |failed| record.put(failed),
        || {
            // SAFETY: a place for a handle, a GUID, and a text that ends in zero and stays during this call, or null.
            let (place, id, settings) = unsafe { (HandlePlace::new(handle)?, guid(id)?, text::read(settings)?) };
            let network = network.map(|network| handle::object(network, Kind::Network)).transpose()?;
            let made = remote()?.create(kind, network, id, &settings)?;
            place.put(Open::Object(kind, made));
            Ok(())
        },
    )
}

/// Held at compile time: in a list, both have one type.
#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::System::HostComputeNetwork as microsoft;

    macro_rules! same {
        ($($type:ty: $($name:ident)*;)*) => {$($(const _: [$type; 2] = [$name, microsoft::$name];)*)*};
    }

    same! {
        unsafe extern "system" fn(PCWSTR, *mut PWSTR, *mut PWSTR) -> HRESULT:
            HcnEnumerateNetworks HcnEnumerateEndpoints HcnEnumerateNamespaces HcnEnumerateLoadBalancers;
        unsafe extern "system" fn(*const GUID, *mut *mut c_void, *mut PWSTR) -> HRESULT:
            HcnOpenNetwork HcnOpenEndpoint HcnOpenNamespace HcnOpenLoadBalancer;
        unsafe extern "system" fn(*const GUID, PCWSTR, *mut *mut c_void, *mut PWSTR) -> HRESULT:
            HcnCreateNetwork HcnCreateNamespace HcnCreateLoadBalancer;
        unsafe extern "system" fn(*const c_void, *const GUID, PCWSTR, *mut *mut c_void, *mut PWSTR) -> HRESULT:
            HcnCreateEndpoint;
        unsafe extern "system" fn(*const c_void, PCWSTR, *mut PWSTR, *mut PWSTR) -> HRESULT:
            HcnQueryNetworkProperties HcnQueryEndpointProperties HcnQueryNamespaceProperties HcnQueryLoadBalancerProperties;
        unsafe extern "system" fn(*const c_void, PCWSTR, *mut PWSTR) -> HRESULT:
            HcnModifyNetwork HcnModifyEndpoint HcnModifyNamespace HcnModifyLoadBalancer;
        unsafe extern "system" fn(*const GUID, *mut PWSTR) -> HRESULT:
            HcnDeleteNetwork HcnDeleteEndpoint HcnDeleteNamespace HcnDeleteLoadBalancer;
        unsafe extern "system" fn(*const c_void) -> HRESULT:
            HcnCloseNetwork HcnCloseEndpoint HcnCloseNamespace HcnCloseLoadBalancer HcnUnregisterServiceCallback;
        unsafe extern "system" fn(HCN_NOTIFICATION_CALLBACK, *const c_void, *mut *mut c_void) -> HRESULT: HcnRegisterServiceCallback;
    }
}
