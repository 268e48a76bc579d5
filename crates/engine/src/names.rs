//! Which object a key names.

use crate::text::Texts;
use margay_api::{Key, Kind};

/// Keys of objects under ids, each with the place of the object among those of its kind.
pub(crate) struct Names {
    /// Namespaces; the scope is the kind.
    namespaces: Texts<()>,
    /// Names; the scope is the kind and namespace.
    names: Texts<u32>,
    kinds: Vec<Kind>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { namespaces: Texts::new(), names: Texts::new(), kinds: Vec::new() }
    }

    /// The place of the object that a key names, if there is one.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        self.names.find(self.scope(key)?, &key.name).map(|name| *self.names.payload(name))
    }

    fn scope(&self, key: &Key) -> Option<u32> {
        let kind = self.kinds.iter().position(|kind| *kind == key.kind)?;
        self.namespaces.find(kind as u32, &key.namespace)
    }

    /// Enters an object that was not there.
    pub(crate) fn insert(&mut self, key: &Key, place: u32) -> u32 {
        let kind = self.kinds.iter().position(|kind| *kind == key.kind).unwrap_or_else(|| {
            self.kinds.push(key.kind);
            self.kinds.len() - 1
        });
        let scope = self.namespaces.intern(kind as u32, &key.namespace);
        let name = self.names.intern(scope, &key.name);
        *self.names.payload_mut(name) = place;
        name
    }

    pub(crate) fn remove(&mut self, name: u32) {
        if let Some((scope, _)) = self.names.release(name) {
            self.namespaces.release(scope);
        }
    }

    pub(crate) fn key(&self, name: u32) -> Key {
        Key { kind: self.kind(name), namespace: self.namespace(name).into(), name: self.name(name).into() }
    }

    pub(crate) fn kind(&self, name: u32) -> Kind {
        self.kinds[self.namespaces.scope(self.names.scope(name)) as usize]
    }

    pub(crate) fn namespace(&self, name: u32) -> &str {
        self.namespaces.text(self.names.scope(name))
    }

    pub(crate) fn name(&self, name: u32) -> &str {
        self.names.text(name)
    }
}
