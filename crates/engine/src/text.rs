//! Texts under small integers: each distinct (scope, text) once, counted, in one arena.

use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Texts under ids, each with a payload. The same text in two scopes is two entries: a label's value belongs to its key, an object's name to its
/// kind and namespace. Entries are counted; the id of one that nobody holds any more is used again.
///
/// Texts come from whoever can write to the cluster, so they are hashed with a key of this process.
pub(crate) struct Texts<P> {
    entries: Vec<Entry<P>>,
    table: HashTable<u32>,
    /// Each text behind its length, at offsets that are multiples of [`ALIGN`]. Lengths are in ASCII: six bits in each byte, the lowest first, and
    /// a seventh that says that there are more.
    bytes: String,
    /// Bytes of texts that are gone.
    wasted: usize,
    free: Vec<u32>,
    hasher: RandomState,
}

struct Entry<P> {
    scope: u32,
    /// In units of [`ALIGN`] bytes.
    start: u32,
    /// None: the entry is free.
    refs: u32,
    payload: P,
}

const ALIGN: usize = 4;
/// Gone texts are cleared away once they are this much, and half of all.
const WORTH_COMPACTING: usize = 1 << 16;

impl<P: Default> Texts<P> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            table: HashTable::new(),
            bytes: String::new(),
            wasted: 0,
            free: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    /// The entry, held once more; made where there was none.
    pub(crate) fn intern(&mut self, scope: u32, text: &str) -> u32 {
        let hash = hash(&self.hasher, scope, text);
        if let Some(id) = self.lookup(hash, scope, text) {
            self.entries[id as usize].refs += 1;
            return id;
        }
        let start = self.write(text);
        let entry = Entry { scope, start, refs: 1, payload: P::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                if self.entries.len() == self.entries.capacity() {
                    self.entries.reserve_exact(self.entries.len() / 4 + 4);
                }
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 texts")
            }
        };
        if self.table.len() == self.table.capacity() {
            self.rebuild(); // has the new entry in it too
        } else {
            self.table.insert_unique(hash, id, |_| unreachable!("there is room"));
        }
        id
    }

    /// Makes the table twice as large, going through the entries in the order of memory.
    fn rebuild(&mut self) {
        let mut table = HashTable::with_capacity(self.table.capacity() + 4);
        for (id, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.refs > 0) {
            let hash = hash(&self.hasher, entry.scope, read(&self.bytes, entry.start));
            table.insert_unique(hash, id as u32, |_| unreachable!("there is room"));
        }
        self.table = table;
    }

    /// The entry, if there is one.
    pub(crate) fn find(&self, scope: u32, text: &str) -> Option<u32> {
        self.lookup(hash(&self.hasher, scope, text), scope, text)
    }

    fn lookup(&self, hash: u64, scope: u32, text: &str) -> Option<u32> {
        let same = |id: &u32| {
            let entry = &self.entries[*id as usize];
            entry.scope == scope && read(&self.bytes, entry.start) == text
        };
        self.table.find(hash, same).copied()
    }

    /// Holds it once more.
    pub(crate) fn retain(&mut self, id: u32) {
        self.entries[id as usize].refs += 1;
    }

    /// Holds it once less. Returns its scope and payload when that was the last hold.
    pub(crate) fn release(&mut self, id: u32) -> Option<(u32, P)> {
        let entry = &mut self.entries[id as usize];
        entry.refs -= 1;
        if entry.refs > 0 {
            return None;
        }
        let (scope, start) = (entry.scope, entry.start);
        let payload = std::mem::take(&mut entry.payload);
        let hash = hash(&self.hasher, scope, read(&self.bytes, start));
        if let Ok(slot) = self.table.find_entry(hash, |other| *other == id) {
            slot.remove();
        }
        self.wasted += size(read(&self.bytes, start).len());
        self.free.push(id);
        if self.wasted > WORTH_COMPACTING && self.wasted > self.bytes.len() / 2 {
            self.compact();
        }
        Some((scope, payload))
    }

    /// How many hold it.
    pub(crate) fn refs(&self, id: u32) -> u32 {
        self.entries[id as usize].refs
    }

    pub(crate) fn text(&self, id: u32) -> &str {
        read(&self.bytes, self.entries[id as usize].start)
    }

    pub(crate) fn scope(&self, id: u32) -> u32 {
        self.entries[id as usize].scope
    }

    pub(crate) fn payload(&self, id: u32) -> &P {
        &self.entries[id as usize].payload
    }

    pub(crate) fn payload_mut(&mut self, id: u32) -> &mut P {
        &mut self.entries[id as usize].payload
    }

    fn write(&mut self, text: &str) -> u32 {
        let start = self.bytes.len();
        if self.bytes.capacity() - start < text.len() + 16 {
            self.bytes.reserve_exact(start / 4 + text.len() + 16);
        }
        let mut length = text.len();
        while length > DIGIT {
            self.bytes.push(char::from((length & DIGIT | MORE) as u8));
            length >>= DIGIT_BITS;
        }
        self.bytes.push(char::from(length as u8));
        self.bytes.push_str(text);
        while !self.bytes.len().is_multiple_of(ALIGN) {
            self.bytes.push('\0');
        }
        u32::try_from(start / ALIGN).expect("less than 16 GiB of distinct text")
    }

    fn compact(&mut self) {
        let old = std::mem::take(&mut self.bytes);
        self.bytes.reserve(old.len() - self.wasted);
        self.wasted = 0;
        for id in 0..self.entries.len() {
            if self.entries[id].refs > 0 {
                self.entries[id].start = self.write(read(&old, self.entries[id].start));
            }
        }
    }
}

