//! Forgetting connections.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

use super::error::{Error, Result};
use super::namespace::{Namespace, on_own_thread};

/// `nlmsghdr` (length, type, flags, sequence, port) and `nfgenmsg` (family, version, resource) of `IPCTNL_MSG_CT_DELETE` (2)
/// of the connection tracking subsystem (1), for all families, without a tuple: which deletes every entry.
/// `NLM_F_REQUEST | NLM_F_ACK` is 5.
fn flush_request() -> [u8; 20] {
    let mut request = [0; 20];
    request[0..4].copy_from_slice(&20_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&(1_u16 << 8 | 2).to_ne_bytes());
    request[6..8].copy_from_slice(&5_u16.to_ne_bytes());
    request
}

/// Empties the connection tables of these namespaces, so that the next packet of any connection counts as its first.
///
/// # Errors
/// [`Error::Netlink`] where the kernel has no conntrack netlink or the process may not.
pub(crate) fn flush<'a>(namespaces: impl Iterator<Item = &'a Namespace> + Send) -> Result<()> {
    on_own_thread(|| {
        for namespace in namespaces {
            namespace.join()?;
            flush_here().map_err(|source| Error::Netlink {
                doing: "emptying the connection table".into(),
                namespace: namespace.label().into(),
                source,
            })?;
        }
        Ok(())
    })
}

fn flush_here() -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.send_to(&flush_request(), &SocketAddr::new(0, 0), 0)?;
    let (reply, _) = socket.recv_from_full()?;
    // An NLMSG_ERROR (2) whose code is 0 or a negative errno.
    let code = reply.get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match (reply.get(4..6), code) {
        (Some(kind), Some(0)) if kind == 2_u16.to_ne_bytes() => Ok(()),
        (_, Some(code)) if code < 0 => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::other("the kernel's answer is no acknowledgement")),
    }
}
