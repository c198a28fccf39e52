//! Requests are sent: by whom, through which node, to which backend.
use super::client::{Addresses, ClientKey, Connection, IDLE_MAX};
use super::departures::Door;
use super::ground::{self, Ground};
use super::request::{Blame, Kind, Phase, Request, RequestId};
use super::server::End;
use super::source::Source;
use super::{Step, Traffic};
use crate::kernel::{SimDuration, SimTime};
use crate::mesh::{RECORD_TTL, Target};
use crate::model::setup::Origin;
use crate::model::{FactId, Failure, HostId, ObjectId, TaskId, TrafficId, TransportProtocol};

/// How long users wait who find no task that they could be in.
const NO_TASK_PAUSE: SimDuration = SimDuration::from_secs(1);

impl Traffic {
    /// A source sends its next request, whatever became of those before.
    pub(super) fn arrival(&mut self, id: TrafficId, ground: &mut impl Ground) {
        let now = self.now;
        let source = self.source(id);
        if now >= source.ends {
            return;
        }
        let interval = source.interval().expect("only sources with a rate have arrivals");
        let turn = source.next_turn();
        self.later(now + interval, Step::Arrival(id));
        if let Some(client) = self.client_of_turn(id, turn, ground) {
            self.send(id, client, None, ground);
        }
    }

    /// A user sends the next request.
    pub(super) fn user_acts(&mut self, id: TrafficId, user: u32, ground: &mut impl Ground) {
        let now = self.now;
        if now >= self.source(id).ends {
            return;
        }
        match self.client_of_turn(id, u64::from(user), ground) {
            Some(client) => self.send(id, ClientKey { number: user, ..client }, None, ground),
            None => {
                let think = self.source(id).think().expect("only sources with users have users who act");
                self.later(now + think.max(NO_TASK_PAUSE), Step::User(id, user));
            }
        }
    }

    /// The client whose turn it is. None: it would be in a task, and there is none that goes on.
    fn client_of_turn(&self, id: TrafficId, turn: u64, ground: &impl Ground) -> Option<ClientKey> {
        let plan = &self.sources[id.index()].plan;
        let among = |count: usize| (turn % count.max(1) as u64) as usize;
        match &plan.origin {
            Origin::Outside { .. } => {
                let number = among(plan.client.kept_connections as usize);
                Some(ClientKey { task: None, number: number as u32 })
            }
            Origin::Tasks { service } => {
                let (before, from_turn) = {
                    let tasks = self.servers.running(service);
                    tasks.split_at(among(tasks.len()))
                };
                // A task on a machine that stands still does nothing; the next one has its turn.
                let goes_on = |task: &&TaskId| {
                    self.servers.get(**task).is_some_and(|server| ground.silent(server.host).is_none())
                };
                let task = from_turn.iter().chain(before).find(goes_on)?;
                Some(ClientKey { task: Some(*task), number: 0 })
            }
            Origin::Calls { .. } => unreachable!("programs send when they serve"),
        }
    }

    /// A client sends a new request.
    pub(super) fn send(
        &mut self,
        source: TrafficId,
        client: ClientKey,
        parent: Option<RequestId>,
        ground: &mut impl Ground,
    ) {
        let now = self.now;
        self.source(source).tally.sent(now);
        self.attempt(Request::new(source, client, parent, now), ground);
    }

    /// A request is sent, for the first time or again.
    pub(super) fn attempt(&mut self, request: Request, ground: &mut impl Ground) {
        let (source_id, client, now) = (request.source, request.client, self.now);
        let id = self.requests.insert(request);
        let Traffic { sources, requests, .. } = self;
        let source = &mut sources[source_id.index()];
        requests.push(&mut source.deadlines, Kind::Deadlines, id);
        if !std::mem::replace(&mut source.deadline_awaited, true) {
            let timeout = source.behaviour().timeout;
            self.later(now + timeout, Step::Deadline(source_id));
        }
        let sends_datagrams = self.sends_datagrams(source_id);
        let failed_at = self.requests.get_mut(id).expect("it is being sent").entry;
        let kept = self.open_connection(source_id, client);
        let entry = match (kept, client.task) {
            (Some(connection), _) => Some(connection.entry),
            (None, None) if sends_datagrams => self.correspondent(source_id, client, failed_at),
            (None, None) => self.source(source_id).entries.choose(failed_at),
            (None, Some(task)) => Some(self.servers.get(task).expect("clients are in tasks that ran").host),
        };
        let request = self.requests.get_mut(id).expect("it is being sent");
        (request.entry, request.kept) = (entry, kept);
        request.connected = kept.is_some() && !sends_datagrams;
        if entry.is_some() {
            return self.enters(id, ground);
        }
        let Source { entries, begun, .. } = self.source(source_id);
        let because = entries.down_because().unwrap_or(*begun);
        let blame = Blame { failure: Failure::NoEntry, because, entry: None, target: None, via: None };
        self.fail(id, blame, ground);
    }

