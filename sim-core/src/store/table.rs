//! One dense, paged table of objects. Pages are shared between clones until one side writes, so that a
//! snapshot of the store costs a pointer a page.
use std::marker::PhantomData;
use std::sync::Arc;

use crate::model::ObjectId;

const PAGE: usize = 64;

type Page<T> = [Option<Arc<T>>; PAGE];

/// Objects by id.
#[derive(Debug)]
pub(crate) struct Table<I, T> {
    pages: Vec<Option<Arc<Page<T>>>>,
    length: usize,
    id: PhantomData<I>,
}

impl<I, T> Default for Table<I, T> {
    fn default() -> Self {
        Table { pages: Vec::new(), length: 0, id: PhantomData }
    }
}

impl<I, T> Clone for Table<I, T> {
    fn clone(&self) -> Self {
        Table { pages: self.pages.clone(), length: self.length, id: PhantomData }
    }
}

impl<I: ObjectId, T> Table<I, T> {
    pub(crate) fn get(&self, id: I) -> Option<&Arc<T>> {
        let page = self.pages.get(id.index() / PAGE)?.as_ref()?;
        page[id.index() % PAGE].as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// All objects in id order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.pages.iter().flatten().flat_map(|page| page.iter().flatten())
    }

    /// Sets or removes an object. A page without objects is given back.
    pub(crate) fn put(&mut self, id: I, object: Option<Arc<T>>) {
        let (page, place) = (id.index() / PAGE, id.index() % PAGE);
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        let shared = self.pages[page].get_or_insert_with(|| Arc::new(std::array::from_fn(|_| None)));
        let owned = Arc::make_mut(shared);
        self.length += usize::from(object.is_some());
        self.length -= usize::from(owned[place].is_some());
        let removed = object.is_none();
        owned[place] = object;
        if removed && owned.iter().all(Option::is_none) {
            self.pages[page] = None;
        }
    }
}
