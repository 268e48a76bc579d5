//! A network namespace for one test.

use margay_nftables::{Batch, Connection, Family, Table, TableId};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, sendto, socket};
use std::io::Write;
use std::os::fd::AsRawFd;

/// Runs a test in a new network namespace, on a thread of its own; the namespace goes with the thread.
pub(crate) fn with_namespace(test: impl FnOnce() + Send + 'static) {
    let outcome = std::thread::spawn(|| {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            // Past the capture of test output, so that it is seen.
            let _ = writeln!(std::io::stderr(), "skipped: no network namespace can be made here: {error}");
            return;
        }
        test();
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// The same, with a connection and an empty `inet` table.
pub(crate) fn with_table(test: impl FnOnce(&mut Connection, &TableId) + Send + 'static) {
    with_namespace(|| {
        let mut connection = Connection::open().unwrap();
        let table = TableId::new(Family::Inet, "t");
        commit(&mut connection, |batch| batch.add_table(&table, &Table::default()));
        test(&mut connection, &table);
    });
}

/// Commits what `fill` puts into a batch.
pub(crate) fn commit(connection: &mut Connection, fill: impl FnOnce(&mut Batch)) {
    try_commit(connection, fill).unwrap();
}

pub(crate) fn try_commit(connection: &mut Connection, fill: impl FnOnce(&mut Batch)) -> margay_nftables::Result<()> {
    let mut batch = Batch::new();
    fill(&mut batch);
    connection.commit(&mut batch).map(drop)
}

/// Sets the loopback interface up: `RTM_NEWLINK` for interface 1 with `IFF_UP`.
pub(crate) fn loopback_up() {
    let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute).unwrap();
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
    let mut message = Vec::new();
    message.extend_from_slice(&32u32.to_ne_bytes());
    message.extend_from_slice(&16u16.to_ne_bytes());
    message.extend_from_slice(&1u16.to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&[0; 4]);
    for word in [1u32, 1, 1] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    sendto(fd.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty()).unwrap();
}