const DIGIT_BITS: u32 = 6;
const DIGIT: usize = (1 << DIGIT_BITS) - 1;
const MORE: usize = 1 << DIGIT_BITS;

fn hash(state: &RandomState, scope: u32, text: &str) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u32(scope);
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The bytes that a text of this length takes.
fn size(length: usize) -> usize {
    let prefix = (usize::BITS - (length | 1).leading_zeros()).div_ceil(DIGIT_BITS) as usize;
    (prefix + length).next_multiple_of(ALIGN)
}

fn read(bytes: &str, start: u32) -> &str {
    let mut at = start as usize * ALIGN;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = usize::from(bytes.as_bytes()[at]);
        at += 1;
        length |= (byte & DIGIT) << shift;
        shift += DIGIT_BITS;
        if byte & MORE == 0 {
            break;
        }
    }
    &bytes[at..at + length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_and_go() {
        let mut texts = Texts::<u8>::new();
        let long = "x".repeat(300);
        let ids: Vec<u32> = [(0, "a"), (1, "a"), (0, ""), (0, &long), (0, "a")].map(|(s, t)| texts.intern(s, t)).into();
        assert_eq!(ids, [0, 1, 2, 3, 0]);
        assert_eq!((texts.text(3), texts.text(2), texts.scope(1)), (long.as_str(), "", 1));
        *texts.payload_mut(0) = 7;
        assert_eq!(texts.release(0), None);
        assert_eq!(texts.release(0), Some((0, 7)));
        assert_eq!(texts.find(0, "a"), None);
        assert_eq!(texts.find(1, "a"), Some(1));
        assert_eq!(texts.intern(0, "again"), 0, "the id is used again");
    }

    #[test]
    fn the_space_of_texts_that_are_gone_is_used_again() {
        let mut texts = Texts::<()>::new();
        let kept = texts.intern(0, "kept");
        for round in 0..50 {
            let ids: Vec<u32> = (0..1000).map(|i| texts.intern(0, &format!("text {i} of round {round}"))).collect();
            ids.into_iter().for_each(|id| assert!(texts.release(id).is_some()));
        }
        assert_eq!(texts.text(kept), "kept");
        assert!(texts.bytes.len() < 4 * WORTH_COMPACTING, "{} bytes for one text", texts.bytes.len());
        assert_eq!(texts.entries.len(), 1001);
    }
}
