//! What can be broken, and how it heals (decisions: messages and faults).
use super::{HostId, ZoneId};
use crate::kernel::{Ppm, SimDuration};

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One host.
    Host(HostId),
    /// All hosts of a zone.
    Zone(ZoneId),
}

/// The ports on which nodes talk to each other. A firewall can close them one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SwarmPort {
    /// 2377: everything between agents and managers, and between managers.
    Management,
    /// 7946: gossip.
    Gossip,
    /// 4789: packets between containers, and from the routing mesh to containers.
    Data,
}

impl SwarmPort {
    /// All of them.
    pub const ALL: [SwarmPort; 3] = [SwarmPort::Management, SwarmPort::Gossip, SwarmPort::Data];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            SwarmPort::Management => 2377,
            SwarmPort::Gossip => 7946,
            SwarmPort::Data => 4789,
        }
    }
}

/// Where a packet goes, which is all that a firewall looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heading {
    /// To whoever listens at this port.
    To(SwarmPort),
    /// Back to whoever has opened the connection, at a port that the system has picked and no firewall closes.
    Back,
}

/// Something that happens to hosts, engines, links or containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The hosts lose power: nobody answers, containers are lost, disks are kept.
    Crash {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// The hosts lose power, and what was on their disks is gone: they are in no swarm when they run again.
    LoseDisk {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// The engine processes die: peers get a reset at once; containers die with the next start unless they
    /// survive.
    Kill {
        /// Which.
        hosts: Vec<HostId>,
        /// True if the containers run on without their engine.
        containers_survive: bool,
    },
    /// The engines are stopped in an orderly way.
    Stop {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// The engines run again, from this instant.
    Restart {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// The engines do nothing any more; what reaches them waits.
    Freeze {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// Frozen engines go on and handle what has arrived.
    Thaw {
        /// Which.
        hosts: Vec<HostId>,
    },
    /// Nothing passes between two places.
    Cut {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if the way back stays open.
        one_way: bool,
    },
    /// Links between two places are as configured again: not cut, slow or lossy.
    Heal {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if only this direction is meant.
        one_way: bool,
    },
    /// Messages between two places take this much longer.
    Slow {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if the way back keeps its latency.
        one_way: bool,
        /// Added latency, one way.
        by: SimDuration,
    },
    /// Part of the messages between two places is lost.
    Loss {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if the way back loses nothing more.
        one_way: bool,
        /// Chance of loss per packet.
        rate: Ppm,
    },
    /// Nothing passes between two places on one port.
    Block {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if the way back stays open.
        one_way: bool,
        /// Which port.
        port: SwarmPort,
    },
    /// Part of the datagrams of gossip between two places is lost. What it sends over connections is not.
    GossipLoss {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if the way back loses nothing more.
        one_way: bool,
        /// Chance of loss per datagram.
        rate: Ppm,
    },
    /// One container ends with exit code 137.
    KillTask {
        /// The task's name: `web.2`, or `web.w1` for a global service.
        task: String,
    },
    /// Every fsync of the hosts' disks takes this much longer.
    SlowDisk {
        /// Which.
        hosts: Vec<HostId>,
        /// Added time.
        by: SimDuration,
    },
}

impl Fault {
    /// The hosts that it strikes. Faults of links and of single containers strike none.
    #[must_use]
    pub fn hosts(&self) -> &[HostId] {
        match self {
            Fault::Crash { hosts }
            | Fault::LoseDisk { hosts }
            | Fault::Kill { hosts, .. }
            | Fault::Stop { hosts }
            | Fault::Restart { hosts }
            | Fault::Freeze { hosts }
            | Fault::Thaw { hosts }
            | Fault::SlowDisk { hosts, .. } => hosts,
            Fault::Cut { .. }
            | Fault::Heal { .. }
            | Fault::Slow { .. }
            | Fault::Loss { .. }
            | Fault::Block { .. }
            | Fault::GossipLoss { .. }
            | Fault::KillTask { .. } => &[],
        }
    }

    /// True if it mends what another fault broke.
    #[must_use]
    pub fn is_repair(&self) -> bool {
        match self {
            Fault::Restart { .. } | Fault::Thaw { .. } | Fault::Heal { .. } => true,
            // A disk that is slower by nothing is as fast as it was.
            Fault::SlowDisk { by, .. } => *by == SimDuration::ZERO,
            Fault::Crash { .. }
            | Fault::LoseDisk { .. }
            | Fault::Kill { .. }
            | Fault::Stop { .. }
            | Fault::Freeze { .. }
            | Fault::Cut { .. }
            | Fault::Slow { .. }
            | Fault::Loss { .. }
            | Fault::Block { .. }
            | Fault::GossipLoss { .. }
            | Fault::KillTask { .. } => false,
        }
    }
}
