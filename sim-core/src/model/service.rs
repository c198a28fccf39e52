//! Service objects (spec orchestration 1.2, 10).
use std::borrow::Cow;
use std::sync::Arc;

use super::network::Endpoint;
use super::spec::{PortConfig, ServiceSpec};
use super::{Meta, ServiceId};
use crate::kernel::{Digest, SimTime, StateDigest};

/// How far an update or rollback is. An absent [`UpdateStatus`] is the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateState {
    /// Tasks are being replaced.
    Updating = 1,
    /// Too many failures; waits for the user.
    Paused = 2,
    /// Done.
    Completed = 3,
    /// Tasks are being replaced by ones of the previous spec.
    RollbackStarted = 4,
    /// Too many failures in the rollback; waits for the user.
    RollbackPaused = 5,
    /// The rollback is done.
    RollbackCompleted = 6,
}

impl UpdateState {
    /// All of them, in the order of their numbers.
    pub const ALL: [UpdateState; 6] = [
        UpdateState::Updating,
        UpdateState::Paused,
        UpdateState::Completed,
        UpdateState::RollbackStarted,
        UpdateState::RollbackPaused,
        UpdateState::RollbackCompleted,
    ];

    /// Docker's name: `rollback_started`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UpdateState::Updating => "updating",
            UpdateState::Paused => "paused",
            UpdateState::Completed => "completed",
            UpdateState::RollbackStarted => "rollback_started",
            UpdateState::RollbackPaused => "rollback_paused",
            UpdateState::RollbackCompleted => "rollback_completed",
        }
    }
}

/// State of a service's update, written by the update supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStatus {
    /// How far it is.
    pub state: UpdateState,
    /// When it began.
    pub started_at: Option<SimTime>,
    /// When it was completed; not set by a pause.
    pub completed_at: Option<SimTime>,
    /// What happened.
    pub message: Cow<'static, str>,
}

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Counts the updates of the job.
    pub iteration: u64,
    /// When the iteration began.
    pub last_execution: SimTime,
}

/// A service of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Version and times.
    pub meta: Meta,
    /// What the user wants.
    pub spec: Arc<ServiceSpec>,
    /// Version of the spec; tasks carry a copy.
    pub spec_version: Option<u64>,
    /// The spec before the last update, for a rollback.
    pub previous_spec: Option<Arc<ServiceSpec>>,
    /// Version of that spec.
    pub previous_spec_version: Option<u64>,
    /// How far an update is.
    pub update_status: Option<UpdateStatus>,
    /// Iteration of a job.
    pub job_status: Option<JobStatus>,
    /// What the allocator handed out: ports and virtual addresses.
    pub endpoint: Option<Arc<Endpoint>>,
}

impl Service {
    /// A service that nothing has been done about: no version of its spec, no update, nothing handed out.
    #[must_use]
    pub fn new(id: ServiceId, spec: Arc<ServiceSpec>) -> Self {
        Service {
            id,
            meta: Meta::default(),
            spec,
            spec_version: None,
            previous_spec: None,
            previous_spec_version: None,
            update_status: None,
            job_status: None,
            endpoint: None,
        }
    }

    /// The user's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.annotations.name
    }

    /// The ports with a number, in whatever mode: those that its spec asks for, then those that it was given.
    pub fn published_ports(&self) -> impl Iterator<Item = &PortConfig> {
        let asked = self.spec.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
        let given = self.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
        asked.chain(given).filter(|port| port.published_port != 0)
    }
}

impl StateDigest for Service {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            id,
            meta,
            spec,
            spec_version,
            previous_spec,
            previous_spec_version,
            update_status,
            job_status,
            endpoint,
        } = self;
        id.digest(digest);
        meta.digest(digest);
        spec.digest(digest);
        previous_spec.digest(digest);
        spec_version.digest(digest);
        previous_spec_version.digest(digest);
        digest.debug(&(update_status, job_status, endpoint));
    }
}
