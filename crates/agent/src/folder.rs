//! A folder that is followed.

use margay_api::{Key, Place};
use margay_datastore::{Event, Folder, Source};
use std::collections::HashMap;

/// A folder of YAML that is read again whenever it is asked: so an edit takes at most the interval in which the agent asks.
#[derive(Debug)]
pub struct Followed(Folder);

impl Followed {
    /// Follows a folder from what it was when it was last read, or from nothing.
    pub fn new(folder: Folder) -> Self {
        Self(folder)
    }
}

impl Source for Followed {
    fn poll(&mut self) -> Vec<Event> {
        self.0.rescan()
    }

    fn places(&self) -> &HashMap<Key, Place> {
        self.0.places()
    }
}
