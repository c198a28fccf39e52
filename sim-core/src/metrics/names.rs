//! What things are called, for as long as somebody may want to print them.
use std::fmt::Write as _;
use std::sync::Arc;

use super::census::{Census, NodeEntry};
use crate::kernel::Ppm;
use crate::model::setup::{Setup, Traffic};
use crate::model::{
    Fault, HostId, IdMap, NoEffect, NodeId, ObjectId, Place, ServiceId, ServiceMode, Subject, TaskId,
    TrafficId, ZoneId,
};

/// Names of hosts and zones, and the seed from which id texts follow.
#[derive(Clone, Debug)]
pub struct Names {
    seed: u64,
    hosts: IdMap<HostId, Arc<str>>,
    zones: IdMap<ZoneId, Arc<str>>,
    /// Each source with the service that it sends to.
    traffic: Arc<[(String, String)]>,
}

impl Names {
    /// The names of a set-up.
    #[must_use]
    pub fn new(setup: &Setup, seed: u64) -> Self {
        let named = |one: &Traffic| (one.name.clone(), one.service.clone());
        let traffic = setup.traffic.iter().map(named).collect();
        let mut names = Names { seed, hosts: IdMap::new(), zones: IdMap::new(), traffic };
        for (id, host) in setup.hosts.iter() {
            names.hosts.insert(id, host.name.as_str().into());
        }
        for (id, zone) in setup.zones.iter() {
            names.zones.insert(id, zone.as_str().into());
        }
        names
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of a host.
    #[must_use]
    pub fn host(&self, host: HostId) -> &str {
        self.hosts.get(host).expect("hosts come from the set-up")
    }

    /// All hosts with their names, in id order.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &str)> {
        self.hosts.iter().map(|(id, name)| (id, &**name))
    }

    /// The name of a source of requests.
    #[must_use]
    pub fn traffic(&self, traffic: TrafficId) -> &str {
        &self.traffic[traffic.index()].0
    }

    /// The name of the service that a source sends to.
    #[must_use]
    pub fn traffic_service(&self, traffic: TrafficId) -> &str {
        &self.traffic[traffic.index()].1
    }

    /// The name of a host or zone.
    #[must_use]
    pub fn place(&self, place: Place) -> &str {
        match place {
            Place::Host(host) => self.host(host),
            Place::Zone(zone) => self.zones.get(zone).expect("zones come from the set-up"),
        }
    }

    /// A fault in words: `crash of worker-2`.
    #[must_use]
    pub fn fault(&self, fault: &Fault) -> String {
        let hosts = |hosts: &[HostId]| self.enumerate(hosts);
        let link = |from, to, one_way| self.link(from, to, one_way);
        match fault {
            Fault::Crash { hosts: which } => format!("crash of {}", hosts(which)),
            Fault::LoseDisk { hosts: which } => format!("loss of the disk of {}", hosts(which)),
            Fault::Kill { hosts: which, containers_survive: false } => {
                format!("kill of the engine on {}", hosts(which))
            }
            Fault::Kill { hosts: which, containers_survive: true } => {
                format!("kill of the engine on {}, whose containers survive", hosts(which))
            }
            Fault::Stop { hosts: which } => format!("stop of the engine on {}", hosts(which)),
            Fault::Restart { hosts: which } => format!("restart of {}", hosts(which)),
            Fault::Freeze { hosts: which } => format!("freeze of {}", hosts(which)),
            Fault::Thaw { hosts: which } => format!("thaw of {}", hosts(which)),
            Fault::Cut { from, to, one_way } => format!("cut {}", link(*from, *to, *one_way)),
            Fault::Heal { from, to, one_way } => format!("heal {}", link(*from, *to, *one_way)),
            Fault::Slow { from, to, one_way, by } => format!("delay of {by} {}", link(*from, *to, *one_way)),
            Fault::Loss { from, to, one_way, rate } => {
                format!("loss of {} {}", percent(*rate), link(*from, *to, *one_way))
            }
            Fault::Block { from, to, one_way, port } => {
                format!("block of port {} {}", port.number(), link(*from, *to, *one_way))
            }
            Fault::GossipLoss { from, to, one_way, rate } => {
                format!("loss of {} of the gossip {}", percent(*rate), link(*from, *to, *one_way))
            }
            Fault::KillTask { task } => format!("kill of the container of {task}"),
            Fault::SlowDisk { hosts: which, .. } if fault.is_repair() => {
                format!("recovery of the disk of {}", hosts(which))
            }
            Fault::SlowDisk { hosts: which, by } => format!("disk of {} slower by {by}", hosts(which)),
        }
    }

