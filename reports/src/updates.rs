//! When services were being updated or rolled back.
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::{Fact, FactId, FactRecord, RequestsFailed, ServiceId, UpdateState};

/// An update or a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) service: ServiceId,
    pub(crate) began: SimTime,
    /// None: it went on at the end of the run.
    pub(crate) ended: Option<SimTime>,
    /// The commands that it is about: the first one, and those that changed the service meanwhile.
    commands: Vec<FactId>,
}

impl Update {
    /// True if requests for a service were sent while it was updated, all of them.
    pub(crate) fn concerns(&self, service: Option<ServiceId>, failed: &RequestsFailed) -> bool {
        let before_the_end = self.ended.is_none_or(|ended| failed.last_sent <= ended);
        Some(self.service) == service && self.began <= failed.first_sent && before_the_end
    }

    /// True if what begins with a command or a fault is a part of the update.
    pub(crate) fn is_of(&self, origin: FactId) -> bool {
        self.commands.contains(&origin)
    }
}

/// All updates in the order in which they began. An update and its rollback are one.
pub(crate) fn updates(recording: &Recording) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::new();
    for record in &recording.facts {
        let (service, status) = if let Fact::ServiceUpdateStatus { service, to, .. } = record.fact {
            (service, Some(to))
        } else if let Fact::ServiceUpdated { service } = record.fact {
            (service, None)
        } else {
            continue;
        };
        let open = updates.iter_mut().rfind(|update| update.service == service && update.ended.is_none());
        let goes_on = |to| matches!(to, Some(UpdateState::Updating | UpdateState::RollbackStarted));
        let is_command = |id: &FactId| {
            recording.fact(*id).is_some_and(|origin| matches!(origin.fact, Fact::Command { .. }))
        };
        let commands = || origin_of(recording, record.id).filter(is_command).into_iter();
        match (open, status) {
            (Some(update), Some(to)) if !goes_on(to) => update.ended = Some(record.time),
            (Some(update), _) => update.commands.extend(commands()),
            (None, Some(to)) if goes_on(to) => {
                let commands = commands().collect();
                updates.push(Update { service, began: record.time, ended: None, commands });
            }
            (None, _) => {}
        }
    }
    updates
}

/// The command or fault at which the chain of causes of a fact begins.
pub(crate) fn origin_of(recording: &Recording, of: FactId) -> Option<FactId> {
    let is_origin = |cause: &&FactRecord| matches!(cause.fact, Fact::Command { .. } | Fact::Fault { .. });
    recording.causes(of).find(is_origin).map(|origin| origin.id)
}
