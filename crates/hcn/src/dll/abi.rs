//! Signatures of the functions of the DLLs. That of `HNSCall` is from hcsshim \[SRC\]; the others are Microsoft's \[MS\], to which tests hold them.

use crate::Kind;
use std::ffi::c_void;
use windows_sys::Win32::System::HostComputeNetwork::HCN_NOTIFICATION_CALLBACK;
use windows_sys::core::{GUID, HRESULT, PCWSTR, PWSTR};

pub(super) type HnsCall = unsafe extern "system" fn(PCWSTR, PCWSTR, PCWSTR, *mut PWSTR) -> HRESULT;
pub(super) type Enumerate = unsafe extern "system" fn(PCWSTR, *mut PWSTR, *mut PWSTR) -> HRESULT;
pub(super) type Open = unsafe extern "system" fn(*const GUID, *mut *mut c_void, *mut PWSTR) -> HRESULT;
pub(super) type Create = unsafe extern "system" fn(*const GUID, PCWSTR, *mut *mut c_void, *mut PWSTR) -> HRESULT;
pub(super) type CreateEndpoint =
    unsafe extern "system" fn(*const c_void, *const GUID, PCWSTR, *mut *mut c_void, *mut PWSTR) -> HRESULT;
pub(super) type Query = unsafe extern "system" fn(*const c_void, PCWSTR, *mut PWSTR, *mut PWSTR) -> HRESULT;
pub(super) type Modify = unsafe extern "system" fn(*const c_void, PCWSTR, *mut PWSTR) -> HRESULT;
pub(super) type Delete = unsafe extern "system" fn(*const GUID, *mut PWSTR) -> HRESULT;
pub(super) type Close = unsafe extern "system" fn(*const c_void) -> HRESULT;
pub(super) type Register =
    unsafe extern "system" fn(HCN_NOTIFICATION_CALLBACK, *const c_void, *mut *mut c_void) -> HRESULT;
pub(super) type Unregister = Close;

/// What functions call objects of a kind.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Network => "Network",
        Kind::Endpoint => "Endpoint",
        Kind::Namespace => "Namespace",
        Kind::LoadBalancer => "LoadBalancer",
        Kind::SdnRoute => "SdnRoute",
    }
}

/// Held at compile time, since to name these functions in a program is to link to them.
#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::System::HostComputeNetwork as hcn;

    const _: [Enumerate; 4] = [
        hcn::HcnEnumerateNetworks,
        hcn::HcnEnumerateEndpoints,
        hcn::HcnEnumerateNamespaces,
        hcn::HcnEnumerateLoadBalancers,
    ];
    const _: [Open; 4] = [hcn::HcnOpenNetwork, hcn::HcnOpenEndpoint, hcn::HcnOpenNamespace, hcn::HcnOpenLoadBalancer];
    const _: [Create; 3] = [hcn::HcnCreateNetwork, hcn::HcnCreateNamespace, hcn::HcnCreateLoadBalancer];
    const _: CreateEndpoint = hcn::HcnCreateEndpoint;
    const _: [Query; 4] = [
        hcn::HcnQueryNetworkProperties,
        hcn::HcnQueryEndpointProperties,
        hcn::HcnQueryNamespaceProperties,
        hcn::HcnQueryLoadBalancerProperties,
    ];
    const _: [Modify; 4] =
        [hcn::HcnModifyNetwork, hcn::HcnModifyEndpoint, hcn::HcnModifyNamespace, hcn::HcnModifyLoadBalancer];
    const _: [Delete; 4] =
        [hcn::HcnDeleteNetwork, hcn::HcnDeleteEndpoint, hcn::HcnDeleteNamespace, hcn::HcnDeleteLoadBalancer];
    const _: [Close; 4] =
        [hcn::HcnCloseNetwork, hcn::HcnCloseEndpoint, hcn::HcnCloseNamespace, hcn::HcnCloseLoadBalancer];
    const _: Register = hcn::HcnRegisterServiceCallback;
    const _: Unregister = hcn::HcnUnregisterServiceCallback;
}
