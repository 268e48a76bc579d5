//! The lab for ordinary users: a user namespace in which the process has the capabilities it needs.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid};
use socket2::{Domain, Protocol, Socket, Type};

use super::error::{Error, Result};
use super::namespace::{Namespace, file_error};
use super::rtnetlink::{Request, Session};

const REMEDY: &str = "Run the lab as root, or let ordinary users have working user namespaces: \
     `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu 23.10 or later, \
     `sysctl -w kernel.unprivileged_userns_clone=1` on older Debian, `sysctl -w user.max_user_namespaces=15000` elsewhere";

/// With which rights the lab runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// As root of the machine: nothing had to be changed. Named labs are possible.
    Root,
    /// As root of a user namespace: named labs are not possible.
    UserNamespace,
}

/// Gets the process the rights that the lab needs. Root has them. An ordinary user's process is moved into a new user,
/// network and mount namespace, where it is root; call this first thing in `main`, for the kernel moves only a process
/// that has a single thread.
///
/// Some systems make the namespace but withhold its capabilities, so these are tried out, not believed.
///
/// # Errors
/// [`Error::Privilege`] with what is missing and how to get it.
pub fn enter_user_namespace() -> Result<Privilege> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        let privilege = if has_all_users()? { Privilege::Root } else { Privilege::UserNamespace };
        return check_capabilities().map(|()| privilege);
    }
    let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    unshare(flags).map_err(|errno| match errno {
        Errno::EINVAL => Error::Privilege {
            doing: "making a user namespace",
            errno,
            remedy: "The process has several threads already: call enter_user_namespace first thing in main",
        },
        _ => refused("making a user namespace")(errno),
    })?;
    map_to_root(user, group)?;
    check_capabilities().map(|()| Privilege::UserNamespace)
}

/// Whether the process is in the first user namespace, which alone knows all 2³² - 1 users by their own numbers.
fn has_all_users() -> Result<bool> {
    const MAP: &str = "/proc/self/uid_map";
    let map = fs::read_to_string(MAP).map_err(file_error("reading", Path::new(MAP)))?;
    Ok(map.split_whitespace().eq(["0", "0", "4294967295"]))
}

/// Makes the user the root of the new namespace. The order is the kernel's: an ordinary user may map a group only after
/// `setgroups` is denied (user_namespaces(7)).
fn map_to_root(user: Uid, group: Gid) -> Result<()> {
    let files = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {user} 1")),
        ("/proc/self/gid_map", format!("0 {group} 1")),
    ];
    for (path, content) in files {
        fs::write(path, content).map_err(|error| match error.raw_os_error() {
            Some(code) => refused("mapping the user into the user namespace")(Errno::from_raw(code)),
            None => file_error("writing", Path::new(path))(error),
        })?;
    }
    Ok(())
}

/// Tries each capability where the lab will use it: a network namespace (`CAP_SYS_ADMIN`), an interface set up
/// (`CAP_NET_ADMIN`), a raw socket (`CAP_NET_RAW`).
fn check_capabilities() -> Result<()> {
    let namespace = Namespace::create("capability check").map_err(|error| match error {
        Error::Privilege { errno, .. } => refused("making a network namespace")(errno),
        other => other,
    })?;
    namespace.enter(|| {
        Session::open("capability check")?.run(&[Request::up(1)]).map_err(|error| match error {
            Error::Netlink { source, .. } => {
                refused("setting an interface up")(Errno::from_raw(source.raw_os_error().unwrap_or(0)))
            }
            other => other,
        })?;
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)));
        raw.map(drop)
            .map_err(|error| refused("opening a raw socket")(Errno::from_raw(error.raw_os_error().unwrap_or(0))))
    })?
}

fn refused(doing: &'static str) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Privilege { doing, errno, remedy: REMEDY }
}
