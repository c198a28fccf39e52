//! Requests over UDP: a datagram there and one back (spec networking 7.1).
//!
//! There is no connection: nobody sends again what is lost, and nobody says that it is. The load balancer of a node
//! remembers for each port of a client where its datagrams go, until it has seen none for a while: such a flow stays
//! at its backend, whether that takes anything new or not. Ports of single nodes and addresses of single tasks have
//! no load balancer, and so no such memory.
use super::client::{ClientKey, Connection, FLOW_IDLE_MAX};
use super::ground::{self, Ground};
use super::request::RequestId;
use super::server::End;
use super::{Step, Traffic};
use crate::mesh::Target;
use crate::model::{Failure, HostId, ObjectId, TrafficId};
use crate::net::Link;

impl Traffic {
    /// True if requests of a source are datagrams.
    pub(super) fn sends_datagrams(&self, source: TrafficId) -> bool {
        self.sources[source.index()].plan.sends_datagrams()
    }

    /// The node that a client outside sends to: always the same from one port, and else the one whose turn it is.
    pub(super) fn correspondent(
        &mut self,
        source: TrafficId,
        client: ClientKey,
        failed_at: Option<HostId>,
    ) -> Option<HostId> {
        let source = self.source(source);
        if source.behaviour().kept_connections == 0 {
            return source.entries.choose(failed_at);
        }
        let entry = source.client(client).correspondent.or_else(|| source.entries.choose(failed_at));
        source.client(client).correspondent = entry;
        entry
    }

    /// The flow that a client sends in, if its entry may still remember it.
    pub(super) fn open_flow(&self, flow: Connection) -> Option<Connection> {
        let is_idle = self.now.since(flow.used) > FLOW_IDLE_MAX;
        let forgot = self.forgot_networks.get(&flow.entry);
        let is_forgotten = forgot.is_some_and(|(forgot, _)| *forgot >= flow.used);
        (!is_idle && !is_forgotten).then_some(flow)
    }

    /// A datagram comes to the load balancer that remembers where the earlier ones of its flow went. If that backend
    /// is known no more, the datagram that finds it is dropped, and the flow with it.
    pub(super) fn use_flow(&mut self, id: RequestId, flow: Connection, ground: &mut impl Ground) {
        let Connection { entry, target, .. } = flow;
        if ground.knows_backend(entry, target.task) {
            return self.connect(id, target, true, ground);
        }
        let because = self.servers.end_of(target.task).map_or_else(|| self.last_loss(id), End::fact);
        let request = self.requests.get_mut(id).expect("it is being sent");
        request.target = Some(target);
        let (source, client) = (request.source, request.client);
        self.source(source).client(client).connection = None;
        self.hang(id, Failure::FlowExpired, because);
    }

    /// The load balancer of the entry remembers where a datagram goes, if the client will send more from its port.
    pub(super) fn remember_flow(&mut self, id: RequestId, target: Target) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, client, balanced) = (request.source, request.client, request.balanced);
        let entry = request.entry.expect("it has entered");
        let source = self.source(source);
        if balanced && source.behaviour().kept_connections > 0 {
            let flow = Connection { entry, target, balanced, used: now };
            source.client(client).connection = Some(flow);
        }
    }

    /// A datagram goes to the machine of its backend.
    pub(super) fn fly(&mut self, id: RequestId, target: HostId, link: Link, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent");
        let (source, entry) = (request.source, request.entry.expect("it has entered"));
        match ground::flight(link, &mut self.source(source).lots) {
            None => self.lose(id, entry, target, ground),
            Some(delay) if delay.is_zero() => self.arrive(id, ground),
            Some(delay) => self.later(self.now + delay, Step::Reaches(id)),
        }
    }

    /// The datagram with the answer goes back.
    pub(super) fn fly_back(&mut self, id: RequestId, ground: &mut impl Ground) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is answered");
        let (source, sent, upstream) = (request.source, request.sent, request.upstream);
        let entry = request.entry.expect("it has entered");
        let target = request.target.expect("it was routed").host;
        let link = match ground.way(target, entry) {
            Ok(link) => link,
            Err(_) if self.is_kept_for_reader(id, target, ground) => return,
            Err(fault) => return self.hang(id, ground::no_way(entry, ground), fault),
        };
        let source = self.source(source);
        let Some(delay) = ground::flight(link, &mut source.lots) else {
            return self.lose(id, target, entry, ground);
        };
        if now + delay > sent + source.behaviour().timeout {
            // The deadline comes first.
            return;
        }
        match upstream {
            Some(blame) => self.fail(id, blame, ground),
            None => self.succeed(id, now + delay, ground),
        }
    }

    /// A link loses a datagram: a fault's doing, or nobody's.
    fn lose(&mut self, id: RequestId, from: HostId, to: HostId, ground: &impl Ground) {
        let because = ground.lossy(from, to).unwrap_or_else(|| self.begun(id));
        self.hang(id, Failure::DatagramLost, because);
    }
}
