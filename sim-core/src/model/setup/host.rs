//! Machines and the links between their zones.
use std::net::Ipv4Addr;

use crate::kernel::{Ppm, SimDuration};
use crate::model::{Availability, Labels, Platform, Resources, ZoneId};

/// What a host is in the swarm at time zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SwarmPart {
    /// A manager.
    Manager,
    /// A worker.
    #[default]
    Worker,
    /// No part: it may join later.
    None,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSetup {
    /// Its name, also its hostname in the swarm.
    pub name: String,
    /// Where it stands.
    pub zone: ZoneId,
    /// What it is in the swarm at time zero.
    pub part: SwarmPart,
    /// Availability of its node at time zero.
    pub availability: Availability,
    /// Labels of its node at time zero.
    pub labels: Labels,
    /// What its agent offers to the swarm. Default 4 CPUs and 8 GiB.
    pub resources: Resources,
    /// Operating system and processor. Default linux/x86_64.
    pub platform: Platform,
    /// Its address. Default: 172.31.0.1 upwards.
    pub address: Ipv4Addr,
}

impl HostSetup {
    /// A worker with the defaults for everything but its name, zone and address.
    #[must_use]
    pub fn new(name: &str, zone: ZoneId, address: Ipv4Addr) -> Self {
        HostSetup {
            name: name.to_owned(),
            zone,
            part: SwarmPart::Worker,
            availability: Availability::Active,
            labels: Labels::new(),
            resources: Resources { nano_cpus: 4_000_000_000, memory_bytes: 8 << 30, generic: Vec::new() },
            platform: Platform { os: "linux".to_owned(), architecture: "x86_64".to_owned() },
            address,
        }
    }
}

/// How messages pass between two zones, or inside one, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSetup {
    /// The two zones; equal for the links inside one.
    pub between: (ZoneId, ZoneId),
    /// Time a message takes, one way.
    pub latency: SimDuration,
    /// A message takes up to this much longer or shorter.
    pub jitter: SimDuration,
    /// Chance that a packet is lost.
    pub loss: Ppm,
}
