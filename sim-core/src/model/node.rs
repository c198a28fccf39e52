//! Node objects (spec control-plane 6.1, scheduler 12).
use std::net::IpAddr;
use std::sync::Arc;

use super::network::NetworkAttachment;
use super::resources::{Platform, Resources};
use super::spec::{Annotations, Labels};
use super::{HostId, Meta, NodeId};
use crate::kernel::{Digest, StateDigest};

/// What the leader knows about a node's agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeState {
    /// Never heard of it, or not since the leader changed.
    #[default]
    Unknown = 0,
    /// Its heartbeats stopped.
    Down = 1,
    /// Its agent has a session.
    Ready = 2,
    /// Exists in the interface, never written in practice.
    Disconnected = 3,
}

impl NodeState {
    /// SwarmKit's name: `READY`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NodeState::Unknown => "UNKNOWN",
            NodeState::Down => "DOWN",
            NodeState::Ready => "READY",
            NodeState::Disconnected => "DISCONNECTED",
        }
    }
}

/// Whether the user lets a node have tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// It may get tasks.
    #[default]
    Active = 0,
    /// It keeps its tasks and gets no new ones.
    Pause = 1,
    /// Its tasks go elsewhere.
    Drain = 2,
}

impl Availability {
    /// SwarmKit's name: `ACTIVE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Availability::Active => "ACTIVE",
            Availability::Pause => "PAUSE",
            Availability::Drain => "DRAIN",
        }
    }
}

/// Part a node plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeRole {
    /// Runs tasks.
    #[default]
    Worker = 0,
    /// Runs tasks and is a member of the Raft cluster.
    Manager = 1,
}

impl NodeRole {
    /// SwarmKit's name: `WORKER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NodeRole::Worker => "WORKER",
            NodeRole::Manager => "MANAGER",
        }
    }
}

/// A node as the user wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSpec {
    /// User labels (and a name, which nodes normally lack).
    pub annotations: Annotations,
    /// The role it shall have.
    pub desired_role: NodeRole,
    /// Whether it may have tasks.
    pub availability: Availability,
}

/// What a node's agent tells about its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeDescription {
    /// Host name; names need not be unique.
    pub hostname: String,
    /// Operating system and processor; absent: not told.
    pub platform: Option<Platform>,
    /// What the machine has; absent: not told.
    pub resources: Option<Resources>,
    /// Engine facts; absent: not told.
    pub engine: Option<EngineDescription>,
}

/// What a node's agent tells about its engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineDescription {
    /// Engine version, such as `29.7.2`.
    pub version: String,
    /// Engine labels.
    pub labels: Labels,
    /// Plugins as (type, name), such as (`Volume`, `local`).
    pub plugins: Vec<(String, String)>,
}

/// What the leader wrote about a node's agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// State.
    pub state: NodeState,
    /// Why.
    pub message: std::borrow::Cow<'static, str>,
    /// Address as seen by the leader; absent before the first session.
    pub address: Option<IpAddr>,
}

/// State of a node's certificate request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IssuanceState {
    /// Asked for.
    #[default]
    Pending,
    /// Signed.
    Issued,
    /// Asked for again by a node that has one.
    Renew,
}

/// A node of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Version and times.
    pub meta: Meta,
    /// The host it lives on; how components address it, no field of the real object.
    pub host: HostId,
    /// What the user wants.
    pub spec: Arc<NodeSpec>,
    /// What its agent told; absent before the first session.
    pub description: Option<Arc<NodeDescription>>,
    /// What the leader knows of its agent.
    pub status: NodeStatus,
    /// The role it has now (spec control-plane 5.4).
    pub role: NodeRole,
    /// Role in its certificate, and how far the request is.
    pub certificate: (NodeRole, IssuanceState),
    /// Addresses of its load balancers, one for each network that it needs.
    pub attachments: Vec<NetworkAttachment>,
}

impl Node {
    /// A node that has its certificate, and of whose agent nothing is known yet.
    #[must_use]
    pub fn new(id: NodeId, host: HostId, role: NodeRole) -> Self {
        Node {
            id,
            meta: Meta::default(),
            host,
            spec: Arc::new(NodeSpec { desired_role: role, ..NodeSpec::default() }),
            description: None,
            status: NodeStatus::default(),
            role,
            certificate: (role, IssuanceState::Issued),
            attachments: Vec::new(),
        }
    }

    /// The host name it told, or nothing.
    #[must_use]
    pub fn hostname(&self) -> &str {
        self.description.as_ref().map_or("", |description| &description.hostname)
    }

    /// The value of a user label; empty if it has none of this name.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.spec.annotations.labels.get(name).map_or("", |value| value)
    }

    /// The value of an engine label; empty if it has none of this name.
    #[must_use]
    pub fn engine_label(&self, name: &str) -> &str {
        let engine = self.description.as_ref().and_then(|description| description.engine.as_ref());
        engine.and_then(|engine| engine.labels.get(name)).map_or("", |value| value)
    }

    /// True if tasks must not stay on it (spec orchestration 1.3).
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.status.state == NodeState::Down || self.spec.availability == Availability::Drain
    }
}

impl StateDigest for Node {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, meta, host, spec, description, status, role, certificate, attachments } = self;
        id.digest(digest);
        meta.digest(digest);
        host.digest(digest);
        digest.debug(&(spec, description, status, certificate));
        digest.u8(*role as u8);
        attachments.digest(digest);
    }
}
