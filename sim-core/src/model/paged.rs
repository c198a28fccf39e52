//! A dense table by id, in pages. Pages are shared between clones until one side writes, so that a clone costs a
//! pointer a page, and many tables that say nearly the same cost hardly more than one.
use std::marker::PhantomData;
use std::sync::Arc;

use super::ObjectId;
use crate::kernel::{Digest, StateDigest};

const PAGE: usize = 64;

type Page<T> = [Option<T>; PAGE];

/// Values by id.
#[derive(Debug)]
pub(crate) struct PagedMap<I, T> {
    pages: Vec<Option<Arc<Page<T>>>>,
    length: usize,
    id: PhantomData<I>,
}

impl<I, T> Default for PagedMap<I, T> {
    fn default() -> Self {
        PagedMap { pages: Vec::new(), length: 0, id: PhantomData }
    }
}

impl<I, T> Clone for PagedMap<I, T> {
    fn clone(&self) -> Self {
        PagedMap { pages: self.pages.clone(), length: self.length, id: PhantomData }
    }
}

impl<I: ObjectId, T: Clone> PagedMap<I, T> {
    /// The value of an id.
    pub(crate) fn get(&self, id: I) -> Option<&T> {
        let page = self.pages.get(id.index() / PAGE)?.as_ref()?;
        page[id.index() % PAGE].as_ref()
    }

    /// The value of an id, to be changed.
    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        // A page is copied only if there is something to change.
        self.get(id)?;
        let page = self.pages[id.index() / PAGE].as_mut()?;
        Arc::make_mut(page)[id.index() % PAGE].as_mut()
    }

    /// How many ids have a value.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All values in id order.
    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.pages.iter().flatten().flat_map(|page| page.iter().flatten())
    }

    /// All pairs in id order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        let pages = self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let places = page.iter().enumerate();
            places
                .filter_map(move |(place, slot)| Some((I::from_index(number * PAGE + place), slot.as_ref()?)))
        })
    }

    /// Sets or removes a value. A page without values is given back.
    pub(crate) fn put(&mut self, id: I, value: Option<T>) {
        let (page, place) = (id.index() / PAGE, id.index() % PAGE);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        let shared = self.pages[page].get_or_insert_with(|| Arc::new(std::array::from_fn(|_| None)));
        let owned = Arc::make_mut(shared);
        self.length += usize::from(value.is_some());
        self.length -= usize::from(owned[place].is_some());
        let removed = value.is_none();
        owned[place] = value;
        if removed && owned.iter().all(Option::is_none) {
            self.pages[page] = None;
        }
    }
}

impl<I: ObjectId + StateDigest, T: Clone + StateDigest> StateDigest for PagedMap<I, T> {
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
    use crate::model::TaskId;

    #[test]
    fn what_one_clone_writes_the_other_does_not_see() {
        let mut one = PagedMap::default();
        one.put(TaskId(3), Some("three"));
        one.put(TaskId(200), Some("two hundred"));
        let mut other = one.clone();
        *other.get_mut(TaskId(3)).expect("it is there") = "trois";
        other.put(TaskId(200), None);
        assert_eq!(one.iter().collect::<Vec<_>>(), [(TaskId(3), &"three"), (TaskId(200), &"two hundred")]);
        assert_eq!((other.values().collect::<Vec<_>>(), other.len()), (vec![&"trois"], 1));
    }
}
