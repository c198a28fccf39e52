//! Where payloads lie while their keys are sorted: a table with reused places.
//!
//! An id is the insertion count in the high bits and the place in the low bits. A place remembers the id of its
//! occupant, so an id whose event is gone never matches again.
use super::TimerId;

#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    inserted: u64,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    id: TimerId,
    payload: Option<T>,
}

/// Bits for the place: 16 million events at a time, 10^12 in a run.
const PLACE_BITS: u32 = 24;
const PLACE_MAX: u64 = (1 << PLACE_BITS) - 1;
const INSERTED_MAX: u64 = u64::MAX >> PLACE_BITS;

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Slots { slots: Vec::new(), free: Vec::new(), inserted: 0 }
    }

    /// The number of payloads.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, payload: T) -> TimerId {
        assert!(self.inserted < INSERTED_MAX, "a run has at most {INSERTED_MAX} events");
        self.inserted += 1;
        let count = self.inserted << PLACE_BITS;
        if let Some(place) = self.free.pop() {
            let id = TimerId(count | u64::from(place));
            self.slots[place as usize] = Slot { id, payload: Some(payload) };
            return id;
        }
        let place = self.slots.len() as u64;
        assert!(place <= PLACE_MAX, "at most {PLACE_MAX} events are pending");
        let id = TimerId(count | place);
        self.slots.push(Slot { id, payload: Some(payload) });
        id
    }

    /// The number of places, occupied or free.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.slots.len()
    }

    /// Removes the payload with this id and frees its place. `None` if it is gone.
    pub(super) fn take(&mut self, id: TimerId) -> Option<T> {
        let place = id.0 & PLACE_MAX;
        let slot = self.slots.get_mut(place as usize)?;
        if slot.id != id {
            return None;
        }
        let payload = slot.payload.take()?;
        self.free.push(place as u32);
        Some(payload)
    }

    /// True if the event with this id is still to come. The id must be from this table.
    pub(super) fn holds(&self, id: TimerId) -> bool {
        let slot = &self.slots[(id.0 & PLACE_MAX) as usize];
        slot.id == id && slot.payload.is_some()
    }
}
