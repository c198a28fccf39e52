//! All that a component can hear and say: events, timers, messages, and the [`Effects`] of a step.
mod api;
mod effects;
mod entry;
mod lives;
mod messages;
mod network_orders;
mod silences;
mod timers;

pub(crate) use api::decimal::general_notation;
pub use api::{
    ApiError, ApiRead, ApiRequest, ApiResponse, ApiWrite, Filters, ManagerStatus, MemberList, NetworkError,
    NodeListing, NodeQuery, ObjectKind, ServiceDetails, ServiceListing, SpecError, SwarmDetails, TaskListing,
};
pub(crate) use api::{EngineInfo, EngineRequest, EngineResponse, LocalState};
pub(crate) use effects::Effects;
pub(crate) use entry::{ManagerSnapshot, Member, StoreEntry};
pub(crate) use lives::Lives;
pub(crate) use messages::{
    Answer, Assignment, Assignments, CallError, CallId, CertificateRequest, Component, Envelope, Lineage,
    Message, ReplyTo, Request, Response, Seat, SessionId, SessionMessage, Status, StatusCode, StatusUpdate,
    StreamItem,
};
pub(crate) use network_orders::{NetworkOrder, Program};
pub use timers::LoopKind;
pub(crate) use timers::{AgentTimer, ClientTimer, LoopTimer, ManagerTimer, NodeTimer, Timer};

use crate::model::{FactId, HostId};

/// One thing that can happen next. Ordered by time and sequence, never by content.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A timer of a component on a host. `life` says which one set it ([`Lives`]): a later one does not hear it.
    Fire { host: HostId, life: u32, timer: Timer, cause: FactId },
    /// A message reaches a host. `life` is the process that it was meant for when it was sent.
    Deliver(Box<Envelope>),
    /// A second of traffic is over.
    Traffic,
    /// Something comes from outside: a command, a fault or a note, by its place in the timeline.
    Stimulus(u32),
}
