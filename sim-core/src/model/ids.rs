//! Ids: small numbers in order of creation. Where the real system has random ids in random order, "ascending
//! id" is the order of creation here. The 25-character text exists only when something is printed.
use std::fmt;

use crate::kernel::{Digest, StateDigest};

/// An id that is a dense number counted from zero.
pub trait ObjectId: Copy + Ord + fmt::Debug {
    /// The id with this number.
    fn from_index(index: usize) -> Self;
    /// The number of this id.
    fn index(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl ObjectId for $name {
            fn from_index(index: usize) -> Self {
                $name(u32::try_from(index).expect("fewer than four billion objects of a kind"))
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl $name {
            /// The text that docker would print: 25 base-36 digits, a pure function of seed, kind and number.
            #[must_use]
            pub fn text(self, seed: u64) -> String {
                id_text(seed, $kind, u64::from(self.0))
            }

            /// True if this is the text that docker would print.
            #[must_use]
            pub fn is_text(self, seed: u64, text: &str) -> bool {
                text.len() == ID_TEXT_LENGTH
                    && text.bytes().eq(id_digits(seed, $kind, u64::from(self.0)))
            }
        }

        impl StateDigest for $name {
            fn digest(&self, digest: &mut Digest) {
                digest.u32(self.0);
            }
        }
    )*};
}

ids! {
    /// A machine: power, engine process, disk, containers, links, images.
    HostId, "host";
    /// A group of hosts with links of one kind between them and others.
    ZoneId, "zone";
    /// A node object in the swarm. A host that leaves and joins again is a second node.
    NodeId, "node";
    /// A service object.
    ServiceId, "service";
    /// A task object.
    TaskId, "task";
    /// A network object.
    NetworkId, "network";
    /// A source of requests: traffic of the timeline, or what the tasks of an image ask for.
    TrafficId, "traffic";
    /// A swarm.
    ClusterId, "cluster";
}

/// Digits of an id's text.
const ID_TEXT_LENGTH: usize = 25;

/// The id text of the `number`-th object of a kind: 25 digits of base 36.
#[must_use]
pub fn id_text(seed: u64, kind: &str, number: u64) -> String {
    id_digits(seed, kind, number).map(char::from).collect()
}

/// The digits of an id's text. A comparison mostly needs the first one only.
fn id_digits(seed: u64, kind: &str, number: u64) -> impl Iterator<Item = u8> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut name = Digest::new();
    name.u64(seed);
    name.text(kind);
    name.u64(number);
    let mut state = name.finish();
    std::iter::repeat_with(move || {
        // SplitMix64: consecutive states of a counter, well mixed.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        DIGITS[(mixed % 36) as usize]
    })
    .take(ID_TEXT_LENGTH)
}

/// A table keyed by dense ids. Iteration is in id order.
#[derive(Clone, Debug)]
pub struct IdMap<I, T> {
    slots: Vec<Option<T>>,
    length: usize,
    id: std::marker::PhantomData<I>,
}

impl<I, T> Default for IdMap<I, T> {
    fn default() -> Self {
        IdMap { slots: Vec::new(), length: 0, id: std::marker::PhantomData }
    }
}

impl<I: ObjectId, T> IdMap<I, T> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of an id.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.slots.get(id.index())?.as_ref()
    }

    /// The value of an id, to be changed.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.slots.get_mut(id.index())?.as_mut()
    }

    /// True if the id has a value.
    #[must_use]
    pub fn contains(&self, id: I) -> bool {
        self.get(id).is_some()
    }

    /// Gives the id a value and returns the one it had.
    pub fn insert(&mut self, id: I, value: T) -> Option<T> {
        let index = id.index();
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        let old = self.slots[index].replace(value);
        self.length += usize::from(old.is_none());
        old
    }

    /// Takes the id's value away and returns it.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let old = self.slots.get_mut(id.index())?.take();
        self.length -= usize::from(old.is_some());
        old
    }

    /// The value of an id, made by `default` if there is none.
    pub fn get_or_insert_with(&mut self, id: I, default: impl FnOnce() -> T) -> &mut T {
        if !self.contains(id) {
            self.insert(id, default());
        }
        self.get_mut(id).expect("inserted above")
    }

    /// How many ids have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if no id has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All pairs in id order.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((I::from_index(index), slot.as_ref()?)))
    }

    /// All values in id order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    /// All values in id order, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// All ids in order.
    pub fn ids(&self) -> impl Iterator<Item = I> {
        self.iter().map(|(id, _)| id)
    }
}

impl<I: ObjectId + StateDigest, T: StateDigest> StateDigest for IdMap<I, T> {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(self.length as u64);
        for (id, value) in self.iter() {
            id.digest(digest);
            value.digest(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_texts_have_25_base_36_digits_and_differ() {
        let first = NodeId(0).text(42);
        assert_eq!(first.len(), 25);
        assert!(first.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
        assert_eq!(first, NodeId(0).text(42));
        assert_ne!(first, NodeId(1).text(42));
        assert_ne!(first, ServiceId(0).text(42));
        assert_ne!(first, NodeId(0).text(43));
        assert!(NodeId(0).is_text(42, &first));
        assert!(!NodeId(1).is_text(42, &first) && !NodeId(0).is_text(42, &first[..24]));
    }

    #[test]
    fn an_id_map_counts_and_orders_its_values() {
        let mut map = IdMap::new();
        map.insert(TaskId(5), "five");
        map.insert(TaskId(1), "one");
        assert_eq!(map.insert(TaskId(5), "cinq"), Some("five"));
        assert_eq!(map.len(), 2);
        assert_eq!(map.ids().collect::<Vec<_>>(), [TaskId(1), TaskId(5)]);
        assert_eq!(map.remove(TaskId(1)), Some("one"));
        assert_eq!((map.len(), map.get(TaskId(1))), (1, None));
    }
}