    /// The connection that a client has kept, unless it knows that it is closed; or the flow that it sends in.
    fn open_connection(&mut self, source: TrafficId, client: ClientKey) -> Option<Connection> {
        let source = self.source(source);
        if source.behaviour().kept_connections == 0 {
            return None;
        }
        if source.plan.sends_datagrams() {
            let flow = source.client(client).connection?;
            return self.open_flow(flow);
        }
        let connection = source.client(client).connection.take()?;
        let is_closed = matches!(self.servers.end_of(connection.target.task), Some(End::Ended(_)));
        (!is_closed).then_some(connection)
    }

    /// A request comes to the node whose load balancer it goes through, if that hears anything.
    pub(super) fn enters(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id).filter(|request| request.phase == Phase::Sent) else {
            return;
        };
        let (source, kept, client) = (request.source, request.kept, request.client);
        let entry = request.entry.expect("it was sent to a node");
        if let Some(fault) = ground.silent(entry) {
            return self.stop(id, Failure::EntrySilent, fault);
        }
        match (kept, client.task) {
            (Some(flow), _) if self.sends_datagrams(source) => self.use_flow(id, flow, ground),
            (Some(connection), _) => self.use_connection(id, connection, ground),
            (None, None) => self.enter(id, entry, ground),
            (None, Some(task)) => self.look_up(id, task, entry, ground),
        }
    }

    /// A request goes over a connection that is there already.
    fn use_connection(&mut self, id: RequestId, connection: Connection, ground: &mut impl Ground) {
        let Connection { entry, target, balanced, used } = connection;
        let sent = self.requests.get_mut(id).expect("it is being sent").sent;
        let forgotten = if !ground.knows_backend(entry, target.task) {
            let end = self.servers.end_of(target.task);
            Some((Failure::Expired, end.map_or_else(|| self.last_loss(id), End::fact)))
        } else {
            let is_idle = sent.since(used) > IDLE_MAX;
            is_idle.then(|| (Failure::Idle, self.begun(id)))
        };
        match forgotten.filter(|_| balanced) {
            Some((failure, because)) => {
                let (entry, target) = (Some(entry), Some(target));
                self.fail(id, Blame { failure, because, entry, target, via: None }, ground);
            }
            None => self.connect(id, target, balanced, ground),
        }
    }

    /// A client outside connects to the port of a node.
    fn enter(&mut self, id: RequestId, entry: HostId, ground: &mut impl Ground) {
        let source = self.requests.get_mut(id).expect("it is being sent").source;
        let (protocol, port) = (self.source(source).plan.protocol, self.source(source).plan.port);
        match ground.connect_port(entry, protocol, port) {
            // A port that is published on the node alone has no load balancer.
            Ok(target) => self.connect(id, target, !target.address.is_unspecified(), ground),
            Err(failure) => self.refuse(id, failure, ground),
        }
    }

    /// A client in a task looks up the name, and connects to an address of it.
    fn look_up(&mut self, id: RequestId, task: TaskId, host: HostId, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, client) = (request.source, request.client);
        match self.address(source, client, task, host, ground) {
            Some(Ok((target, balanced))) => self.connect(id, target, balanced, ground),
            Some(Err(Failure::NoAddress)) => {
                let because = self.why_nobody(source, Some(task), Some(host), ground);
                self.hang(id, Failure::NoAddress, because);
            }
            Some(Err(failure)) => self.refuse(id, failure, ground),
            None => self.refuse(id, Failure::NoName, ground),
        }
    }

    /// Where the address leads that a client uses now, and whether through a load balancer. None: there is no such
    /// name.
    fn address(
        &mut self,
        source: TrafficId,
        client: ClientKey,
        task: TaskId,
        host: HostId,
        ground: &mut impl Ground,
    ) -> Option<Result<(Target, bool), Failure>> {
        let (now, version) = (self.now, ground.version());
        let source = &mut self.sources[source.index()];
        let keeps = source.plan.client.keeps_addresses;
        let valid = |known: &Addresses| {
            if keeps { now.since(known.asked) < RECORD_TTL } else { known.version == version }
        };
        let known = source.client(client).addresses.take().filter(valid);
        let mut known = match known {
            Some(known) => known,
            None => {
                let (network, list) = ground.addresses(host, task, &source.plan.address)?;
                let endpoint = |address| (address, ground.endpoint(host, network, address));
                let list: Vec<_> = list.into_iter().map(endpoint).collect();
                let turn = source.lots.below(list.len() as u64) as usize;
                Addresses { network, list, asked: now, version, turn }
            }
        };
        // Who asks each time gets a fresh order each time, and takes the first.
        known.turn = match known.list.len() {
            1 => 0,
            count if keeps => (known.turn + 1) % count,
            count => source.lots.below(count as u64) as usize,
        };
        let (network, (address, endpoint)) = (known.network, known.list[known.turn]);
        source.client(client).addresses = Some(known);
        let route = ground.connect_address(host, network, address);
        Some(match (route, endpoint) {
            // The address is not known any more: packets still go where it was.
            (Err(Failure::NoAddress), Some(target)) => Ok((target, false)),
            (route, endpoint) => route.map(|target| (target, endpoint.is_none())),
        })
    }

    /// A load balancer, or the address itself, says where a request goes from its entry on.
    pub(super) fn connect(
        &mut self,
        id: RequestId,
        target: Target,
        balanced: bool,
        ground: &mut impl Ground,
    ) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        (request.target, request.balanced) = (Some(target), balanced);
        let source = request.source;
        if self.sends_datagrams(source) {
            self.remember_flow(id, target);
        }
        self.travel(id, ground);
    }

    /// A request goes from the load balancer to the backend.
    pub(super) fn travel(&mut self, id: RequestId, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, entry, target) = (request.source, request.entry, request.target);
        let (entry, target) = (entry.expect("it has entered"), target.expect("it was routed"));
        match ground.way(entry, target.host) {
            Err(fault) => self.stop(id, ground::no_way(entry, ground), fault),
            Ok(link) if self.sends_datagrams(source) => self.fly(id, target.host, link, ground),
            Ok(link) => {
                let delay = ground::delay(link, &mut self.source(source).lots);
                if delay.is_zero() {
                    self.arrive(id, ground);
                } else {
                    self.later(self.now + delay, Step::Reaches(id));
                }
            }
        }
    }

    /// Packets do not get through now: a datagram is lost, those of a connection are sent again.
    pub(super) fn stop(&mut self, id: RequestId, failure: Failure, fault: FactId) {
        let source = self.requests.get_mut(id).expect("it is being sent").source;
        if self.sends_datagrams(source) {
            self.hang(id, failure, fault);
        } else {
            self.send_again(id, failure, fault);
        }
    }

    /// Packets are sent again, after longer and longer pauses.
    fn send_again(&mut self, id: RequestId, failure: Failure, fault: FactId) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is being sent");
        let pause = ground::pause(request.connected, request.tries);
        let first = request.trouble.is_none() && !request.connected;
        request.tries = request.tries.saturating_add(1);
        let (entry, target) = (request.entry, request.target);
        request.trouble = Some(Blame { failure, because: fault, entry, target, via: None });
        let (source, sent) = (request.source, request.sent);
        let limit = self.source(source).behaviour().connect_timeout;
        if first {
            self.later((sent + limit).max(now), Step::GivesUp(id));
        }
        let step = if target.is_some() { Step::Reaches(id) } else { Step::Enters(id) };
        self.later(now + pause, step);
    }

    /// Nobody will ever answer. The client waits as long as it waits.
    pub(super) fn hang(&mut self, id: RequestId, failure: Failure, because: FactId) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (entry, target) = (request.entry, request.target);
        request.phase = Phase::Hanging;
        request.trouble = Some(Blame { failure, because, entry, target, via: None });
        let (source, sent, connected) = (request.source, request.sent, request.connected);
        if connected || self.sends_datagrams(source) {
            return;
        }
        let limit = self.source(source).behaviour().connect_timeout;
        self.later((sent + limit).max(self.now), Step::GivesUp(id));
    }

    /// Somebody says no at once.
    fn refuse(&mut self, id: RequestId, failure: Failure, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, client, entry) = (request.source, request.client.task, request.entry);
        let closed = entry.filter(|_| failure == Failure::PortClosed);
        if let Some(because) = closed.and_then(|entry| self.closed_with_engine(source, entry, ground)) {
            let failure = Failure::EntryStopped;
            return self.fail(id, Blame { failure, because, entry, target: None, via: None }, ground);
        }
        let because = self.why_nobody(source, client, entry, ground);
        let blame = Blame { failure, because, entry, target: None, via: None };
        self.fail(id, blame, ground);
    }

    /// Why nobody is found at the node that requests of a client go through: that node has not heard of those who are
    /// there, or nobody is.
    fn why_nobody(
        &self,
        source: TrafficId,
        client: Option<TaskId>,
        entry: Option<HostId>,
        ground: &impl Ground,
    ) -> FactId {
        let unknown = entry.and_then(|entry| self.unknown_since(source, client, entry, ground));
        unknown.unwrap_or_else(|| self.last_loss_at(source, entry))
    }

    /// Why the node of a request has fewer backends than it had, or none.
    pub(super) fn last_loss(&mut self, id: RequestId) -> FactId {
        let request = self.requests.get_mut(id).expect("it is under way");
        let (source, entry) = (request.source, request.entry);
        self.last_loss_at(source, entry)
    }

    /// What took the last backend of a node away, or that there was traffic before there was one.
    fn last_loss_at(&self, source: TrafficId, entry: Option<HostId>) -> FactId {
        let Source { plan, begun, .. } = &self.sources[source.index()];
        self.servers.last_loss(entry, &Door::of(plan), &plan.service).unwrap_or(*begun)
    }

    /// That the source of a request began.
    pub(super) fn begun(&mut self, id: RequestId) -> FactId {
        let source = self.requests.get_mut(id).expect("it is under way").source;
        self.sources[source.index()].begun
    }

    /// A load balancer in front of the nodes tries each of them.
    pub(super) fn check_entries(&mut self, id: TrafficId, ground: &mut impl Ground) {
        let now = self.now;
        let source = self.source(id);
        let Some(check) = source.entries.check.filter(|_| now < source.ends) else { return };
        let (protocol, port) = (source.plan.protocol, source.plan.port);
        for (place, host) in self.source(id).entries.hosts() {
            let outcome = self.probe(id, host, protocol, port, ground);
            self.source(id).entries.checked(place, outcome);
        }
        self.later(now + check.every, Step::Check(id));
    }

    /// Whether a connection to a port of a node would be accepted now; if not, why.
    fn probe(
        &self,
        source: TrafficId,
        host: HostId,
        protocol: TransportProtocol,
        port: u16,
        ground: &mut impl Ground,
    ) -> Result<(), FactId> {
        if let Some(fault) = ground.silent(host) {
            return Err(fault);
        }
        let target = ground.connect_port(host, protocol, port).map_err(|failure| {
            let closed =
                (failure == Failure::PortClosed).then(|| self.closed_with_engine(source, host, ground));
            closed.flatten().unwrap_or_else(|| self.why_nobody(source, None, Some(host), ground))
        })?;
        let server = self.servers.get(target.task).expect("a container has a process");
        match server.end {
            Some(end) => return Err(end.fact()),
            None if !server.listens(self.now) || !self.finds_port(source, target, ground) => {
                return Err(server.started_by);
            }
            None => {}
        }
        ground.way(host, target.host).map(|_| ())
    }

    /// A user got an answer, or none, and thinks before the next request.
    pub(super) fn user_thinks(&mut self, id: TrafficId, user: u32, since: SimTime) {
        if let Some(pause) = self.source(id).think() {
            self.later(since + pause, Step::User(id, user));
        }
    }
}
