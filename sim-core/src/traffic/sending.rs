//! Requests are sent: by whom, through which node, to which backend.
use super::client::{Addresses, ClientKey, Connection, IDLE_MAX};
use super::ground::{self, Ground};
use super::request::{Blame, Kind, Phase, Request, RequestId};
use super::server::End;
use super::source::Source;
use super::{Step, Traffic};
use crate::kernel::{SimDuration, SimTime};
use crate::mesh::{RECORD_TTL, Target};
use crate::model::setup::Origin;
use crate::model::{FactId, Failure, FailureCause, HostId, ObjectId, TaskId, TrafficId};

/// How long users wait who find no task that they could be in.
const NO_TASK_PAUSE: SimDuration = SimDuration::from_secs(1);
/// Tasks of a service that are looked at to find out why a node does not know them.
const TASKS_LOOKED_AT: usize = 8;

impl Traffic {
    /// A source sends its next request, whatever became of those before.
    pub(super) fn arrival(&mut self, id: TrafficId, ground: &mut impl Ground) {
        let now = self.now;
        let source = self.source(id);
        if now >= source.ends {
            return;
        }
        let interval = source.interval().unwrap_or_default();
        let turn = source.next_turn();
        self.later(now + interval, Step::Arrival(id));
        if let Some(client) = self.client_of_turn(id, turn) {
            self.send(id, client, None, ground);
        }
    }

    /// A user sends the next request.
    pub(super) fn user_acts(&mut self, id: TrafficId, user: u32, ground: &mut impl Ground) {
        let now = self.now;
        if now >= self.source(id).ends {
            return;
        }
        match self.client_of_turn(id, u64::from(user)) {
            Some(client) => self.send(id, ClientKey { number: user, ..client }, None, ground),
            None => {
                let pause = self.source(id).think().unwrap_or_default().max(NO_TASK_PAUSE);
                self.later(now + pause, Step::User(id, user));
            }
        }
    }

