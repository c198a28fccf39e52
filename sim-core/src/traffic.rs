//! Clients and the programs that serve them: what users feel of the cluster (spec networking 7, 9).
//!
//! A request goes through the load balancers of the very node that it is sent to, as they are at that instant, and
//! over the links between the nodes as they are. It is a connection and an answer, not packets: spec networking 11
//! allows that. Over UDP it is one datagram there and one back. Nothing in the cluster depends on requests, so traffic has a queue of its own, and is brought up to
//! date before each event of the cluster: what traffic does at an instant comes after all else of that instant.
//!
//! Every failed request has one [`Failure`](crate::model::Failure), with the task and the node concerned and the fact
//! behind it. One fact tells of all failures of a second that are alike.
//!
//! Deliberately absent: bandwidth, packets and their sizes, SCTP, and clients that hang up when their own task ends:
//! their requests are told apart, but the servers go on with them.
mod client;
mod datagram;
mod departures;
mod ending;
mod entries;
mod ground;
mod knowledge;
mod losses;
mod request;
mod sending;
mod server;
mod serving;
mod source;
mod standstill;
mod tally;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::departures::Departure;
pub(crate) use self::ground::{Ground, failure_of};
use self::losses::Losses;
use self::request::{Blame, Kind, Phase, RequestId, Requests};
use self::server::{End, Server, Servers, Told};
use self::source::Source;
use self::standstill::Standstill;
pub use self::tally::{Counts, Tally};
use crate::kernel::{Digest, EventQueue, SimDuration, SimTime, StateDigest, Streams};
use crate::model::setup::{Load, Setup};
use crate::model::{
    BackendChange, BackendEvent, FactId, Failure, HostId, ObjectId, PortConfig, RequestsFailed, TaskId,
    TrafficId, TransportProtocol,
};
use crate::protocol::{NetworkOrder, Program};

/// Something that a client or a server does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A source sends its next request.
    Arrival(TrafficId),
    /// A user has thought enough.
    User(TrafficId, u32),
    /// A load balancer in front looks at its nodes.
    Check(TrafficId),
    /// Somebody may have waited too long for an answer.
    Deadline(TrafficId),
    /// A request is sent once more to the node that it goes through.
    Enters(RequestId),
    /// A request arrives at its backend, or is sent once more.
    Reaches(RequestId),
    /// A program has done its own part of a request.
    Served(RequestId),
    /// Another service has answered what a program needed.
    Resumes(RequestId),
    /// The answer is sent once more.
    Answers(RequestId),
    /// The process that worked on a request has ended.
    Breaks(RequestId),
    /// Somebody may have waited too long for a connection.
    GivesUp(RequestId),
    /// A machine that stood still goes on.
    GoesOn(HostId),
}

/// All sources, all requests under way, and all programs that serve them.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    setup: Arc<Setup>,
    sources: Vec<Source>,
    requests: Requests,
    servers: Servers,
    /// When and by which fact a machine last lost all that it knew of the swarm's networks.
    forgot_networks: BTreeMap<HostId, (SimTime, FactId)>,
    /// The ports that were open on a machine when its engine last ended.
    ports_at_end: BTreeMap<HostId, BTreeSet<(TransportProtocol, u16)>>,
    /// Machines that stand still.
    standing: BTreeMap<HostId, Standstill>,
    losses: Losses,
    queue: EventQueue<Step>,
    now: SimTime,
}

impl Traffic {
    /// Nobody sends anything yet.
    pub(crate) fn new(setup: &Arc<Setup>, streams: &mut Streams) -> Self {
        Traffic {
            sources: setup.traffic.iter().map(|plan| Source::new(plan, streams)).collect(),
            setup: Arc::clone(setup),
            requests: Requests::default(),
            servers: Servers::default(),
            forgot_networks: BTreeMap::new(),
            ports_at_end: BTreeMap::new(),
            standing: BTreeMap::new(),
            losses: Losses::default(),
            queue: EventQueue::new(),
            now: SimTime::ZERO,
        }
    }

    /// False if there is none in the whole run.
    pub(crate) fn is_planned(&self) -> bool {
        !self.sources.is_empty()
    }

