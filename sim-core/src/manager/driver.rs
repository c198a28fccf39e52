//! Drives Raft: writes to the disk, sends, applies, in the order of spec control-plane 2.12.
use std::sync::Arc;

use super::Manager;
use super::transport::Handover;
use crate::model::{Defect, Fact, FactId, RaftRole};
use crate::protocol::{Effects, ManagerSnapshot, ManagerTimer, StoreEntry, Timer};
use crate::raft::{EntryData, Ready, Role, SoftState};
use crate::store::ChangeSet;

impl Manager {
    /// Takes what Raft hands out, as long as it hands out anything and nothing waits for the disk.
    pub(super) fn pump(&mut self, out: &mut Effects) {
        self.hear_wishes(out);
        while self.persisting.is_none() {
            self.propose_next(out);
            let Some(ready) = self.raft.ready() else { return };
            if ready.persist.must_sync {
                self.persisting = Some(ready);
                out.set_timer(Timer::Manager(ManagerTimer::Persisted), out.now() + self.kit.write_time());
            } else {
                self.perform(ready, out);
            }
        }
    }

    /// The disk has what it was given.
    pub(super) fn persisted(&mut self, out: &mut Effects) {
        let ready = self.persisting.take().expect("something was on its way to the disk");
        self.perform(ready, out);
        if std::mem::take(&mut self.tick_waits) {
            self.tick_raft(out);
        }
    }

    fn perform(&mut self, ready: Ready<StoreEntry>, out: &mut Effects) {
        let cause = out.cause();
        self.disk.write(&ready.persist);
        self.break_wedge(ready.soft_state, out);
        for message in ready.messages {
            if let Handover::Unreachable(reports) = self.transport.send(message, out) {
                self.report(reports);
            }
        }
        out.set_cause(cause);
        if let Some(snapshot) = &ready.persist.snapshot {
            self.load_snapshot(&snapshot.data, false);
        }
        self.tell_role(ready.soft_state, out);
        let applied: Vec<u64> = ready.committed.iter().map(|entry| entry.id.index).collect();
        for entry in ready.committed {
            self.apply(entry.id.index, entry.data, out);
        }
        self.raft.advance();
        self.maybe_snapshot();
        self.campaign_if_alone();
        self.maybe_lead(out);
        for index in applied {
            self.membership_applied(index, out);
        }
    }

    /// A member that is alone when it has applied what its disk held needs no election timeout (spec control-plane
    /// 3.1). It looks once in the life of its process.
    pub(super) fn campaign_if_alone(&mut self) {
        if self.restored_to.is_none_or(|index| self.raft.applied_index() < index) {
            return;
        }
        self.restored_to = None;
        if self.raft.is_sole_voter() && self.raft.role() == Role::Follower {
            self.raft.campaign();
        }
    }

    /// Tells a change of role or leader, and every further candidacy.
    fn tell_role(&mut self, soft_state: Option<SoftState>, out: &mut Effects) {
        let cause = self.role_causes.of_change.take().unwrap_or(out.cause());
        let term = self.raft.term();
        let again = self.raft.role() == Role::Candidate && self.told_candidacy < term;
        let Some(soft_state) = soft_state.or(again.then(|| self.raft.soft_state())) else { return };
        if soft_state.role == Role::Candidate {
            self.told_candidacy = term;
        }
        let role = match soft_state.role {
            Role::Follower => RaftRole::Follower,
            Role::Candidate => RaftRole::Candidate,
            Role::Leader => RaftRole::Leader,
        };
        let (host, leader) = (self.host, self.leader_host());
        if let Some(leader) = leader {
            out.follows(host, leader);
        }
        out.set_cause(cause);
        if self.kit.sabotage.is(Defect::InventCause) {
            out.set_cause(FactId(u64::MAX));
        }
        let fact = out.fact(Fact::RaftRole { host, role, term: term.0, leader });
        out.set_cause(fact);
        self.role_causes.told = Some(fact);
        if role != RaftRole::Leader {
            self.stop_leading(out);
        }
    }

    fn apply(&mut self, index: u64, data: EntryData<StoreEntry>, out: &mut Effects) {
        match data {
            EntryData::Empty => {}
            EntryData::Normal(StoreEntry(changes)) => self.apply_changes(index, &changes, out),
            EntryData::ConfChange(change) => self.apply_conf_change(&change, out),
        }
    }

    fn apply_changes(&mut self, index: u64, changes: &Arc<ChangeSet>, out: &mut Effects) {
        let skips = self.kit.sabotage.is(Defect::SkipChanges) && !self.leads() && index.is_multiple_of(32);
        if !skips {
            self.store.apply(changes);
        }
        let mut causes = out.tell_commit(self.kit.lineage, index, changes);
        if self.kit.sabotage.is(Defect::ForgetCause) {
            causes.fill(FactId::START);
        }
        self.publish_applied(index, changes, causes, out);
    }

    /// Takes a snapshot when enough entries were applied since the last one (spec control-plane 3.7).
    fn maybe_snapshot(&mut self) {
        let raft_config = self.store.cluster().map(|cluster| cluster.spec.raft).unwrap_or_default();
        let since = self.raft.applied_index().saturating_sub(self.raft.snapshot_index());
        if raft_config.snapshot_interval == 0 || since < raft_config.snapshot_interval {
            return;
        }
        let data = ManagerSnapshot {
            store: Arc::new(self.store.clone()),
            members: self.members.clone(),
            removed: self.removed.clone(),
        };
        if let Some(snapshot) = self.raft.snapshot_of(data) {
            self.disk.save_snapshot(&snapshot);
            self.raft.snapshot_saved(snapshot, raft_config.log_entries_for_slow_followers);
        }
    }
}
