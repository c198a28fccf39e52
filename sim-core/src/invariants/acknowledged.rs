//! What a docker client was told to be done is in the log and in the store of every later leader
//! (spec control-plane 10, I-S3).
//!
//! A write carries the fact of its command. When the command succeeds, the entries that it had committed until
//! then are due: whoever starts to lead afterwards must have applied them, and must have the services they created
//! unless those were removed since. A removal is known from its entry, and from its fact where the entry was
//! compacted in the very event that applied it.
use std::collections::{BTreeMap, BTreeSet};

use super::Invariant;
use crate::manager::Manager;
use crate::model::{CommandId, Fact, FactId, FactRecord, HostId, ServiceId};
use crate::protocol::StoreEntry;
use crate::raft::{EntryData, EntryId, RaftId, Role, Term};
use crate::store::ObjectChange;

/// The writes of commands.
#[derive(Debug, Default)]
pub(super) struct AcknowledgedWrites {
    /// What commands have written that still run.
    running: BTreeMap<FactId, Written>,
    /// What succeeded commands have written.
    due: BTreeMap<EntryId, CommandId>,
    /// Services that were created for a command that succeeded.
    services: BTreeMap<ServiceId, CommandId>,
    removed: BTreeSet<ServiceId>,
    /// How far the committed log was followed.
    followed: u64,
    /// The last term in which each member was looked at as a leader.
    checked: BTreeMap<RaftId, Term>,
}

#[derive(Debug, Default)]
struct Written {
    entries: Vec<EntryId>,
    services: Vec<ServiceId>,
}

impl AcknowledgedWrites {
    /// Notes which of the newly committed entries belong to commands.
    fn follow(&mut self, manager: &Manager) {
        let raft = manager.raft();
        let applied = raft.applied_index();
        for entry in raft.entries_from(self.followed + 1).take_while(|entry| entry.id.index <= applied) {
            let EntryData::Normal(StoreEntry(changes)) = &entry.data else { continue };
            for change in changes.iter() {
                if let ObjectChange::Service(delta) = &change.object
                    && delta.new.is_none()
                {
                    self.removed.insert(delta.id());
                }
                let Some(written) = self.running.get_mut(&change.cause) else { continue };
                written.entries.push(entry.id);
                if let ObjectChange::Service(delta) = &change.object
                    && delta.old.is_none()
                {
                    written.services.push(delta.id());
                }
            }
        }
        self.followed = self.followed.max(applied);
    }

    fn check(&self, host: HostId, manager: &Manager) -> Result<(), String> {
        let raft = manager.raft();
        for (entry, command) in &self.due {
            let is_compacted = entry.index < raft.first_index();
            let is_there = raft.term_at(entry.index) == Some(entry.term);
            if raft.applied_index() < entry.index || !(is_compacted || is_there) {
                return Err(format!(
                    "{host:?} leads without entry {entry}, which {command:?} was told to be done"
                ));
            }
        }
        let lost = self.services.iter().find(|(service, _)| {
            !self.removed.contains(service) && manager.store().service(**service).is_none()
        });
        match lost {
            Some((service, command)) => {
                Err(format!("{host:?} leads without {service:?}, which {command:?} was told to be created"))
            }
            None => Ok(()),
        }
    }
}

impl Invariant for AcknowledgedWrites {
    fn name(&self) -> &'static str {
        "no acknowledged write is lost"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        if manager.raft().applied_index() > self.followed {
            self.follow(manager);
        }
        // A leader that was deposed learns it with its next Ready: until then its loops run.
        let is_leader = manager.leads() && manager.raft().role() == Role::Leader;
        let (id, term) = (manager.raft().id(), manager.raft().term());
        if !is_leader || self.checked.insert(id, term) == Some(term) {
            return Ok(());
        }
        self.check(host, manager)
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        if let Fact::ServiceRemoved { service } = record.fact {
            self.removed.insert(service);
        }
        if let Fact::Command { .. } = record.fact {
            self.running.insert(record.id, Written::default());
        }
        if let Fact::Answer { command, exit, .. } = record.fact
            && let Some(written) = self.running.remove(&record.cause)
            && exit == 0
        {
            self.due.extend(written.entries.into_iter().map(|entry| (entry, command)));
            self.services.extend(written.services.into_iter().map(|service| (service, command)));
        }
        Ok(())
    }
}
