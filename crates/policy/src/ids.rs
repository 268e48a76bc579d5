//! Small integer ids for the objects of a Plan, a place to keep objects under them, and names that outlive a process.

use std::hash::{Hash, Hasher};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl From<u32> for $name {
            fn from(index: u32) -> Self {
                Self(index)
            }
        }
        impl From<$name> for u32 {
            fn from(id: $name) -> u32 {
                id.0
            }
        }
    };
}

id!(
    /// An IP set of a Plan.
    SetId
);
id!(
    /// A policy of a Plan.
    PolicyId
);
id!(
    /// A stack of a Plan.
    StackId
);
id!(
    /// An endpoint of a Plan.
    EndpointId
);

/// Objects under small ids. The id of a removed object is used again.
#[derive(Clone, Debug)]
pub struct Store<I, T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    id: std::marker::PhantomData<I>,
}

impl<I, T> Default for Store<I, T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), id: std::marker::PhantomData }
    }
}

impl<I: From<u32> + Into<u32> + Copy, T> Store<I, T> {
    /// Puts an object in a free place.
    pub fn insert(&mut self, value: T) -> I {
        let index = self.free.pop().unwrap_or_else(|| {
            if self.slots.len() == self.slots.capacity() {
                // By a quarter: a store of a hundred thousand objects shouldn't keep room for as many more.
                self.slots.reserve_exact(self.slots.len() / 4 + 4);
            }
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 objects")
        });
        self.slots[index as usize] = Some(value);
        I::from(index)
    }

    /// Takes an object out.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let value = self.slots.get_mut(id.into() as usize)?.take()?;
        self.free.push(id.into());
        Some(value)
    }

    /// The object, if there is one.
    pub fn get(&self, id: I) -> Option<&T> {
        self.slots.get(id.into() as usize)?.as_ref()
    }

    /// The object, if there is one.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.slots.get_mut(id.into() as usize)?.as_mut()
    }

    /// Every object with its id, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| Some((I::from(i as u32), slot.as_ref()?)))
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<I: From<u32> + Into<u32> + Copy, T> std::ops::Index<I> for Store<I, T> {
    type Output = T;
    /// # Panics
    /// Where there is no such object: an id out of a Plan must be of that Plan's present state.
    fn index(&self, id: I) -> &T {
        self.get(id).expect("an id of the present state of this Plan")
    }
}

/// A stable name: 128 bits of SipHash over what identifies the object. Equal in every process and on every node, so that a driver started anew
/// finds its own objects again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub u128);

impl Name {
    /// The name of what is hashed.
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = StableHasher(siphasher::sip128::SipHasher13::new());
        value.hash(&mut hasher);
        Self(siphasher::sip128::Hasher128::finish128(&hasher.0).into())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        (0..26).rev().try_for_each(|i| write!(f, "{}", DIGITS[(self.0 >> (5 * i)) as usize & 31] as char))
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// SipHash fed the same bytes on every machine: integers in little-endian order, `usize` as 64 bits.
struct StableHasher(siphasher::sip128::SipHasher13);

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        self.0.finish()
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }
    fn write_u8(&mut self, i: u8) {
        self.0.write(&[i]);
    }
    fn write_u16(&mut self, i: u16) {
        self.0.write(&i.to_le_bytes());
    }
    fn write_u32(&mut self, i: u32) {
        self.0.write(&i.to_le_bytes());
    }
    fn write_u64(&mut self, i: u64) {
        self.0.write(&i.to_le_bytes());
    }
    fn write_u128(&mut self, i: u128) {
        self.0.write(&i.to_le_bytes());
    }
    fn write_usize(&mut self, i: usize) {
        self.write_u64(i as u64);
    }
    fn write_isize(&mut self, i: isize) {
        self.write_u64(i as i64 as u64);
    }
}
