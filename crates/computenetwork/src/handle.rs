//! Handles: numbers by which callers know what they opened.

use margay_hcn::{ErrorCode, Failure, Guid, Kind, Subscription};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `ERROR_INVALID_HANDLE`.
const INVALID: ErrorCode = ErrorCode(0x8007_0006);

/// What a handle stands for.
pub(crate) enum Open {
    /// An object.
    Object(Kind, Guid),
    /// Somebody who is told of what happens.
    Subscription(#[expect(dead_code, reason = "held to be dropped")] Subscription),
}

#[derive(Default)]
struct Table {
    last: usize,
    open: BTreeMap<usize, Open>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { last: 0, open: BTreeMap::new() });

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new handle; none is given twice.
pub(crate) fn open(what: Open) -> *mut c_void {
    let mut table = table();
    // Handles of Windows are multiples of four, and not null.
    table.last += 4;
    let number = table.last;
    table.open.insert(number, what);
    std::ptr::without_provenance_mut(number)
}

/// The object of this kind that a handle stands for.
pub(crate) fn object(handle: *const c_void, kind: Kind) -> Result<Guid, Failure> {
    match table().open.get(&handle.addr()) {
        Some(Open::Object(of, id)) if *of == kind => Ok(*id),
        _ => Err(Failure::new(INVALID)),
    }
}

/// Closes a handle of an object of this kind, or with `None` that of a subscription.
pub(crate) fn close(handle: *const c_void, kind: Option<Kind>) -> Result<(), Failure> {
    let mut table = table();
    let is = match table.open.get(&handle.addr()) {
        Some(Open::Object(of, _)) => kind == Some(*of),
        Some(Open::Subscription(_)) => kind.is_none(),
        None => false,
    };
    let closed = if is { table.open.remove(&handle.addr()) } else { None };
    // The end of a subscription waits for nobody, and yet it is none of the table's business.
    drop(table);
    closed.map(drop).ok_or_else(|| Failure::new(INVALID))
}

/// How many handles are open, those of subscriptions included. Microsoft's DLLs have no such function: by it a test knows this one.
#[unsafe(no_mangle)]
pub extern "system" fn MargayHandles() -> usize {
    table().open.len()
}
