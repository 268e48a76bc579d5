//! What there is to remove on Linux: one nftables table.

use crate::streams::{Failure, Streams};
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Examples:
  sudo margay cleanup --dry-run
  sudo margay cleanup
  sudo ip netns exec blue margay cleanup";

/// Where the chart has agents keep their last good state.
pub(super) fn state_folder() -> PathBuf {
    "/var/lib/margay".into()
}

/// Nothing runs an agent by itself: its pod is the cluster's.
pub(super) fn before(_: &mut Streams<'_>) -> Result<(), Failure> {
    Ok(())
}

pub(super) fn data_plane(dry_run: bool, streams: &mut Streams<'_>) -> Result<(), Failure> {
    let found = if dry_run { margay_linux::is_programmed() } else { margay_linux::cleanup() };
    let text = match (found.map_err(Failure::Usage)?, dry_run) {
        (true, true) => "Would remove the nftables table inet margay: no policy would be in force on this node.",
        (true, false) => "Removed the nftables table inet margay: no policy is in force on this node.",
        (false, _) => "Nothing to remove: there is no nftables table inet margay.",
    };
    writeln!(streams.stdout, "{text}")?;
    Ok(())
}
