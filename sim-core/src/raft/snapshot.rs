//! Snapshots: taking one, sending one, restoring one (spec 2.7, 2.9, 3.7).
use super::log::Incoming;
use super::{AppendResponse, Body, EntryId, Members, Payload, ProgressState, Raft, RaftId, Role};

/// The applied state up to an entry, with the members at that point.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<P: Payload> {
    /// The last entry that the state contains.
    pub(crate) last: EntryId,
    /// The voters, ascending.
    pub(crate) voters: Vec<RaftId>,
    /// The state itself.
    pub(crate) data: P::Snapshot,
}

impl<P: Payload> Raft<P> {
    /// Puts the applied state, which the driver hands over, into a snapshot. It counts when it is durable:
    /// see [`Raft::snapshot_saved`]. None while a newer state of the leader is about to replace this one.
    ///
    /// # Panics
    /// Between a Ready and [`Raft::advance`]: the state may contain entries that are not reported as applied yet,
    /// and whoever restores it would apply them twice.
    pub(crate) fn snapshot_of(&self, data: P::Snapshot) -> Option<Snapshot<P>> {
        assert!(self.outbox.outstanding.is_none(), "a snapshot is taken after the driver has advanced");
        if self.log.incoming != Incoming::None {
            return None;
        }
        let index = self.log.applied;
        let term = self.log.term_at(index).expect("the log reaches back to what is applied");
        Some(Snapshot { last: EntryId { term, index }, voters: self.members.ids().collect(), data })
    }

    /// The driver has saved a snapshot. The log is compacted, but keeps `entries_kept` entries before the snapshot
    /// for followers that are a little behind. A snapshot that a newer one has overtaken is dropped.
    pub(crate) fn snapshot_saved(&mut self, snapshot: Snapshot<P>, entries_kept: u64) {
        let last = snapshot.last.index;
        if self.log.snapshot.as_ref().is_some_and(|newest| newest.last.index >= last) {
            return;
        }
        self.log.snapshot = Some(snapshot);
        self.log.entries.compact(last.saturating_sub(entries_kept));
    }

    /// The transport has delivered a snapshot to a peer, or has failed to. Either way the peer is probed, after
    /// its next sign of life.
    pub(crate) fn report_snapshot(&mut self, peer: RaftId, delivered: bool) {
        if self.role != Role::Leader {
            return;
        }
        let Some(progress) = self.members.progress_mut(peer) else { return };
        if !matches!(progress.state, ProgressState::Snapshot { .. }) {
            return;
        }
        if delivered {
            progress.become_probe();
        } else {
            progress.snapshot_failed();
        }
        progress.append_paused = true;
    }

    /// Sends the newest snapshot to a peer whose next entry is compacted, provided the peer lives. Like SwarmKit
    /// it names the present voters, so that a member which joined after the snapshot finds itself among them.
    pub(super) fn send_snapshot(&mut self, to: RaftId) -> bool {
        let voters = self.members.ids().collect();
        let progress = self.members.progress_mut(to).expect("snapshots go to members");
        if !progress.recent_active {
            return false;
        }
        let newest = self.log.snapshot.as_ref().expect("only a snapshot allows to compact");
        progress.become_snapshot(newest.last.index);
        let snapshot = Snapshot { voters, ..newest.clone() };
        self.send(to, Body::Snapshot(snapshot));
        true
    }

    pub(super) fn handle_snapshot(&mut self, leader: RaftId, snapshot: Snapshot<P>) {
        let index = if self.restore(snapshot) { self.log.last_index() } else { self.log.commit };
        self.send(leader, Body::AppendResponse(AppendResponse::Accepted { index }));
    }

    /// Replaces log and configuration by a snapshot, unless it brings nothing new (spec 2.9).
    fn restore(&mut self, snapshot: Snapshot<P>) -> bool {
        if snapshot.last.index <= self.log.commit || !snapshot.voters.contains(&self.id) {
            return false;
        }
        if self.log.contains(snapshot.last) {
            self.log.commit_to(snapshot.last.index);
            return false;
        }
        self.members =
            Members::of(snapshot.voters.iter().copied(), snapshot.last.index, self.config.max_inflight);
        self.log.restore(snapshot);
        true
    }

    /// Whether this member may campaign: it is a voter as far as it knows, and its state is complete.
    pub(super) fn is_promotable(&self) -> bool {
        self.members.contains(self.id) && self.log.incoming == Incoming::None
    }
}
