//! What a run starts from: hosts, links, images, settings, and what comes from outside during the run.
//!
//! All names are resolved and all units are integers: nothing of this can be wrong any more. Only the seed is not
//! part of it. Where a scenario leaves something out, the defaults of this module hold (decisions: default numbers).
mod host;
mod image;
mod initial;
mod timeline;
mod traffic;

pub use host::{HostSetup, LinkSetup, SwarmPart};
pub use image::{Exit, HealthBehaviour, ImageProfile, ImageSetup, Images, image_name};
pub use initial::{HeartbeatPhase, Initial, InitialService};
pub use timeline::{ClientCommand, Stimulus, TimelineEntry};
pub use traffic::{ClientBehaviour, EntryCheck, Load, Origin, ServerBehaviour, SlowStart, Spread, Traffic};

use super::{ClusterSpec, HostId, IdMap, Sabotage, ZoneId};
use crate::kernel::{SimDuration, SimTime};

/// Everything a run depends on, except its seed.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// State of the world at time zero.
    pub start: Start,
    /// What a settled cluster holds besides its nodes.
    pub initial: Initial,
    /// All hosts: managers first, each group in the order of the file.
    pub hosts: IdMap<HostId, HostSetup>,
    /// Names of the zones, in the order in which hosts mention them.
    pub zones: IdMap<ZoneId, String>,
    /// Links that differ from the settings.
    pub links: Vec<LinkSetup>,
    /// Everything that holds for the whole cluster.
    pub settings: Settings,
    /// How containers of each image behave.
    pub images: Images,
    /// Who sends requests. The timeline says when; what programs ask for while they serve requests has no entry.
    pub traffic: Vec<Traffic>,
    /// What happens from outside, in order of time.
    pub timeline: Vec<TimelineEntry>,
    /// The run ends after the last event of this instant.
    pub until: SimTime,
    /// A defect that a test puts in; none otherwise.
    pub sabotage: Sabotage,
}

/// State of the world at time zero (decisions: the world at t = 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// A cluster that was left alone for a while: a leader, all nodes READY, no service.
    #[default]
    Settled,
    /// Engines run, there is no swarm.
    Empty,
    /// The disks of a settled cluster, without power.
    Off,
}

/// Who wins where reality draws lots by the order of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// The lowest id.
    #[default]
    ById,
    /// A random one, different for each seed.
    Seeded,
}

/// How tasks are placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlacementStrategy {
    /// As swarm mode does.
    #[default]
    Swarmkit,
    /// The spread of classic Swarm.
    ClassicSpread,
    /// The binpack of classic Swarm.
    ClassicBinpack,
    /// The random strategy of classic Swarm.
    ClassicRandom,
}

/// What holds for the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Heartbeat period, task history and snapshot interval of the swarm.
    pub cluster: ClusterSpec,
    /// Who wins a tie. Default: the lowest id.
    pub ties: Ties,
    /// How tasks are placed. Default: as swarm mode does.
    pub scheduler: PlacementStrategy,
    /// Latency between two hosts of a zone, one way. Default 0.2 ms.
    pub latency_same_zone: SimDuration,
    /// Latency between hosts of different zones, one way. Default 1 ms.
    pub latency_between_zones: SimDuration,
    /// Shortest time in which a manager makes something durable. Default 0.5 ms.
    pub persist_min: SimDuration,
    /// Longest time in which a manager makes something durable; between the two it is uniform. Default 1.5 ms.
    pub persist_max: SimDuration,
    /// How long an engine waits for the answer to a client's call. Default 20 s.
    pub call_limit: SimDuration,
    /// By how much each pass of the dispatcher comes later than it should, as timers of a busy machine do. It adds up,
    /// since passes are timed from the end of the one before. Default 0. Scenario files do not set it.
    pub batch_lateness: SimDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            cluster: ClusterSpec::default(),
            ties: Ties::default(),
            scheduler: PlacementStrategy::default(),
            latency_same_zone: SimDuration::from_micros(200),
            latency_between_zones: SimDuration::from_millis(1),
            persist_min: SimDuration::from_micros(500),
            persist_max: SimDuration::from_micros(1_500),
            call_limit: SimDuration::from_secs(20),
            batch_lateness: SimDuration::ZERO,
        }
    }
}

impl Setup {
    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().find(|(_, host)| host.name == name).map(|(id, _)| id)
    }

    /// The zone of this name.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        self.zones.iter().find(|(_, zone)| *zone == name).map(|(id, _)| id)
    }

    /// The hosts that are managers at the start, in order.
    pub fn managers(&self) -> impl Iterator<Item = HostId> {
        self.hosts.iter().filter(|(_, host)| host.part == SwarmPart::Manager).map(|(id, _)| id)
    }
}
