//! The system calls of a netlink socket, each behind a safe function. The only `unsafe` code of this crate: neither the
//! standard library nor a light crate offers netlink addresses and options safely.
#![allow(unsafe_code, reason = "system calls; each block says why it is sound")]

use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Repeats a call that a signal interrupted before it did anything.
fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// Opens a netfilter socket in the network namespace of the calling thread, bound to a port of the kernel's choice.
pub(super) fn open() -> io::Result<(OwnedFd, u32)> {
    // SAFETY: `socket` takes no pointers.
    let fd = check(unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            libc::NETLINK_NETFILTER,
        )
    })?;
    // SAFETY: `fd` was just returned by `socket`, is open, and nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `sockaddr_nl` is plain integers, for which zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    let mut len = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: `address` lives through the call and `len` is its size.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) })?;
    // SAFETY: `address` and `len` live through the call; the kernel writes at most `len` bytes, the size of `address`.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut len) })?;
    Ok((fd, address.nl_pid))
}

/// Sets an integer option.
pub(super) fn set_option(fd: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is to `value`, which lives through the call, and `len` is its size.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const value).cast(), len) }).map(drop)
}

/// Reads an integer option.
pub(super) fn get_option(fd: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: both pointers are to locals that live through the call; the kernel writes at most `len` bytes, the size
    // of `value`.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut len) })?;
    Ok(value)
}

/// Sends one datagram made of `parts` to the kernel.
pub(super) fn send(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: `sockaddr_nl` and `msghdr` are plain data, for which zero is a value.
    let (mut address, mut message): (libc::sockaddr_nl, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    message.msg_name = (&raw mut address).cast();
    message.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // `IoSlice` has the layout of `iovec`; `sendmsg` only reads through it.
    message.msg_iov = parts.as_ptr().cast::<libc::iovec>().cast_mut();
    message.msg_iovlen = parts.len() as _;
    // SAFETY: all that `message` points to (address, slices, the bytes behind them) lives through the call and has the
    // lengths stated.
    retry(|| unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, 0) })
}

/// What one `recvmsg` gave.
pub(super) struct Received {
    /// Bytes in the buffer.
    pub(super) len: usize,
    /// Whether the datagram was longer than the buffer.
    pub(super) truncated: bool,
    /// The sender's port; zero is the kernel.
    pub(super) sender: u32,
}

/// Takes one datagram, without waiting.
pub(super) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    // SAFETY: `sockaddr_nl` and `msghdr` are plain data, for which zero is a value.
    let (mut address, mut message): (libc::sockaddr_nl, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    message.msg_name = (&raw mut address).cast();
    message.msg_namelen = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    // SAFETY: `message` points to locals and to `buffer`, which live through the call and have the lengths stated; the
    // kernel writes no further than these lengths.
    let len = retry(|| unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })?;
    Ok(Received {
        len: len.min(buffer.len()),
        truncated: message.msg_flags & libc::MSG_TRUNC != 0,
        sender: address.nl_pid,
    })
}

/// Waits until something can be received; `false` when `milliseconds` passed first (-1: no bound).
pub(super) fn wait(fd: BorrowedFd<'_>, milliseconds: i32) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `entry` is one `pollfd` that lives through the call.
    match check(unsafe { libc::poll(&raw mut entry, 1, milliseconds) }) {
        Ok(ready) => Ok(ready > 0),
        // The caller asks again with what is left of its bound.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}
