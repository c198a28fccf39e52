//! The replicated state of the tests: a list of texts.
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};

use super::super::{
    AppendResponse, Body, ConfChange, Entry, EntryData, Message, Payload, RaftId, Snapshot, Term,
};

/// An entry's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Text(pub(super) Arc<str>);

/// What a member has applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct State {
    pub(super) texts: Vec<Text>,
    /// Members that have left, whose messages SwarmKit refuses for ever.
    pub(super) removed: BTreeSet<RaftId>,
}

impl Payload for Text {
    type Snapshot = State;
    type Member = String;

    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Text {
    pub(in super::super) fn new(text: &str) -> Self {
        Text(text.into())
    }
}

impl State {
    pub(super) fn apply(&mut self, entry: &Entry<Text>) {
        match &entry.data {
            EntryData::Normal(text) => self.texts.push(text.clone()),
            EntryData::ConfChange(ConfChange::RemoveNode { id }) => drop(self.removed.insert(*id)),
            EntryData::ConfChange(ConfChange::AddNode { .. } | ConfChange::UpdateNode { .. })
            | EntryData::Empty => {}
        }
    }
}

impl StateDigest for Text {
    fn digest(&self, digest: &mut Digest) {
        let Self(text) = self;
        text.digest(digest);
    }
}

impl StateDigest for State {
    fn digest(&self, digest: &mut Digest) {
        let Self { texts, removed } = self;
        texts.digest(digest);
        removed.digest(digest);
    }
}

/// `1->2 Append term 1 after 1/2 commit 2 [1/3 empty, 1/4 "x"]`
pub(super) fn message(message: &Message<Text>) -> String {
    let Message { from, to, term, body } = message;
    let text = match body {
        Body::Vote { last, transfer } => {
            format!("Vote term {term} last {last}{}", if *transfer { " transfer" } else { "" })
        }
        Body::VoteResponse { granted } => {
            format!("VoteResponse term {term} {}", if *granted { "granted" } else { "rejected" })
        }
        Body::Append { previous, entries, commit } => {
            let entries =
                if entries.is_empty() { String::new() } else { format!(" [{}]", list(entries, entry)) };
            format!("Append term {term} after {previous} commit {commit}{entries}")
        }
        Body::AppendResponse(AppendResponse::Accepted { index }) => {
            format!("AppendResponse term {term} index {index}")
        }
        Body::AppendResponse(AppendResponse::Rejected { rejected, hint_index, hint_term }) => {
            let hint_term = hint_term.unwrap_or(Term(0));
            format!("AppendResponse term {term} rejected {rejected} hint {hint_term}/{hint_index}")
        }
        Body::Heartbeat { commit } => format!("Heartbeat term {term} commit {commit}"),
        Body::HeartbeatResponse => format!("HeartbeatResponse term {term}"),
        Body::Snapshot(Snapshot { last, voters, data: _ }) => {
            format!("Snapshot term {term} last {last} voters {}", list(voters, ToString::to_string))
        }
        Body::TimeoutNow => format!("TimeoutNow term {term}"),
    };
    format!("{from}->{to} {text}")
}

/// `1/4 "x"`
pub(super) fn entry(entry: &Entry<Text>) -> String {
    let data = match &entry.data {
        EntryData::Empty => "empty".to_owned(),
        EntryData::Normal(Text(text)) => format!("{text:?}"),
        EntryData::ConfChange(ConfChange::AddNode { id, .. }) => format!("add {id}"),
        EntryData::ConfChange(ConfChange::RemoveNode { id }) => format!("remove {id}"),
        EntryData::ConfChange(ConfChange::UpdateNode { id, .. }) => format!("update {id}"),
    };
    format!("{} {data}", entry.id)
}

/// Items separated by commas.
pub(super) fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// An option or `none`.
pub(super) fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}