    /// True if something is still to happen or to be told.
    pub(crate) fn is_active(&self) -> bool {
        !self.queue.is_empty() || !self.losses.is_empty()
    }

    /// What became of the requests of each source.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (TrafficId, &Tally)> {
        self.sources.iter().enumerate().map(|(place, source)| (TrafficId::from_index(place), &source.tally))
    }

    /// How many requests of each source are under way. That a server still works on one that its client has given up
    /// does not count.
    pub(crate) fn under_way(&self) -> BTreeMap<TrafficId, u64> {
        let mut counts = BTreeMap::new();
        let waited_for = self.requests.iter().filter(|(_, request)| request.phase != Phase::Abandoned);
        waited_for.for_each(|(_, request)| *counts.entry(request.source).or_default() += 1);
        counts
    }

    /// How many failed requests of each source no fact has told of yet.
    pub(crate) fn untold(&self) -> BTreeMap<TrafficId, u64> {
        self.losses.counts()
    }

    /// From when on the process of a task listens, or has listened. None: there never was one.
    pub(crate) fn listens_from(&self, task: TaskId) -> Option<SimTime> {
        self.servers.get(task).map(Server::listens_from)
    }

    /// How far traffic has come.
    pub(crate) fn now(&self) -> SimTime {
        self.now
    }

    /// A source begins, as a fact tells.
    pub(crate) fn begin(&mut self, now: SimTime, id: TrafficId, begun: FactId) {
        let source = self.source(id);
        (source.begun, source.ends) = (begun, now + source.plan.lasts);
        let check = source.entries.check.map(|check| check.every);
        match source.plan.load {
            Load::Constant(_) => self.later(now, Step::Arrival(id)),
            Load::Poisson(mean) => {
                let interval = source.lots.exponential(mean);
                self.later(now + interval, Step::Arrival(id));
            }
            Load::Users { users, think } => {
                for user in 0..users {
                    // They do not all come at once.
                    let pause = self.source(id).lots.span(SimDuration::ZERO, think.mean());
                    self.later(now + pause, Step::User(id, user));
                }
            }
            Load::OnDemand => {}
        }
        if let Some(every) = check {
            self.later(now + every, Step::Check(id));
        }
    }

    /// The network of a host does something for a container.
    pub(crate) fn follow(&mut self, now: SimTime, host: HostId, because: FactId, order: &NetworkOrder) {
        match order {
            NetworkOrder::Start { task, program, host_ports } => {
                self.start_server(now, host, because, *task, program, host_ports);
            }
            NetworkOrder::Enable { task, records } => self.servers.gain_backend(*task, records, because),
            NetworkOrder::Disable { task } => self.servers.lose_backend(*task, because),
            NetworkOrder::Remove { task } => self.end_server(now, *task, End::Ended(because)),
            NetworkOrder::Configure(_) | NetworkOrder::Attach { .. } | NetworkOrder::Detach { .. } => {}
            NetworkOrder::LeaveSwarm => self.forget_networks(now, host, because),
        }
    }

    /// A machine knows nothing of the swarm's networks any more, or not yet.
    pub(crate) fn forget_networks(&mut self, now: SimTime, host: HostId, because: FactId) {
        self.forgot_networks.insert(host, (now, because));
        self.servers.forget(host);
    }

    /// What became of backends on a node, as a fact tells.
    pub(crate) fn backends_change(&mut self, host: HostId, because: FactId, changes: &[BackendChange]) {
        for BackendChange { network, service: _, event, task } in changes {
            match event {
                BackendEvent::Added => {}
                BackendEvent::Disabled | BackendEvent::Removed => {
                    self.servers.leave_node(host, *network, Departure { task: *task, because });
                }
            }
        }
    }

    /// The engine of a machine ends, where these ports are open.
    pub(crate) fn engine_ends(&mut self, host: HostId, open: BTreeSet<(TransportProtocol, u16)>) {
        self.ports_at_end.insert(host, open);
    }

    /// A machine has lost power.
    pub(crate) fn lose_host(&mut self, now: SimTime, host: HostId, because: FactId) {
        for task in self.servers.on_host(host) {
            self.end_server(now, task, End::Lost(because));
        }
    }

    /// What failed since the last time, with the fact behind each.
    pub(crate) fn take_losses(&mut self) -> Vec<(FactId, RequestsFailed)> {
        self.losses.take()
    }

    /// Everything that happens before a time.
    pub(crate) fn run_until(&mut self, before: SimTime, ground: &mut impl Ground) {
        while self.queue.peek_time().is_some_and(|at| at < before) {
            let (at, step) = self.queue.pop().expect("a step is due");
            self.now = at;
            self.step(step, ground);
        }
    }

    fn step(&mut self, step: Step, ground: &mut impl Ground) {
        match step {
            Step::Arrival(source) => self.arrival(source, ground),
            Step::User(source, user) => self.user_acts(source, user, ground),
            Step::Check(source) => self.check_entries(source, ground),
            Step::Deadline(source) => self.deadline(source, ground),
            Step::Enters(request) => self.enters(request, ground),
            Step::Reaches(request) => self.reaches(request, ground),
            Step::Served(request) => self.served(request, ground),
            Step::Resumes(request) => self.resumes(request, ground),
            Step::Answers(request) => self.answer(request, ground),
            Step::Breaks(request) => self.breaks(request, ground),
            Step::GivesUp(request) => self.gives_up(request, ground),
            Step::GoesOn(host) => self.goes_on(host, ground),
        }
    }

    fn later(&mut self, at: SimTime, step: Step) {
        self.queue.push(at, step);
    }

    fn source(&mut self, id: TrafficId) -> &mut Source {
        &mut self.sources[id.index()]
    }

    fn start_server(
        &mut self,
        now: SimTime,
        host: HostId,
        because: FactId,
        task: TaskId,
        program: &Program,
        host_ports: &[PortConfig],
    ) {
        let profile = self.setup.images.profile(&program.image, host);
        let server = Server {
            service: program.service.as_str().into(),
            host,
            behaviour: Arc::new(profile.server.clone()),
            started: now,
            started_by: because,
            end: None,
            own_ports: host_ports.iter().map(|port| (port.protocol, port.published_port)).collect(),
            doors: Vec::new(),
            told: Told::Nothing,
            working: Default::default(),
            working_count: 0,
            waiting: Default::default(),
            waiting_count: 0,
        };
        self.servers.start(task, server);
    }

    /// A process ends. Who waits for it learns that, unless it vanished with its machine.
    fn end_server(&mut self, now: SimTime, task: TaskId, end: End) {
        let Some(lists) = self.servers.end(task, end) else { return };
        for mut list in lists {
            while let Some(id) = self.requests.pop(&mut list, Kind::Server) {
                let request = self.requests.get_mut(id).expect("lists hold requests that are under way");
                if request.phase == Phase::Abandoned {
                    self.requests.remove(id);
                    continue;
                }
                let sends_datagrams = self.sources[request.source.index()].plan.sends_datagrams();
                let failure = match end {
                    End::Ended(_) if sends_datagrams => Failure::Unanswered,
                    End::Ended(_) => Failure::Ended,
                    End::Lost(_) => request.lost_with_host(),
                };
                let (entry, target) = (request.entry, request.target);
                request.phase = Phase::Hanging;
                request.trouble = Some(Blame { failure, because: end.fact(), entry, target, via: None });
                if failure == Failure::Ended {
                    self.later(now, Step::Breaks(id));
                }
            }
        }
    }
}

impl StateDigest for Traffic {
    fn digest(&self, digest: &mut Digest) {
        // Which ports were open says what to name as the cause.
        let Self {
            setup: _,
            sources,
            requests,
            servers,
            forgot_networks,
            ports_at_end: _,
            standing,
            losses,
            queue,
            now,
        } = self;
        sources.iter().for_each(|source| source.digest(digest));
        requests.digest(digest);
        servers.digest(digest);
        for (host, (_, because)) in forgot_networks {
            digest.u32(host.0);
            because.digest(digest);
        }
        standing.values().for_each(|standstill| standstill.digest(digest));
        losses.digest(digest);
        digest.u64(queue.len() as u64);
        digest.time(*now);
    }
}
