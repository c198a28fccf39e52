//! Messages, entries and changes in the words of the `raft` crate, and back.
//!
//! A change of the configuration travels as the context of its entry, so that nothing needs to be encoded.
use ::raft::eraftpb;
use ::raft::eraftpb::MessageType;

use super::super::{
    AppendResponse, Body, ConfChange, Entry, EntryData, EntryId, Message, RaftId, Snapshot, Term,
};
use super::text::Text;

pub(super) fn id(term: u64, index: u64) -> EntryId {
    EntryId { term: Term(term), index }
}

pub(super) fn metadata(last: EntryId, voters: &[RaftId]) -> eraftpb::SnapshotMetadata {
    let mut metadata =
        eraftpb::SnapshotMetadata { term: last.term.0, index: last.index, ..Default::default() };
    metadata.mut_conf_state().voters = voters.iter().map(|id| id.0).collect();
    metadata
}

pub(super) fn conf_change(change: &ConfChange<String>) -> eraftpb::ConfChange {
    let (kind, id) = match change {
        ConfChange::AddNode { id, .. } | ConfChange::UpdateNode { id, .. } => {
            (eraftpb::ConfChangeType::AddNode, id)
        }
        ConfChange::RemoveNode { id } => (eraftpb::ConfChangeType::RemoveNode, id),
    };
    let mut partner = eraftpb::ConfChange::default();
    partner.set_change_type(kind);
    partner.node_id = id.0;
    partner
}

/// A change as it travels beside an entry: `add 4`.
pub(super) fn context_of(change: &ConfChange<String>) -> String {
    match change {
        ConfChange::AddNode { id, .. } => format!("add {id}"),
        ConfChange::RemoveNode { id } => format!("remove {id}"),
        ConfChange::UpdateNode { id, .. } => format!("update {id}"),
    }
}

fn change_of(context: &str) -> ConfChange<String> {
    let (kind, id) = context.split_once(' ').expect("a kind and an id");
    let id = RaftId(id.parse().expect("a number"));
    let member = format!("node-{id}");
    match kind {
        "add" => ConfChange::AddNode { id, member },
        "remove" => ConfChange::RemoveNode { id },
        "update" => ConfChange::UpdateNode { id, member },
        kind => panic!("there is no change {kind}"),
    }
}

fn to_partner_entry(entry: &Entry<Text>) -> eraftpb::Entry {
    let mut partner = eraftpb::Entry { term: entry.id.term.0, index: entry.id.index, ..Default::default() };
    match &entry.data {
        EntryData::Empty => {}
        EntryData::Normal(Text(text)) => partner.data = text.as_bytes().to_vec().into(),
        EntryData::ConfChange(change) => {
            partner.set_entry_type(eraftpb::EntryType::EntryConfChange);
            partner.context = context_of(change).into_bytes().into();
        }
    }
    partner
}

pub(super) fn from_partner_entry(entry: &eraftpb::Entry) -> Entry<Text> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("all texts are ours");
    let data = match entry.get_entry_type() {
        eraftpb::EntryType::EntryNormal if entry.data.is_empty() => EntryData::Empty,
        eraftpb::EntryType::EntryNormal => EntryData::Normal(Text::new(&text(&entry.data))),
        eraftpb::EntryType::EntryConfChange => EntryData::ConfChange(change_of(&text(&entry.context))),
        eraftpb::EntryType::EntryConfChangeV2 => panic!("there is no joint consensus"),
    };
    Entry { id: id(entry.term, entry.index), data }
}

pub(super) fn to_partner(message: &Message<Text>) -> eraftpb::Message {
    let mut partner = eraftpb::Message {
        from: message.from.0,
        to: message.to.0,
        term: message.term.0,
        ..Default::default()
    };
    let kind = match &message.body {
        Body::Vote { last, transfer } => {
            (partner.log_term, partner.index) = (last.term.0, last.index);
            if *transfer {
                partner.context = ::raft::CAMPAIGN_TRANSFER.to_vec().into();
            }
            MessageType::MsgRequestVote
        }
        Body::VoteResponse { granted } => {
            partner.reject = !granted;
            MessageType::MsgRequestVoteResponse
        }
        Body::Append { previous, entries, commit } => {
            (partner.log_term, partner.index, partner.commit) = (previous.term.0, previous.index, *commit);
            partner.set_entries(entries.iter().map(to_partner_entry).collect::<Vec<_>>().into());
            MessageType::MsgAppend
        }
        Body::AppendResponse(AppendResponse::Accepted { index }) => {
            partner.index = *index;
            MessageType::MsgAppendResponse
        }
        Body::AppendResponse(AppendResponse::Rejected { rejected, hint_index, hint_term }) => {
            (partner.reject, partner.index, partner.reject_hint) = (true, *rejected, *hint_index);
            partner.log_term = hint_term.map_or(0, |term| term.0);
            MessageType::MsgAppendResponse
        }
        Body::Heartbeat { commit } => {
            partner.commit = *commit;
            MessageType::MsgHeartbeat
        }
        Body::HeartbeatResponse => MessageType::MsgHeartbeatResponse,
        Body::Snapshot(Snapshot { last, voters, data: _ }) => {
            partner.mut_snapshot().set_metadata(metadata(*last, voters));
            MessageType::MsgSnapshot
        }
        Body::TimeoutNow => MessageType::MsgTimeoutNow,
    };
    partner.set_msg_type(kind);
    partner
}

/// The commit indices that the other implementation adds to votes and answers are not passed on: they are an
/// extension of its own. Nor is the data of a snapshot, which it does not know.
pub(super) fn from_partner(
    message: &eraftpb::Message,
    snapshot: impl FnOnce() -> Snapshot<Text>,
) -> Body<Text> {
    match message.get_msg_type() {
        MessageType::MsgRequestVote => Body::Vote {
            last: id(message.log_term, message.index),
            transfer: message.context == ::raft::CAMPAIGN_TRANSFER,
        },
        MessageType::MsgRequestVoteResponse => Body::VoteResponse { granted: !message.reject },
        MessageType::MsgAppend => Body::Append {
            previous: id(message.log_term, message.index),
            entries: message.entries.iter().map(from_partner_entry).collect(),
            commit: message.commit,
        },
        MessageType::MsgAppendResponse if message.reject => Body::AppendResponse(AppendResponse::Rejected {
            rejected: message.index,
            hint_index: message.reject_hint,
            hint_term: (message.log_term != 0).then_some(Term(message.log_term)),
        }),
        MessageType::MsgAppendResponse => {
            Body::AppendResponse(AppendResponse::Accepted { index: message.index })
        }
        MessageType::MsgHeartbeat => Body::Heartbeat { commit: message.commit },
        MessageType::MsgHeartbeatResponse => Body::HeartbeatResponse,
        MessageType::MsgTimeoutNow => Body::TimeoutNow,
        MessageType::MsgSnapshot => Body::Snapshot(snapshot()),
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgPropose
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum
        | MessageType::MsgTransferLeader
        | MessageType::MsgReadIndex
        | MessageType::MsgReadIndexResp
        | MessageType::MsgRequestPreVote
        | MessageType::MsgRequestPreVoteResponse => panic!("members do not send {message:?} to each other"),
    }
}
