//! Log entries, their ids, and the changes of configuration among them.
use std::fmt;

use super::{Payload, RaftId};

/// The number of an election. Zero before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term(pub(crate) u64);

/// A place in a log. Two logs that have an entry of one id agree on everything up to it.
///
/// Term and index zero stand for the place before the first entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId {
    pub(crate) term: Term,
    pub(crate) index: u64,
}

/// One entry of the replicated log.
#[derive(Clone, Debug)]
pub(crate) struct Entry<P: Payload> {
    pub(crate) id: EntryId,
    pub(crate) data: EntryData<P>,
}

/// What an entry does when it is applied.
#[derive(Clone, Debug)]
pub(crate) enum EntryData<P: Payload> {
    /// Nothing: the first entry of a leader, or a change of configuration that came too early.
    Empty,
    /// Changes the replicated state.
    Normal(P),
    /// Changes the set of members.
    ConfChange(ConfChange<P::Member>),
}

/// A change of one member. It takes effect when it is applied, not when it is appended (spec 2.11).
#[derive(Clone, Debug)]
#[expect(clippy::enum_variant_names, reason = "these are Raft's names")]
pub(crate) enum ConfChange<M> {
    /// A new voter.
    AddNode { id: RaftId, member: M },
    /// A voter leaves for good.
    RemoveNode { id: RaftId },
    /// A voter is described anew, for instance under another address; the set of voters stays.
    UpdateNode { id: RaftId, member: M },
}

impl Term {
    /// The term of the next election.
    pub(super) fn next(self) -> Term {
        Term(self.0 + 1)
    }
}

impl EntryId {
    pub(super) const START: EntryId = EntryId { term: Term(0), index: 0 };

    /// Whether a log that ends here holds at least as much as one that ends at `other` (spec 2.5).
    pub(super) fn is_up_to_date_with(self, other: EntryId) -> bool {
        // The field order makes the derived order compare terms first.
        self >= other
    }
}

/// Tag, length and texts of a change of configuration. Real ones differ by the length of an address.
const CONF_CHANGE_BYTES: u64 = 100;

impl<P: Payload> Entry<P> {
    /// The length of the encoded entry, by which messages and applied batches are limited (spec 2.7).
    pub(super) fn size_bytes(&self) -> u64 {
        let data_bytes = match &self.data {
            EntryData::Empty => 0,
            EntryData::Normal(payload) => payload.size_bytes(),
            EntryData::ConfChange(_) => CONF_CHANGE_BYTES,
        };
        let (kind_field, term_field, index_field) =
            (2, 1 + varint(self.id.term.0), 1 + varint(self.id.index));
        let data_field = if data_bytes == 0 { 0 } else { 1 + varint(data_bytes) + data_bytes };
        kind_field + term_field + index_field + data_field
    }

    pub(super) fn is_conf_change(&self) -> bool {
        matches!(self.data, EntryData::ConfChange(_))
    }
}

/// Bytes of a number in the variable-length encoding of protocol buffers.
fn varint(value: u64) -> u64 {
    u64::from((u64::BITS - value.leading_zeros()).max(1).div_ceil(7))
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Term and index, as the conformance cases write it: `2/7`.
impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.term, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_one_byte_for_seven_bits() {
        let lengths: Vec<u64> = [0, 1, 127, 128, 16_383, 16_384, u64::MAX].map(varint).to_vec();
        assert_eq!(lengths, [1, 1, 1, 2, 2, 3, 10]);
    }

    #[test]
    fn a_log_is_newer_by_its_last_term_before_its_length() {
        let id = |term, index| EntryId { term: Term(term), index };
        assert!(id(3, 1).is_up_to_date_with(id(2, 9)));
        assert!(id(2, 9).is_up_to_date_with(id(2, 9)));
        assert!(!id(2, 8).is_up_to_date_with(id(2, 9)));
    }
}
