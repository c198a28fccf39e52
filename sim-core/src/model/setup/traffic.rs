//! Who sends requests, to what, how often, and how patient they are; and how programs serve them.
use crate::kernel::{SimDuration, Stream};
use crate::model::{HostId, TrafficId, TransportProtocol};

/// A source of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Its name, unique in the scenario.
    pub name: String,
    /// The name that clients inside the swarm look up.
    pub address: String,
    /// The service that is meant.
    pub service: String,
    /// The published port; inside the swarm a port of the service's program.
    pub port: u16,
    /// What requests are sent over. With UDP a request is a datagram, and so is its answer.
    pub protocol: TransportProtocol,
    /// Where its requests come from.
    pub origin: Origin,
    /// How often there are requests.
    pub load: Load,
    /// How its clients behave.
    pub client: ClientBehaviour,
    /// How long it lasts.
    pub lasts: SimDuration,
}

impl Traffic {
    /// True if there are no connections: what is lost is not sent again, and nobody says that it is.
    #[must_use]
    pub fn sends_datagrams(&self) -> bool {
        self.protocol == TransportProtocol::Udp
    }
}

/// Where requests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Clients outside the swarm send to nodes.
    Outside {
        /// To these, in turn.
        through: Vec<HostId>,
        /// A load balancer in front of the nodes looks which of them answer.
        check: Option<EntryCheck>,
    },
    /// The tasks of a service send them, in turn.
    Tasks {
        /// Its name.
        service: String,
    },
    /// Programs of an image send them while they serve requests.
    Calls {
        /// The image.
        image: String,
    },
}

/// How a load balancer in front of the nodes finds out which of them answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryCheck {
    /// Time between two checks of a node.
    pub every: SimDuration,
    /// Failed checks in a row after which a node gets no more requests.
    pub falls: u32,
    /// Passed checks in a row after which it gets some again.
    pub rises: u32,
}

/// How often there are requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// One after each interval, whatever becomes of those before.
    Constant(SimDuration),
    /// Independent of each other, with this mean interval.
    Poisson(SimDuration),
    /// Each user sends the next request some time after the answer to the one before.
    Users {
        /// How many.
        users: u32,
        /// The time that they think.
        think: Spread,
    },
    /// As often as requests are served that need them.
    OnDemand,
}

/// How clients send requests and wait for answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientBehaviour {
    /// How long a client waits for a connection. Default 5 s.
    pub connect_timeout: SimDuration,
    /// How long it waits for the answer, the connection included. Default 10 s.
    pub timeout: SimDuration,
    /// How often it tries again after a failure. Default: never.
    pub retries: u8,
    /// Connections, or ports of clients that send datagrams, that are kept for further requests; zero: each request
    /// has its own. Default 0.
    pub kept_connections: u32,
    /// True if addresses are kept as long as their time to live says; false if each request asks for them.
    pub keeps_addresses: bool,
}

impl Default for ClientBehaviour {
    fn default() -> Self {
        ClientBehaviour {
            connect_timeout: SimDuration::from_secs(5),
            timeout: SimDuration::from_secs(10),
            retries: 0,
            kept_connections: 0,
            keeps_addresses: false,
        }
    }
}

/// How the program of an image serves requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBehaviour {
    /// Ports that it listens on. Default: all.
    pub ports: Option<Vec<(TransportProtocol, u16)>>,
    /// Time from the start of the process until it listens. Default 0.
    pub listens_after: SimDuration,
    /// Time that a request takes. Default 1 ms.
    pub takes: Spread,
    /// Requests that it works on at a time. Default: any number.
    pub at_once: Option<u32>,
    /// Requests that can wait beside those. Default 128.
    pub queue: u32,
    /// Time from the start of the process after which it accepts connections and never answers. Default: never.
    pub hangs_after: Option<SimDuration>,
    /// It is slower at first. Default: it is not.
    pub slow_start: Option<SlowStart>,
    /// What it asks other services for, one after the other, before it answers.
    pub calls: Vec<TrafficId>,
}

/// A program that is slow at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStart {
    /// Until it is as fast as it will be.
    pub lasts: SimDuration,
    /// How many times as long a request takes at the very beginning.
    pub times: u32,
}

impl Default for ServerBehaviour {
    fn default() -> Self {
        ServerBehaviour {
            ports: None,
            listens_after: SimDuration::ZERO,
            takes: Spread::Constant(SimDuration::from_millis(1)),
            at_once: None,
            queue: 128,
            hangs_after: None,
            slow_start: None,
            calls: Vec::new(),
        }
    }
}

/// A span of time that may differ from one time to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Always the same.
    Constant(SimDuration),
    /// Anything from the first to below the second.
    Uniform(SimDuration, SimDuration),
    /// Exponentially distributed with this mean.
    Exponential(SimDuration),
}

impl Spread {
    /// One of its spans.
    pub fn draw(self, lots: &mut Stream) -> SimDuration {
        match self {
            Spread::Constant(span) => span,
            Spread::Uniform(shortest, longest) => lots.span(shortest, longest),
            Spread::Exponential(mean) => lots.exponential(mean),
        }
    }

    /// What it is on average.
    #[must_use]
    pub fn mean(self) -> SimDuration {
        match self {
            Spread::Constant(span) | Spread::Exponential(span) => span,
            Spread::Uniform(low, high) => SimDuration::from_nanos((low + high).as_nanos() / 2),
        }
    }
}
