//! When services were being updated or rolled back.
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::{Fact, RequestsFailed, ServiceId, UpdateState};

/// An update or a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) service: ServiceId,
    pub(crate) began: SimTime,
    /// None: it went on at the end of the run.
    pub(crate) ended: Option<SimTime>,
}

impl Update {
    /// True if requests for a service were sent while it was updated.
    pub(crate) fn concerns(&self, service: Option<ServiceId>, failed: &RequestsFailed) -> bool {
        let before_the_end = self.ended.is_none_or(|ended| failed.first_sent <= ended);
        Some(self.service) == service && self.began <= failed.last_sent && before_the_end
    }
}

/// All updates in the order in which they began. An update and its rollback are one.
pub(crate) fn updates(recording: &Recording) -> Vec<Update> {
    let mut updates: Vec<Update> = Vec::new();
    for record in &recording.facts {
        let Fact::ServiceUpdateStatus { service, to, .. } = record.fact else { continue };
        let open = updates.iter_mut().rfind(|update| update.service == service && update.ended.is_none());
        let goes_on = matches!(to, Some(UpdateState::Updating | UpdateState::RollbackStarted));
        match open {
            Some(update) if !goes_on => update.ended = Some(record.time),
            None if goes_on => updates.push(Update { service, began: record.time, ended: None }),
            Some(_) | None => {}
        }
    }
    updates
}
