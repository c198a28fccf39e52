//! Messages between components. A *call* is a request that ends with an answer; a call can be a *stream*, which
//! brings items before its answer. Calls ride on connections: in order per pair of hosts and direction.
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{ApiError, ApiRequest, ApiResponse, Member, StoreEntry};
use crate::kernel::{Digest, StateDigest};
use crate::model::{
    Availability, ClusterId, FactId, Heading, HostId, Node, NodeDescription, NodeId, NodeRole, Task, TaskId,
    TaskStatus,
};
use crate::raft::{self, RaftId};

/// A component of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Component {
    /// Runs tasks.
    Agent,
    /// Keeps the store, and leads or follows.
    Manager,
    /// A user's docker client, together with the engine's API that it talks to.
    Client,
    /// The host's membership in a swarm: joins, renews the certificate, starts and stops the manager.
    Node,
}

/// Names one call of the run, with the component that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId {
    pub(crate) caller: Component,
    pub(crate) number: u64,
}

/// Who waits for the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReplyTo {
    pub(crate) host: HostId,
    pub(crate) call: CallId,
}

impl StateDigest for CallId {
    fn digest(&self, digest: &mut Digest) {
        let Self { caller, number } = *self;
        digest.u8(caller as u8);
        digest.u64(number);
    }
}

impl StateDigest for ReplyTo {
    fn digest(&self, digest: &mut Digest) {
        let Self { host, call } = self;
        host.digest(digest);
        call.digest(digest);
    }
}

impl ReplyTo {
    /// Comes before all others.
    pub(crate) const FIRST: ReplyTo =
        ReplyTo { host: HostId(0), call: CallId { caller: Component::Agent, number: 0 } };
}

/// Names one session of an agent with a dispatcher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: HostId,
    pub(crate) to: HostId,
    /// The engine process of the receiver that a connection led to; a later one does not hear it.
    pub(crate) to_life: u32,
    pub(crate) cause: FactId,
    pub(crate) heading: Heading,
    pub(crate) message: Message,
}

/// What one component tells another.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// To the manager of a host: do something and answer.
    Request { call: CallId, request: Request },
    /// To the caller: the next item of a stream.
    Item { call: CallId, item: StreamItem },
    /// To the caller: the end of a call.
    Answer { call: CallId, answer: Answer },
    /// To the manager of a host: the caller of a stream is not interested any longer.
    HangUp { call: CallId },
    /// To everybody with a connection to a process that died: all calls to it and from it are over.
    Reset,
}

impl Message {
    /// True if an agent has asked for it.
    pub(crate) fn is_for_agent(&self) -> bool {
        match self {
            Message::Item { call, .. } | Message::Answer { call, .. } => call.caller == Component::Agent,
            Message::Request { .. } | Message::HangUp { .. } | Message::Reset => false,
        }
    }

    /// The call that this message begins on a connection of its own, if it does.
    ///
    /// An agent that opens a session dials anew (spec control-plane 7.1), and so does a host for each step of joining and
    /// for a certificate (8.3): what waits on the connection that it has closed never arrives. The host of an agent that
    /// dials another has no manager, so nobody else uses that connection.
    pub(crate) fn begins_connection(&self) -> Option<CallId> {
        let Message::Request { call, request } = self else { return None };
        match request {
            Request::Session { .. }
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_) => Some(*call),
            Request::Api(_)
            | Request::Assignments { .. }
            | Request::Heartbeat { .. }
            | Request::UpdateTaskStatus { .. }
            | Request::Raft(_)
            | Request::Health
            | Request::Forwarded { .. } => None,
        }
    }
}

/// How a call ended.
pub(crate) type Answer = Result<Response, CallError>;

/// What a manager can be asked for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// An agent opens a session: a stream of [`SessionMessage`]s (spec control-plane 6.4).
    Session { node: NodeId, session: Option<SessionId>, description: Arc<NodeDescription> },
    /// An agent is alive (spec control-plane 6.3).
    Heartbeat { node: NodeId, session: SessionId },
    /// An agent reports what became of tasks (spec control-plane 6.6).
    UpdateTaskStatus { node: NodeId, session: SessionId, updates: Arc<[StatusUpdate]> },
    /// An agent asks what to do: a stream of [`Assignments`] (spec control-plane 6.8).
    Assignments { node: NodeId, session: SessionId },
    /// A docker client asks for something.
    Api(Box<ApiRequest>),
    /// A message of the Raft algorithm to the member with this id (spec control-plane 3.5).
    Raft(Box<raft::Message<StoreEntry>>),
    /// Is the Raft service of this manager reachable (spec control-plane 3.5)?
    Health,
    /// Somebody without a certificate asks for the root certificate of the swarm (spec control-plane 8.3).
    RootCertificate,
    /// A host asks for a certificate (spec control-plane 8.3, 8.4).
    IssueCertificate(CertificateRequest),
    /// A node asks for the certificate that it has requested, and waits until that is signed.
    CertificateStatus { node: NodeId },
    /// A manager that has no part in the Raft cluster yet wants one (spec control-plane 3.3).
    JoinRaft(Member),
    /// A manager passes on what it was asked; `from` is the host that asked it (spec control-plane 3.6).
    Forwarded { from: HostId, request: Box<Request> },
}

