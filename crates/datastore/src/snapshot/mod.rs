//! The last good state on disk: kept while the source is followed, and enforced at a start at which it is away.
//!
//! [`Kept`] writes it beside the source, [`load`] reads it, [`Remembered`] gives it where the source has nothing to say.
//!
//! It is a [stream](crate::stream): all resources, a mark, and then what changed since, a mark after each write. So the cost of a write is in proportion to what changed, and nothing
//! is kept in memory for it. What comes after the last mark is of a write that was not finished, and does not count: what is read is always a state that once was, whole.

mod journal;
mod kept;
mod load;
mod remembered;
#[cfg(test)]
mod tests;

pub use kept::Kept;
pub use load::{Loaded, SnapshotError, load};
pub use remembered::Remembered;
