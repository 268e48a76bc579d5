//! HNS for a test's process: an emulator on a socket of its own, and margay's door to the DLLs.

use margay_hcn::{Dll, Guid, Version};
use margay_vfp::process::{Server, serve};
use margay_vfp::{Config, Emulator, NetworkKind};
use std::ffi::CStr;
use std::net::TcpListener;
use std::sync::Arc;
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};

/// The process's one HNS. The DLLs find it by a variable of the environment, so a process has one test.
pub(crate) struct Emulated {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) dll: Dll,
    pub(crate) server: Server,
}

/// HNS of a version; `None` where the DLLs are not there by which it is reached. On a Windows with an HNS of its own they are Microsoft's.
pub(crate) fn emulated(version: Version) -> Option<Emulated> {
    if std::env::var_os("MARGAY_WINE").is_none() {
        println!("left out: the DLLs that this needs are put in place by `cargo xtask windows`");
        return None;
    }
    let emulator = Emulator::new(Config::new(version));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let server = serve(listener, Arc::clone(&emulator)).expect("it serves on loopback");
    // SAFETY: on Windows the system itself keeps threads from each other there.
    unsafe { std::env::set_var("MARGAY_VFP", server.address().to_string()) };
    Some(Emulated { emulator, dll: Dll::load().expect("the DLLs are in place"), server })
}

/// A network with a pod: the same ids on every emulator.
pub(crate) fn pod(emulator: &Emulator) -> (Guid, Guid) {
    let subnet = "10.0.0.0/24".parse().expect("a prefix");
    let network = emulator.add_network(NetworkKind::L2Bridge, "bridge", &[subnet]).expect("a network");
    let pod = emulator.add_endpoint(network, "pod", &["10.0.0.10".parse().expect("an address")]);
    (network, pod.expect("an endpoint"))
}

/// How many handles of computenetwork.dll are open.
pub(crate) fn open_handles() -> usize {
    // SAFETY: so the function is declared.
    let handles: extern "system" fn() -> usize = unsafe { function(c"MargayHandles") };
    handles()
}

/// A function of computenetwork.dll.
///
/// # Safety
/// `F` must be a pointer to a function of exactly the signature that the function has.
pub(crate) unsafe fn function<F: Copy>(name: &CStr) -> F {
    const { assert!(size_of::<F>() == size_of::<usize>(), "a pointer to a function") };
    let dll: Vec<u16> = "computenetwork.dll\0".encode_utf16().collect();
    // SAFETY: the text ends in zero and lives through the call; the second parameter must be null.
    let module = unsafe { LoadLibraryExW(dll.as_ptr(), std::ptr::null_mut(), LOAD_LIBRARY_SEARCH_SYSTEM32) };
    // SAFETY: the text ends in zero; a module that is not there has no functions.
    let address = unsafe { GetProcAddress(module, name.as_ptr().cast()) };
    let address = address.unwrap_or_else(|| panic!("computenetwork.dll is margay's and has {name:?}"));
    // SAFETY: both are pointers to functions, of the same size; that the signature is right is the caller's promise.
    unsafe { std::mem::transmute_copy(&address) }
}