    /// The client whose turn it is. None: it would be in a task, and there is none.
    fn client_of_turn(&self, id: TrafficId, turn: u64) -> Option<ClientKey> {
        let plan = &self.sources[id.index()].plan;
        let among = |count: usize| (turn % count.max(1) as u64) as usize;
        match &plan.origin {
            Origin::Outside { .. } => {
                let number = among(plan.client.kept_connections as usize);
                Some(ClientKey { task: None, number: number as u32 })
            }
            Origin::Tasks { service } => {
                let tasks = self.servers.running(service);
                Some(ClientKey { task: Some(*tasks.get(among(tasks.len()))?), number: 0 })
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
        let source = self.source(source_id);
        if source.behaviour().kept_connections > 0
            && let Some(connection) = source.client(client).connection.take()
            && self.use_connection(id, connection, ground)
        {
            return;
        }
        match client.task {
            None => self.enter(id, ground),
            Some(task) => self.look_up(id, task, ground),
        }
    }

    /// A request goes over a connection that is there already. False if the client knows that it is closed.
    fn use_connection(&mut self, id: RequestId, connection: Connection, ground: &mut impl Ground) -> bool {
        let Connection { entry, target, balanced, used } = connection;
        let end = self.servers.end_of(target.task);
        if matches!(end, Some(End::Ended(_))) {
            return false;
        }
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is being sent");
        (request.entry, request.target) = (Some(entry), Some(target));
        (request.balanced, request.connected) = (balanced, true);
        if let Some(fault) = ground.silent(entry) {
            self.hang(id, Failure::EntrySilent, fault);
            return true;
        }
        let forgotten = if !ground.knows_backend(entry, target.task) {
            Some((Failure::Expired, end.map_or_else(|| self.last_loss(id), End::fact)))
        } else {
            let is_idle = now.since(used) > IDLE_MAX;
            is_idle.then(|| (Failure::Idle, self.begun(id)))
        };
        if let Some((failure, because)) = forgotten.filter(|_| balanced) {
            let blame = Blame { failure, because, entry: Some(entry), target: Some(target), via: None };
            self.fail(id, blame, ground);
            return true;
        }
        self.travel(id, ground);
        true
    }

    /// A client outside sends to the node whose turn it is.
    fn enter(&mut self, id: RequestId, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, failed_at) = (request.source, request.entry);
        let source = self.source(source);
        let (entry, port, begun) = (source.entries.choose(failed_at), source.plan.port, source.begun);
        let Some(entry) = entry else {
            let blame =
                Blame { failure: Failure::NoEntry, because: begun, entry: None, target: None, via: None };
            return self.fail(id, blame, ground);
        };
        self.requests.get_mut(id).expect("it is being sent").entry = Some(entry);
        if let Some(fault) = ground.silent(entry) {
            return self.hang(id, Failure::EntrySilent, fault);
        }
        match ground.connect_port(entry, port) {
            // A port that is published on the node alone has no load balancer.
            Ok(target) => self.connect(id, target, !target.address.is_unspecified(), ground),
            Err(failure) => self.refuse(id, failure, ground),
        }
    }

    /// A client in a task looks up the name, and connects to an address of it.
    fn look_up(&mut self, id: RequestId, task: TaskId, ground: &mut impl Ground) {
        let host = self.servers.get(task).expect("clients are in tasks that ran").host;
        let request = self.requests.get_mut(id).expect("it is being sent");
        request.entry = Some(host);
        let (source, client) = (request.source, request.client);
        if let Some(fault) = ground.silent(host) {
            return self.hang(id, Failure::EntrySilent, fault);
        }
        match self.address(source, client, task, host, ground) {
            Some(Ok((target, balanced))) => self.connect(id, target, balanced, ground),
            Some(Err(Failure::NoAddress)) => {
                let because = self.last_loss(id);
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

    fn connect(&mut self, id: RequestId, target: Target, balanced: bool, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        (request.target, request.balanced) = (Some(target), balanced);
        self.travel(id, ground);
    }

    /// A request goes from the load balancer to the backend.
    pub(super) fn travel(&mut self, id: RequestId, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, entry, target) = (request.source, request.entry, request.target);
        let (entry, target) = (entry.expect("it has entered"), target.expect("it was routed"));
        match ground.way(entry, target.host) {
            Err(fault) => self.send_again(id, ground::no_way(entry, ground), fault),
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

    /// Packets do not get through now: they are sent again, after longer and longer pauses.
    pub(super) fn send_again(&mut self, id: RequestId, failure: Failure, fault: FactId) {
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
        self.later(now + pause, Step::Reaches(id));
    }

    /// Nobody will ever answer. The client waits as long as it waits.
    pub(super) fn hang(&mut self, id: RequestId, failure: Failure, because: FactId) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (entry, target) = (request.entry, request.target);
        request.phase = Phase::Hanging;
        request.trouble = Some(Blame { failure, because, entry, target, via: None });
        if request.connected {
            return;
        }
        let (source, sent) = (request.source, request.sent);
        let limit = self.source(source).behaviour().connect_timeout;
        self.later((sent + limit).max(self.now), Step::GivesUp(id));
    }

    /// Somebody says no at once.
    fn refuse(&mut self, id: RequestId, failure: Failure, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, entry) = (request.source, request.entry);
        let unknown = entry.filter(|_| failure.cause() == FailureCause::Refused);
        let unknown = unknown.and_then(|entry| self.unknown_since(source, entry, ground));
        let because = unknown.unwrap_or_else(|| self.last_loss(id));
        let blame = Blame { failure, because, entry, target: None, via: None };
        self.fail(id, blame, ground);
    }

    /// Why a node does not know that tasks of a service run: it was told of none since it has begun anew, or a fault
    /// keeps it from being told. To look at a few of the tasks is enough. None: nothing runs, or it is known.
    fn unknown_since(&self, source: TrafficId, entry: HostId, ground: &impl Ground) -> Option<FactId> {
        let service = &self.sources[source.index()].plan.service;
        let running = self.servers.running(service);
        let hosts = running.iter().filter_map(|task| Some(self.servers.get(*task)?.host));
        let hosts = hosts.take(TASKS_LOOKED_AT);
        // Of what cannot be told at all, the node does not know whenever it came.
        if let Some(fault) = hosts.clone().find_map(|host| ground.untold(host, entry)) {
            return Some(fault);
        }
        let silenced = hosts.into_iter().find_map(|host| ground.silenced(host, entry));
        let forgot = self.forgot_networks.get(&entry).copied();
        let lost = self.servers.last_loss(service);
        // Whichever came last; but what the service has lost itself is not for the node to know.
        let unknown = silenced.max(forgot).filter(|_| !running.is_empty());
        unknown.filter(|unknown| lost.is_none_or(|lost| lost < *unknown))
    }

    /// Why the service of a request has fewer backends than it had, or none: what took the last one away, or that
    /// there was traffic before there was one.
    pub(super) fn last_loss(&mut self, id: RequestId) -> FactId {
        let source = self.requests.get_mut(id).expect("it is under way").source;
        let Source { plan, begun, .. } = &self.sources[source.index()];
        self.servers.last_loss(&plan.service).unwrap_or(*begun)
    }

    /// That the source of a request began.
    fn begun(&mut self, id: RequestId) -> FactId {
        let source = self.requests.get_mut(id).expect("it is under way").source;
        self.sources[source.index()].begun
    }

    /// A load balancer in front of the nodes tries each of them.
    pub(super) fn check_entries(&mut self, id: TrafficId, ground: &mut impl Ground) {
        let now = self.now;
        let source = self.source(id);
        let Some(check) = source.entries.check.filter(|_| now < source.ends) else { return };
        let port = source.plan.port;
        for (place, host) in self.source(id).entries.hosts() {
            let passed = self.answers(id, host, port, ground);
            self.source(id).entries.checked(place, passed);
        }
        self.later(now + check.every, Step::Check(id));
    }

    /// True if a connection to a port of a node would be accepted now.
    fn answers(&self, source: TrafficId, host: HostId, port: u16, ground: &mut impl Ground) -> bool {
        if ground.silent(host).is_some() {
            return false;
        }
        let Ok(target) = ground.connect_port(host, port) else { return false };
        let server = self.servers.get(target.task).filter(|server| server.end.is_none());
        let listens = server.is_some_and(|server| server.listens(self.now));
        listens && ground.way(host, target.host).is_ok() && self.finds_port(source, target, ground)
    }

    /// A user got an answer, or none, and thinks before the next request.
    pub(super) fn user_thinks(&mut self, id: TrafficId, user: u32, since: SimTime) {
        if let Some(pause) = self.source(id).think() {
            self.later(since + pause, Step::User(id, user));
        }
    }
}