    /// Why a fault changes nothing, in words: `worker-2 runs already`.
    #[must_use]
    pub fn no_effect(&self, reason: &NoEffect) -> String {
        match reason {
            NoEffect::HasNoPower(host) => format!("{} has no power already", self.host(*host)),
            NoEffect::EngineDown(host) => format!("no engine runs on {}", self.host(*host)),
            NoEffect::EngineRuns(host) => format!("{} runs already", self.host(*host)),
            NoEffect::Frozen(host) => format!("{} is frozen already", self.host(*host)),
            NoEffect::NotFrozen(host) => format!("{} is not frozen", self.host(*host)),
            NoEffect::NoContainer { task } => format!("no container of {task} runs"),
            NoEffect::NoManager(host) => format!("no manager runs on {}", self.host(*host)),
            NoEffect::SameLink { from, to, one_way } => {
                format!("nothing changes {}", self.link(*from, *to, *one_way))
            }
        }
    }

    /// The ways between two places in words: `between w1 and w2`.
    fn link(&self, from: Place, to: Place, one_way: bool) -> String {
        let (from, to) = (self.place(from), self.place(to));
        if one_way { format!("from {from} to {to}") } else { format!("between {from} and {to}") }
    }

    fn enumerate(&self, hosts: &[HostId]) -> String {
        let mut text = String::new();
        for (place, host) in hosts.iter().enumerate() {
            let separator = match place {
                0 => "",
                _ if place + 1 == hosts.len() => " and ",
                _ => ", ",
            };
            write!(text, "{separator}{}", self.host(*host)).expect("a text takes everything");
        }
        text
    }
}

/// A chance as scenario files write it: `0.1%`.
fn percent(chance: Ppm) -> String {
    let (whole, rest) = (chance.0 / 10_000, chance.0 % 10_000);
    if rest == 0 {
        return format!("{whole}%");
    }
    let decimals = format!("{rest:04}");
    format!("{whole}.{}%", decimals.trim_end_matches('0'))
}

impl Census {
    /// The name of a node: its hostname, and `w1#2` for the second node object of a host.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> String {
        match self.node(node) {
            Some(NodeEntry { host, number: 1, .. }) => self.names().host(*host).to_owned(),
            Some(NodeEntry { host, number, .. }) => format!("{}#{number}", self.names().host(*host)),
            None => node.text(self.names().seed()),
        }
    }

    /// The name of a service.
    #[must_use]
    pub fn service_name(&self, service: ServiceId) -> String {
        self.service(service).map_or_else(|| service.text(self.names().seed()), |entry| entry.name.clone())
    }

    /// The name of a task: `web.2`, or `web.w1` for a global service.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> String {
        let Some(entry) = self.task(task) else { return task.text(self.names().seed()) };
        let Some(service) = entry.service.and_then(|service| self.service(service)) else {
            return task.text(self.names().seed());
        };
        match (service.mode, entry.node) {
            (ServiceMode::Global | ServiceMode::GlobalJob, Some(node)) => {
                format!("{}.{}", service.name, self.node_name(node))
            }
            _ => format!("{}.{}", service.name, entry.slot.0),
        }
    }

    /// What a fact is about, as traces print it: `task/web.7`.
    #[must_use]
    pub fn subject(&self, subject: Subject) -> String {
        match subject {
            Subject::Run => "run".to_owned(),
            Subject::Host(host) => format!("host/{}", self.names().host(host)),
            Subject::Node(node) => format!("node/{}", self.node_name(node)),
            Subject::Service(service) => format!("service/{}", self.service_name(service)),
            Subject::Task(task) => format!("task/{}", self.task_name(task)),
            Subject::Network(network) => {
                let name = self.network_name(network).filter(|name| !name.is_empty());
                format!("network/{}", name.map_or_else(|| network.text(self.names().seed()), str::to_owned))
            }
            Subject::Command(command) => format!("command/{}", command.0),
            Subject::Traffic(traffic) => format!("traffic/{}", self.names().traffic(traffic)),
        }
    }
}
