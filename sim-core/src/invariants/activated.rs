//! Whatever takes connections on a node was activated by its owner, and the node has not heard that it is disabled
//! (spec networking 11, I6).
use std::collections::{BTreeMap, BTreeSet};

use super::Invariant;
use crate::model::{BackendEvent, ContainerEvent, Fact, FactRecord, Fault, HostId, NetworkId, TaskId};

/// Follows what nodes tell about their backends.
#[derive(Debug, Default)]
pub(super) struct ActivatedBackends {
    /// Where containers run or have run.
    owners: BTreeMap<TaskId, HostId>,
    activated: BTreeSet<(NetworkId, TaskId)>,
    /// What each node knows as disabled.
    disabled: BTreeSet<(HostId, NetworkId, TaskId)>,
}

impl Invariant for ActivatedBackends {
    fn name(&self) -> &'static str {
        "backends were activated by their owners"
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        if let Fact::Container { task, host, event: ContainerEvent::Started } = &record.fact {
            self.owners.insert(*task, *host);
        }
        if let Fact::Fault { fault } = &record.fact {
            self.forget(fault);
        }
        let Fact::Backends { host, network, event, tasks, .. } = &record.fact else { return Ok(()) };
        tasks.iter().try_for_each(|task| self.follow(*host, *network, *event, *task))
    }
}

impl ActivatedBackends {
    fn follow(
        &mut self,
        host: HostId,
        network: NetworkId,
        event: BackendEvent,
        task: TaskId,
    ) -> Result<(), String> {
        match event {
            BackendEvent::Added => {
                if self.owners.get(&task) == Some(&host) {
                    self.activated.insert((network, task));
                }
                if !self.activated.contains(&(network, task)) {
                    return Err(format!("{host:?} knows {task:?} on {network:?} before its owner"));
                }
                if self.disabled.contains(&(host, network, task)) {
                    return Err(format!("{host:?} has heard that {task:?} on {network:?} is disabled"));
                }
            }
            BackendEvent::Disabled => {
                self.disabled.insert((host, network, task));
            }
            BackendEvent::Removed => {
                self.disabled.remove(&(host, network, task));
            }
        }
        Ok(())
    }

    /// A machine or an engine that begins anew knows nothing of what it has heard.
    fn forget(&mut self, fault: &Fault) {
        let (Fault::Crash { hosts }
        | Fault::Kill { hosts, .. }
        | Fault::LoseDisk { hosts }
        | Fault::Stop { hosts }
        | Fault::Restart { hosts }) = fault
        else {
            return;
        };
        self.disabled.retain(|(host, ..)| !hosts.contains(host));
    }
}
