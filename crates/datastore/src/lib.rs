//! Sources of resources: one update stream, whatever it is read from.
//!
//! This crate owns where resources come from ([`Folder`] reads files of YAML and JSON) and the one shape that all of it takes: a stream of
//! [`Event`]s from a [`Source`]. It must never know what is made of them: not the model, not the engine, not a data plane.
//!
//! A source promises only that it gets there in the end. Values may be skipped or repeated, and reordered between keys; of one key the last
//! value wins, and `None` means that it is gone. After [`Event::InSync`], what the source knew at that time is complete.
//!
//! What is wrong with a resource is told as an [`Event::Problem`] and stops nothing else. A value that can't be read never takes the place
//! of one that could: **the last valid value stays in force** until it is removed or a readable one comes.
//!
//! ```
//! use margay_datastore::{Event, Folder, Source};
//!
//! let mut folder = Folder::of_text("web.yaml", "
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: {name: web, namespace: shop}
//! spec: {podSelector: {}, ingress: [{}]}
//! ");
//! let events = folder.poll();
//! let keys: Vec<String> = events.iter().filter_map(|event| match event {
//!     Event::Update(update) => Some(update.key.to_string()),
//!     _ => None,
//! }).collect();
//! // The namespace has no object of its own in the text: a plain one stands in for it, which a note says.
//! assert_eq!(keys, ["Namespace shop", "NetworkPolicy shop/web"]);
//! assert!(events.contains(&Event::InSync));
//! assert!(folder.poll().is_empty());
//! ```

mod folder;
mod implied;
mod walk;

pub use folder::Folder;

use margay_api::{Key, Place, Problem, Update};
use std::collections::HashMap;
use std::time::Instant;

/// A stream of resources.
///
/// It is asked, and never calls: a source that waits for something (a watch, the file system) does so on a thread of its own and hands
/// over what it has when it is polled.
pub trait Source {
    /// Takes what has happened since the last call, in the order in which it should be applied; nothing if nothing has. Does not wait.
    fn poll(&mut self) -> Vec<Event>;

    /// When the first of what the last [`poll`](Self::poll) gave was heard of, for a source that knows: from then on, what it changes is late.
    fn heard(&self) -> Option<Instant> {
        None
    }

    /// Where each resource that is in force came from. What a source fills in by itself has no place.
    fn places(&self) -> &HashMap<Key, Place>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn poll(&mut self) -> Vec<Event> {
        (**self).poll()
    }

    fn heard(&self) -> Option<Instant> {
        (**self).heard()
    }

    fn places(&self) -> &HashMap<Key, Place> {
        (**self).places()
    }
}

/// One step of a source's stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A value, or its absence.
    Update(Update),
    /// What the source knew when it was started has been given.
    InSync,
    /// Something that the author of a resource should know. It is given once, when it comes up.
    Problem(Problem),
}
