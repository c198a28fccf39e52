//! Ports of the machine that lead straight to its containers (spec networking 5.1).
//!
//! A number that the service gives is taken as it is: the scheduler keeps two tasks with one number apart. For a port
//! without a number the node takes the next one of the kernel's ephemeral range that none of its containers has. The
//! service never learns it, its task's status does.
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::kernel::{Digest, StateDigest};
use crate::model::{PortConfig, TaskId, TransportProtocol};

/// The numbers that a node chooses from. **[kernel]**, the default of Linux.
const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// The ports of one machine that lead to containers.
#[derive(Debug, Default)]
pub(super) struct HostPorts {
    bound: BTreeMap<TaskId, Vec<PortConfig>>,
    /// The number that was chosen last, for each protocol.
    last: BTreeMap<TransportProtocol, u16>,
}

impl HostPorts {
    /// The process of a task starts: its ports have numbers from here on. One that has outlived its engine keeps those
    /// that it has. If the node has no number left, the port leads nowhere.
    pub(super) fn bind(&mut self, task: TaskId, wanted: Vec<PortConfig>) {
        if wanted.is_empty() || self.bound.contains_key(&task) {
            return;
        }
        for port in wanted {
            let number = match port.published_port {
                0 => self.choose(port.protocol),
                given => Some(given),
            };
            let bound = number.map(|published_port| PortConfig { published_port, ..port });
            self.bound.entry(task).or_default().extend(bound);
        }
    }

    /// The ports that lead to the container of a task.
    pub(super) fn of(&self, task: TaskId) -> &[PortConfig] {
        self.bound.get(&task).map_or(&[], Vec::as_slice)
    }

    /// Ports of all other tasks are free again.
    pub(super) fn keep(&mut self, has_process: impl Fn(TaskId) -> bool) {
        self.bound.retain(|task, _| has_process(*task));
    }

    /// The next free number behind the last one, then again from the beginning.
    fn choose(&mut self, protocol: TransportProtocol) -> Option<u16> {
        let last = self.last.get(&protocol).copied().unwrap_or(*EPHEMERAL.end());
        let behind = EPHEMERAL.skip_while(|number| *number <= last);
        let chosen = behind.chain(EPHEMERAL).find(|number| !self.is_taken(protocol, *number))?;
        self.last.insert(protocol, chosen);
        Some(chosen)
    }

    fn is_taken(&self, protocol: TransportProtocol, number: u16) -> bool {
        let mut bound = self.bound.values().flatten();
        bound.any(|port| port.protocol == protocol && port.published_port == number)
    }
}

impl StateDigest for HostPorts {
    fn digest(&self, digest: &mut Digest) {
        let Self { bound, last } = self;
        for (task, ports) in bound {
            task.digest(digest);
            ports.digest(digest);
        }
        for number in last.values() {
            digest.u32(u32::from(*number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(published_port: u16, protocol: TransportProtocol) -> PortConfig {
        PortConfig { published_port, protocol, target_port: 80, ..PortConfig::default() }
    }

    /// PORT-047
    #[test]
    fn a_port_without_a_number_gets_the_next_one_that_is_free_on_the_node() {
        let (tcp, udp) = (TransportProtocol::Tcp, TransportProtocol::Udp);
        let mut ports = HostPorts::default();
        let bind = |ports: &mut HostPorts, task: u32, wanted: &[(u16, TransportProtocol)]| -> Vec<u16> {
            ports.bind(
                TaskId(task),
                wanted.iter().map(|(number, protocol)| port(*number, *protocol)).collect(),
            );
            ports.of(TaskId(task)).iter().map(|port| port.published_port).collect()
        };
        assert_eq!(bind(&mut ports, 1, &[(32_769, tcp)]), [32_769]);
        assert_eq!(bind(&mut ports, 2, &[(0, tcp), (0, udp), (0, tcp)]), [32_768, 32_768, 32_770]);
        assert_eq!(bind(&mut ports, 2, &[(0, tcp)]), [32_768, 32_768, 32_770], "it goes on with what it has");
        ports.keep(|task| task == TaskId(1));
        assert_eq!(ports.of(TaskId(2)), []);
        assert_eq!(bind(&mut ports, 3, &[(0, tcp)]), [32_771], "freed numbers come back after a round");
        ports.last.insert(tcp, *EPHEMERAL.end());
        assert_eq!(bind(&mut ports, 4, &[(0, tcp), (0, tcp)]), [32_768, 32_770]);
    }
}
