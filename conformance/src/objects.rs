//! Nodes, services and reservations as the recordings of the scheduler and the orchestrators write them.
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use sim_core::model::{
    Annotations, Availability, EngineDescription, GenericResource, HostId, Node, NodeDescription, NodeId,
    NodeRole, NodeSpec, NodeState, NodeStatus, Platform, PortConfig, PublishMode, Reservations, Resources,
    TransportProtocol,
};

/// A node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedNode {
    /// Its name in the recording.
    pub id: String,
    #[serde(default)]
    hostname: String,
    state: RecordedState,
    availability: RecordedAvailability,
    role: RecordedRole,
    ip: Option<std::net::IpAddr>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    engine_labels: BTreeMap<String, String>,
    platform: Option<RecordedPlatform>,
    #[serde(default)]
    nano_cpus: i64,
    #[serde(default)]
    memory_bytes: i64,
    #[serde(default)]
    generic: BTreeMap<String, RecordedGeneric>,
}

/// State of a node.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are SwarmKit's")]
pub enum RecordedState {
    Unknown,
    Down,
    Ready,
    Disconnected,
}

/// Availability of a node.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are SwarmKit's")]
pub enum RecordedAvailability {
    Active,
    Pause,
    Drain,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum RecordedRole {
    Worker,
    Manager,
}

/// A platform of a node or an image; an absent part of an image's is any.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    arch: String,
}

/// A generic resource of a node: a number, or names.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum RecordedGeneric {
    Discrete(i64),
    Named(Vec<String>),
}

/// What each task of a service reserves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedReservation {
    #[serde(default)]
    nano_cpus: i64,
    #[serde(default)]
    memory_bytes: i64,
    #[serde(default)]
    generic: BTreeMap<String, i64>,
}

/// A port published in host mode.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedHostPort {
    port: u16,
    protocol: RecordedProtocol,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordedProtocol {
    Tcp,
    Udp,
}

impl RecordedNode {
    /// The node object under this id.
    #[must_use]
    pub fn to_node(&self, id: NodeId) -> Node {
        let role = match self.role {
            RecordedRole::Worker => NodeRole::Worker,
            RecordedRole::Manager => NodeRole::Manager,
        };
        let annotations = Annotations { name: String::new(), labels: self.labels.clone() };
        Node {
            spec: Arc::new(NodeSpec {
                annotations,
                desired_role: role,
                availability: self.availability.into(),
            }),
            description: Some(Arc::new(self.description())),
            status: NodeStatus { state: self.state.into(), message: "".into(), address: self.ip },
            ..Node::new(id, HostId(id.0), role)
        }
    }

    fn description(&self) -> NodeDescription {
        let generic = self.generic.iter().flat_map(|(kind, resource)| match resource {
            RecordedGeneric::Discrete(value) => {
                vec![GenericResource::Discrete { kind: kind.clone(), value: *value }]
            }
            RecordedGeneric::Named(names) => {
                let name =
                    |value: &String| GenericResource::Named { kind: kind.clone(), value: value.clone() };
                names.iter().map(name).collect()
            }
        });
        let engine = EngineDescription { labels: self.engine_labels.clone(), ..EngineDescription::default() };
        NodeDescription {
            hostname: self.hostname.clone(),
            platform: self.platform.as_ref().map(RecordedPlatform::to_platform),
            resources: Some(Resources {
                nano_cpus: self.nano_cpus,
                memory_bytes: self.memory_bytes,
                generic: generic.collect(),
            }),
            engine: Some(engine),
        }
    }
}

impl RecordedPlatform {
    /// The platform object.
    #[must_use]
    pub fn to_platform(&self) -> Platform {
        Platform { os: self.os.clone(), architecture: self.arch.clone() }
    }
}

impl RecordedReservation {
    /// The reservations object.
    #[must_use]
    pub fn to_reservations(&self) -> Reservations {
        let generic = self.generic.iter();
        Reservations {
            nano_cpus: self.nano_cpus,
            memory_bytes: self.memory_bytes,
            generic: generic
                .map(|(kind, value)| GenericResource::Discrete { kind: kind.clone(), value: *value })
                .collect(),
        }
    }
}

impl RecordedHostPort {
    /// The port object.
    #[must_use]
    pub fn to_port(&self) -> PortConfig {
        PortConfig {
            protocol: match self.protocol {
                RecordedProtocol::Tcp => TransportProtocol::Tcp,
                RecordedProtocol::Udp => TransportProtocol::Udp,
            },
            target_port: self.port,
            published_port: self.port,
            publish_mode: PublishMode::Host,
            ..PortConfig::default()
        }
    }
}

impl From<RecordedState> for NodeState {
    fn from(state: RecordedState) -> Self {
        match state {
            RecordedState::Unknown => NodeState::Unknown,
            RecordedState::Down => NodeState::Down,
            RecordedState::Ready => NodeState::Ready,
            RecordedState::Disconnected => NodeState::Disconnected,
        }
    }
}

impl From<RecordedAvailability> for Availability {
    fn from(availability: RecordedAvailability) -> Self {
        match availability {
            RecordedAvailability::Active => Availability::Active,
            RecordedAvailability::Pause => Availability::Pause,
            RecordedAvailability::Drain => Availability::Drain,
        }
    }
}