/// For whom a certificate is requested.
#[derive(Clone, Debug)]
pub(crate) enum CertificateRequest {
    /// A host that is in no swarm. The token alone decides its role.
    Join { host: HostId, token: String, availability: Availability },
    /// A node that has one. Its role is that of the node object.
    Renew { node: NodeId },
}

/// A place in the Raft cluster.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) id: RaftId,
    /// The history that the cluster's log belongs to.
    pub(crate) lineage: Lineage,
    pub(crate) members: Vec<(RaftId, Member)>,
}

/// Names one history of a replicated log. A new swarm begins one, and so does a manager that goes on alone:
/// terms and indexes of different histories have nothing to do with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lineage(pub(crate) u32);

/// What an agent reports about one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusUpdate {
    pub(crate) task: TaskId,
    pub(crate) status: TaskStatus,
    /// The fact behind this status. A request carries the reports of many tasks, each with its own reason.
    pub(crate) cause: FactId,
}

/// What comes back when a call succeeded.
#[derive(Clone, Debug)]
pub(crate) enum Response {
    /// It was done.
    Done,
    /// Whoever was asked lives: the answer to what is sent periodically, or before something counts.
    Alive,
    /// The control API has an answer; a refusal is one too.
    Api(Box<Result<ApiResponse, ApiError>>),
    /// The heartbeat counts; the next one is due after this time.
    Heartbeat { period: crate::kernel::SimDuration },
    /// The root certificate is that of this swarm.
    RootCertificate(ClusterId),
    /// A certificate for this node will be signed.
    CertificateRequested { node: NodeId },
    /// The node has a certificate for this role.
    Certificate { role: NodeRole },
    /// The manager is a member of the Raft cluster.
    JoinedRaft(Box<Seat>),
}

/// What a stream brings.
#[derive(Clone, Debug)]
pub(crate) enum StreamItem {
    /// Of a session.
    Session(Arc<SessionMessage>),
    /// Of an assignment stream.
    Assignments(Arc<Assignments>),
}

/// What a dispatcher tells an agent about the session. Always the full set.
#[derive(Clone, Debug)]
pub(crate) struct SessionMessage {
    pub(crate) session: SessionId,
    /// The node object as the leader knows it.
    pub(crate) node: Arc<Node>,
    /// The managers that the agent may talk to.
    pub(crate) managers: Arc<[HostId]>,
}

/// A node's tasks, all of them or the changes since the last message.
#[derive(Clone, Debug)]
pub(crate) struct Assignments {
    /// True: tasks that are not listed are none of the node's any more.
    pub(crate) complete: bool,
    /// In id order.
    pub(crate) changes: Vec<Assignment>,
}

/// One change of a node's tasks.
#[derive(Clone, Debug)]
pub(crate) enum Assignment {
    /// The node has this task, in this version. The cause is the fact of the task's change.
    Update { task: Arc<Task>, cause: FactId },
    /// The node has this task no more.
    Remove { task: TaskId, cause: FactId },
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nobody listens there.
    Refused,
    /// The connection broke because the process at the other end died.
    Reset,
    /// The caller's own limit ran out.
    TimedOut,
    /// The other side said no.
    Status(Status),
}

/// An error answer in the manner of gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: StatusCode,
    pub(crate) text: Cow<'static, str>,
}

/// Codes of gRPC that occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusCode {
    Canceled,
    Unknown,
    InvalidArgument,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    Unimplemented,
    Internal,
    Unavailable,
}

impl StatusCode {
    /// Name as gRPC prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            StatusCode::Canceled => "Canceled",
            StatusCode::Unknown => "Unknown",
            StatusCode::InvalidArgument => "InvalidArgument",
            StatusCode::NotFound => "NotFound",
            StatusCode::AlreadyExists => "AlreadyExists",
            StatusCode::PermissionDenied => "PermissionDenied",
            StatusCode::FailedPrecondition => "FailedPrecondition",
            StatusCode::ResourceExhausted => "ResourceExhausted",
            StatusCode::Aborted => "Aborted",
            StatusCode::Unimplemented => "Unimplemented",
            StatusCode::Internal => "Internal",
            StatusCode::Unavailable => "Unavailable",
        }
    }
}

impl Status {
    pub(crate) fn new(code: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Status { code, text: text.into() }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {} desc = {}", self.code.name(), self.text)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Refused => f.write_str(
                "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: connect: connection refused\"",
            ),
            CallError::Reset => f.write_str("rpc error: code = Unavailable desc = error reading from server: EOF"),
            CallError::TimedOut => f.write_str("rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
            CallError::Status(status) => status.fmt(f),
        }
    }
}
