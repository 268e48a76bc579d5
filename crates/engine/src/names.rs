//! Which object a key names.

use crate::text::Texts;
use margay_api::{Key, Kind};

/// Keys of objects under ids, each with the place of the object among those of its kind.
pub(crate) struct Names {
    namespaces: Texts<()>,
    /// Names; the scope is the namespace and the kind.
    names: Texts<u32>,
    kinds: Vec<Kind>,
}

/// As many kinds fit in a scope beside the namespace.
const KIND_BITS: u32 = 5;

impl Names {
    pub(crate) fn new() -> Self {
        Self { namespaces: Texts::new(), names: Texts::new(), kinds: Vec::new() }
    }

    /// The place of the object that a key names, if there is one.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let kind = self.kinds.iter().position(|kind| *kind == key.kind)?;
        let namespace = self.namespaces.find(0, &key.namespace)?;
        self.names.find(scope(namespace, kind), &key.name).map(|name| *self.names.payload(name))
    }

    /// The name of an object and, if it is there, its place. One that is not there is entered, to be given its place by [`Names::set_place`].
    pub(crate) fn enter(&mut self, key: &Key) -> (u32, Option<u32>) {
        let kind = self.kinds.iter().position(|kind| *kind == key.kind).unwrap_or_else(|| {
            self.kinds.push(key.kind);
            self.kinds.len() - 1
        });
        let namespace = self.namespaces.intern(0, &key.namespace);
        let name = self.names.intern(scope(namespace, kind), &key.name);
        if self.names.refs(name) == 1 {
            return (name, None);
        }
        self.namespaces.release(namespace);
        self.names.release(name);
        (name, Some(*self.names.payload(name)))
    }

    pub(crate) fn set_place(&mut self, name: u32, place: u32) {
        *self.names.payload_mut(name) = place;
    }

    pub(crate) fn remove(&mut self, name: u32) {
        if let Some((scope, _)) = self.names.release(name) {
            self.namespaces.release(scope >> KIND_BITS);
        }
    }

    pub(crate) fn key(&self, name: u32) -> Key {
        Key { kind: self.kind(name), namespace: self.namespace(name).into(), name: self.name(name).into() }
    }

    pub(crate) fn kind(&self, name: u32) -> Kind {
        self.kinds[(self.names.scope(name) & ((1 << KIND_BITS) - 1)) as usize]
    }

    pub(crate) fn namespace(&self, name: u32) -> &str {
        self.namespaces.text(self.names.scope(name) >> KIND_BITS)
    }

    pub(crate) fn name(&self, name: u32) -> &str {
        self.names.text(name)
    }
}

fn scope(namespace: u32, kind: usize) -> u32 {
    assert!(namespace < 1 << (u32::BITS - KIND_BITS) && kind < 1 << KIND_BITS, "fewer than 2^27 namespaces");
    namespace << KIND_BITS | kind as u32
}
