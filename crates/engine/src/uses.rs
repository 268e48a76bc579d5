//! How many use an object of the Plan.

/// Users of an object, and those of them that are enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) total: u32,
    pub(crate) enforced: u32,
}

/// What came of a change of [`Uses`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The first user came, or the last one went.
    pub(crate) used: bool,
    /// The first enforced user came, or the last one went.
    pub(crate) enforced: bool,
}

/// How users change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A user comes, not enforced.
    Add,
    /// A user goes, not enforced.
    Drop,
    /// A user becomes enforced.
    Enforce,
    /// A user is no longer enforced.
    Stage,
}

impl Uses {
    /// Those of an object that had none.
    pub(crate) fn first(change: Change) -> Self {
        let mut uses = Self::default();
        uses.apply(change);
        uses
    }

    pub(crate) fn apply(&mut self, change: Change) -> Turn {
        let before = *self;
        match change {
            Change::Add => self.total += 1,
            Change::Drop => self.total -= 1,
            Change::Enforce => self.enforced += 1,
            Change::Stage => self.enforced -= 1,
        }
        Turn { used: (before.total > 0) != (self.total > 0), enforced: (before.enforced > 0) != (self.enforced > 0) }
    }
}
