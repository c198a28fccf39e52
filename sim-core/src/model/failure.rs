//! Why requests fail (spec networking 7, 7.2).

/// Why a request failed, as its user would say it. Every failed request has exactly one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureCause {
    /// Somebody said no at once: a closed port, no backend, a process that does not listen.
    Refused,
    /// It went to a backend that is gone or out of reach, and nobody answered before the client gave up.
    BlackHole,
    /// The connection broke while the request was under way.
    Reset,
    /// The backend was there, but too slow for the client.
    Timeout,
    /// The node that it was sent to does not answer.
    EntryDown,
    /// The name of the service has no address.
    Unresolved,
}

impl FailureCause {
    /// All causes, in the order of reports.
    pub const ALL: [FailureCause; 6] = [
        FailureCause::Refused,
        FailureCause::BlackHole,
        FailureCause::Reset,
        FailureCause::Timeout,
        FailureCause::EntryDown,
        FailureCause::Unresolved,
    ];

    /// The word in scenario files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FailureCause::Refused => "refused",
            FailureCause::BlackHole => "black_hole",
            FailureCause::Reset => "reset",
            FailureCause::Timeout => "timeout",
            FailureCause::EntryDown => "entry_down",
            FailureCause::Unresolved => "unresolved",
        }
    }
}

/// What exactly went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The port is closed on the node, because it knows no backend.
    PortClosed,
    /// The engine of the node does not run, and the port is closed there.
    EntryStopped,
    /// The node knows backends, and none of them takes new connections.
    NoBackend,
    /// The process of the task does not listen yet.
    NotListening,
    /// The process of the task does not listen on the port that the connection leads to.
    WrongPort,
    /// The container with this address has ended, and the sending node had not heard of it.
    Gone,
    /// Nobody has the virtual address where the request was sent from: the service has no backend there any more.
    NoAddress,
    /// The machine of the task does not answer, or no packet gets there.
    Unreachable,
    /// A datagram was lost on a link that loses some.
    DatagramLost,
    /// The node has dropped a datagram, because it found that the backend of its flow is gone.
    FlowExpired,
    /// The process of the task ended while it worked on a datagram, and nobody says so.
    Unanswered,
    /// The process of the task ended while it worked on the request.
    Ended,
    /// The kept connection leads to a backend that the node has dropped.
    Expired,
    /// The kept connection was quiet for longer than the node remembers it.
    Idle,
    /// The task that sent the request has ended.
    ClientGone,
    /// The answer took longer than the client waits.
    TooSlow,
    /// The process of the task hangs: it takes connections, and will never answer.
    Hangs,
    /// The task has as many requests waiting as it can hold, and does not hear new ones.
    QueueFull,
    /// The node that the request was sent to does not answer.
    EntrySilent,
    /// The load balancer in front takes no node for healthy.
    NoEntry,
    /// The name is not known where it was asked for.
    NoName,
}

impl Failure {
    /// The cause that it is counted under.
    #[must_use]
    pub fn cause(self) -> FailureCause {
        match self {
            Failure::PortClosed
            | Failure::EntryStopped
            | Failure::NoBackend
            | Failure::NotListening
            | Failure::WrongPort => FailureCause::Refused,
            Failure::Gone
            | Failure::NoAddress
            | Failure::Unreachable
            | Failure::DatagramLost
            | Failure::FlowExpired
            | Failure::Unanswered => FailureCause::BlackHole,
            Failure::Ended | Failure::Expired | Failure::Idle | Failure::ClientGone => FailureCause::Reset,
            Failure::TooSlow | Failure::Hangs | Failure::QueueFull => FailureCause::Timeout,
            Failure::EntrySilent | Failure::NoEntry => FailureCause::EntryDown,
            Failure::NoName => FailureCause::Unresolved,
        }
    }

    /// The word in trace files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Failure::PortClosed => "port-closed",
            Failure::EntryStopped => "entry-stopped",
            Failure::NoBackend => "no-backend",
            Failure::NotListening => "not-listening",
            Failure::WrongPort => "wrong-port",
            Failure::Gone => "gone",
            Failure::NoAddress => "no-address",
            Failure::Unreachable => "unreachable",
            Failure::DatagramLost => "datagram-lost",
            Failure::FlowExpired => "flow-expired",
            Failure::Unanswered => "unanswered",
            Failure::Ended => "ended",
            Failure::Expired => "expired",
            Failure::Idle => "idle",
            Failure::ClientGone => "client-gone",
            Failure::TooSlow => "too-slow",
            Failure::Hangs => "hangs",
            Failure::QueueFull => "queue-full",
            Failure::EntrySilent => "entry-silent",
            Failure::NoEntry => "no-entry",
            Failure::NoName => "no-name",
        }
    }
}
