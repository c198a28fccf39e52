//! What comes from outside during a run.
use std::sync::Arc;

use crate::kernel::SimTime;
use crate::model::command::DockerCommand;
use crate::model::{CommandId, Fault, HostId, TrafficId};

/// Something that comes from outside, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: SimTime,
    /// What.
    pub stimulus: Stimulus,
}

/// Something that comes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stimulus {
    /// A client runs commands, each after the answer to the one before.
    Commands {
        /// Where; none: the first manager in the file whose engine runs.
        host: Option<HostId>,
        /// At least one.
        commands: Vec<ClientCommand>,
    },
    /// A fault strikes.
    Fault(Arc<Fault>),
    /// A fault that was given a duration ends. The fault is its cause.
    Healing {
        /// Place in the timeline of the fault that ends.
        of: usize,
        /// What ends it, such as a heal for a cut and a restart for a crash.
        fault: Arc<Fault>,
    },
    /// Clients begin to send requests.
    Traffic(TrafficId),
    /// A remark for the reader.
    Note(Arc<str>),
}

/// One docker command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCommand {
    /// Its number, counted over the whole timeline.
    pub id: CommandId,
    /// The words after `docker`, as the author wrote them.
    pub line: Arc<str>,
    /// What they mean.
    pub command: Arc<DockerCommand>,
}
