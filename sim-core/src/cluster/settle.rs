//! The world at time zero (decisions: the world at t = 0).
//!
//! A settled cluster is constructed, not simulated: forming ten thousand nodes would cost more than most runs.
//! All phases are drawn: ticks, counters, heartbeats, batches, and the manager that each worker talks to.
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Cluster;
use super::clients::Clients;
use super::host::{Host, Identity, NodeStreams, Power, SpareManager, SwarmNode};
use crate::kernel::{Ppm, SimDuration, SimTime, Streams};
use crate::manager::dispatcher::{HeartbeatPeriods, SettledHeartbeat, SettledSession};
use crate::manager::founding::{PREDEFINED_NETWORKS, ingress_network, predefined_network};
use crate::manager::{DiskSpeed, LoopSettings, Manager, ManagerKit, ManagerStreams};
use crate::model::setup::{HostSetup, InitialService, Setup, Start, SwarmPart};
use crate::model::{
    self, AllocatedSubnet, FactId, HEARTBEAT_EPSILON, HostId, IdMap, Network, NetworkAttachment, NetworkId,
    Node, NodeId, NodeRole, NodeSpec, NodeState, NodeStatus, ObjectId, Service, Subnet, Task, TaskState,
};
use crate::net::{Link, Net, Topology};
use crate::protocol::{Component, Effects, Lineage, Lives, ManagerSnapshot, Member, ReplyTo};
use crate::raft::{Disk, EntryId, RaftId, Snapshot, Term};
use crate::store::{Store, Transaction};
use crate::traffic::Traffic;
use crate::worker::{AgentStreams, SettledAgent, describe};

/// Index of the snapshot that every manager of a settled cluster has applied.
const SETTLED_INDEX: u64 = 100;
/// Term of the first leader of a cluster.
const SETTLED_TERM: Term = Term(2);
/// Ticks of an election timeout, and between two checks of the quorum (spec control-plane 1.1).
const ELECTION_TICKS: u64 = 10;
/// Nodes of a cluster with the usual network of the routing mesh, whose 253 addresses are for nodes, services and
/// tasks together.
const INGRESS_NODES_MAX: usize = 20;
/// Number of the first network's tunnels (spec networking 1).
const VXLAN_FIRST: u32 = 4096;

impl Cluster {
    /// The world at time zero.
    pub(crate) fn new(setup: Arc<Setup>, seed: u64, out: &mut Effects) -> Self {
        let mut streams = Streams::new(seed);
        let net_streams =
            setup.hosts.iter().map(|(id, host)| (id, streams.stream(&format!("net/{}", host.name))));
        let net = Net::new(topology(&setup), collect(net_streams));
        let mut cluster = Cluster {
            dialled: BTreeMap::new(),
            late_answers: BTreeMap::new(),
            departing: Vec::new(),
            hosts: collect(setup.hosts.ids().map(|id| (id, idle_host(&setup, id, &mut streams)))),
            running_managers: BTreeSet::new(),
            net,
            seed,
            messages: 0,
            struck: BTreeMap::new(),
            slow_disks: BTreeMap::new(),
            unaware: BTreeSet::new(),
            outbox: Vec::new(),
            record_changes: Vec::new(),
            spreading: super::spreading::Spreading::default(),
            traffic: Traffic::new(&setup, &mut streams),
            second_awaited: false,
            setup,
        };
        match cluster.setup.start {
            Start::Empty => {}
            Start::Settled => cluster.settle(out, true),
            Start::Off => cluster.settle(out, false),
        }
        cluster.route_all(out);
        cluster
    }

    fn settle(&mut self, out: &mut Effects, powered: bool) {
        let setup = Arc::clone(&self.setup);
        let members: Vec<HostId> =
            setup.hosts.iter().filter(|(_, host)| host.part != SwarmPart::None).map(|(id, _)| id).collect();
        let lineage = out.mint_lineage();
        let store = settled_store(&setup, &members, powered, out);
        out.told_until(lineage, SETTLED_INDEX);
        let managers: Vec<(RaftId, Member)> = store
            .nodes()
            .filter(|node| node.role == NodeRole::Manager)
            .map(|node| (out.mint_raft_id(), Member { node: node.id, host: node.host }))
            .collect();
        let snapshot = Snapshot {
            last: EntryId { term: SETTLED_TERM, index: SETTLED_INDEX },
            voters: managers.iter().map(|(id, _)| *id).collect(),
            data: ManagerSnapshot {
                store: Arc::new(store.clone()),
                members: managers.iter().copied().collect(),
                removed: BTreeSet::new(),
            },
        };
        let leads = |member: &Member| setup.initial.leader.is_none_or(|leader| leader == member.host);
        let leader = managers.iter().find(|(_, member)| leads(member)).expect("a manager leads").0;
        for (id, member) in &managers {
            let host = self.hosts.get_mut(member.host).expect("members have hosts");
            let mut disk = host.node.fresh_disk(member.node, *id, lineage);
            disk.raft = Disk::from_snapshot(snapshot.clone(), Some(leader));
            host.manager_disk = Some(Box::new(disk));
        }
        let manager_hosts: Arc<[HostId]> = managers.iter().map(|(_, member)| member.host).collect();
        for node in store.nodes() {
            let host = self.hosts.get_mut(node.host).expect("nodes have hosts");
            let is_manager = node.role == NodeRole::Manager;
            host.agent = Some(host.node.new_agent(node.id, is_manager, &manager_hosts));
            host.node.settle(Identity { node: node.id, role: node.role });
            host.power = if powered { Power::On } else { Power::Off };
        }
        if powered {
            self.open_sessions(&store, leader, &manager_hosts, out);
        }
    }

    /// Managers and agents run and know each other.
    fn open_sessions(&mut self, store: &Store, leader: RaftId, managers: &Arc<[HostId]>, out: &mut Effects) {
        let leader_host = managers[leader.0 as usize - 1];
        for id in managers.iter() {
            let host = self.hosts.get_mut(*id).expect("managers have hosts");
            out.enter(*id, host.lives, FactId::START);
            let disk = host.manager_disk.take().expect("managers have disks");
            host.manager = Some(Box::new(Manager::settled(*disk, leader, ELECTION_TICKS, out)));
            self.follow_manager(*id);
        }
        let leading = self.hosts.get_mut(leader_host).and_then(|host| host.manager.as_mut());
        out.enter(leader_host, Lives::default(), FactId::START);
        leading.expect("the leader runs").lead_settled(out);
        for node in store.nodes() {
            self.host_mut(node.host).node.settle_ready();
            self.open_session(node, leader_host, out);
        }
        for task in store.tasks() {
            let node = task.node.and_then(|id| store.node(id)).expect("given tasks have nodes");
            out.enter(node.host, Lives::default(), FactId::START);
            let agent = self.host_mut(node.host).agent.as_mut().expect("nodes have agents");
            agent.settle_task(Arc::clone(task), out);
        }
    }

    /// One agent has an open session, perhaps through a manager that passes on to the leader.
    fn open_session(&mut self, node: &Node, leader: HostId, out: &mut Effects) {
        let session = out.mint_session();
        let streams = [out.mint_call(Component::Agent), out.mint_call(Component::Agent)];
        let given = self.setup.initial.sessions.get(&node.host).copied();
        let agent =
            self.hosts.get_mut(node.host).and_then(|host| host.agent.as_mut()).expect("nodes have agents");
        let via = given.unwrap_or_else(|| agent.choose_manager());
        let mut replies = streams.map(|call| ReplyTo { host: node.host, call });
        if via != leader {
            let passing = self.hosts.get_mut(via).and_then(|host| host.manager.as_mut());
            let passing = passing.expect("agents talk to managers");
            replies =
                replies.map(|reply| ReplyTo { host: via, call: passing.settled_stream(reply, leader, out) });
        }
        let leading =
            self.hosts.get_mut(leader).and_then(|host| host.manager.as_mut()).expect("the leader runs");
        out.enter(leader, Lives::default(), FactId::START);
        let given = self.setup.initial.heartbeats.get(&node.host);
        let settled = SettledSession {
            node: node.id,
            session,
            heartbeat: given.map(|given| SettledHeartbeat { period: given.period, age: given.age }),
            session_reply: replies[0],
            assignments_reply: replies[1],
        };
        let next_heartbeat = leading.settle_session(settled, out);
        out.enter(node.host, Lives::default(), FactId::START);
        let agent =
            self.hosts.get_mut(node.host).and_then(|host| host.agent.as_mut()).expect("nodes have agents");
        agent.settle(
            SettledAgent {
                session,
                manager: via,
                session_call: streams[0],
                assignments_call: streams[1],
                next_heartbeat,
            },
            out,
        );
        agent.configure(&node.attachments, out);
    }
}

fn idle_host(setup: &Arc<Setup>, id: HostId, streams: &mut Streams) -> Host {
    let name = &setup.hosts.get(id).expect("hosts come from the set-up").name;
    let node_streams = NodeStreams {
        renewal: streams.stream(&format!("renewal/{name}")),
        agent: AgentStreams::of(streams, name),
        manager: spare_manager(setup, id, streams),
    };
    let node = SwarmNode::new(id, setup, streams.seed(), node_streams);
    Host {
        power: Power::On,
        lives: Lives::default(),
        frozen: None,
        agent: None,
        manager: None,
        manager_disk: None,
        mesh: Box::default(),
        node: Box::new(node),
        moves: false,
        clients: Clients::new(streams.seed(), setup.settings.call_limit),
        ended_by: None,
    }
}

fn collect<I: ObjectId, T>(items: impl IntoIterator<Item = (I, T)>) -> IdMap<I, T> {
    let mut map = IdMap::new();
    for (id, item) in items {
        map.insert(id, item);
    }
    map
}

fn topology(setup: &Setup) -> Topology {
    let constant = |latency| Link { latency, jitter: SimDuration::ZERO, loss: Ppm(0) };
    let mut topology = Topology::new(constant(setup.settings.latency_between_zones));
    for _ in setup.zones.ids() {
        let zone = topology.add_zone();
        topology.connect(zone, zone, constant(setup.settings.latency_same_zone));
    }
    for host in setup.hosts.values() {
        topology.add_host(host.zone);
    }
    for link in &setup.links {
        let (one, other) = link.between;
        topology.connect(one, other, Link { latency: link.latency, jitter: link.jitter, loss: link.loss });
    }
    topology
}

/// The store of a swarm without services.
fn settled_store(setup: &Setup, members: &[HostId], ready: bool, out: &mut Effects) -> Store {
    let mut store = Store::default();
    let cluster = out.mint_cluster();
    let (now, cause) = (SimTime::ZERO, out.cause());
    let mut transaction = Transaction::new(&mut store, &mut out.ids, now, SETTLED_INDEX - 1, cause);
    transaction
        .create_cluster(model::Cluster::new(cluster, Arc::new(setup.settings.cluster.clone())))
        .expect("the store is empty");
    let ingress = allocated_ingress(transaction.mint_network(), members.len());
    transaction.create_network(ingress.clone()).expect("the store is empty");
    for name in PREDEFINED_NETWORKS {
        let network = predefined_network(transaction.mint_network(), name);
        transaction.create_network(network).expect("the names differ");
    }
    let ingress = Arc::new(ingress);
    for host in members {
        let id = transaction.mint_node();
        let mut node = settled_node(id, *host, setup.hosts.get(*host).expect("members are hosts"), ready);
        node.attachments = vec![ingress_attachment(&ingress, id)];
        transaction.create_node(node).expect("the id is new");
    }
    for service in &setup.initial.services {
        settled_service(service, members, &mut transaction);
    }
    let changes = transaction.into_changes();
    store.apply(&changes);
    store
}

/// The network of the routing mesh, which has the first subnet of the pool (spec networking 2, 3.2). Whoever runs many
/// nodes has made a larger one, since the usual one has no room for their addresses.
fn allocated_ingress(id: NetworkId, nodes: usize) -> Network {
    let prefix_bits = if nodes <= INGRESS_NODES_MAX { 24 } else { 16 };
    let subnet = Subnet { address: Ipv4Addr::new(10, 0, 0, 0), prefix_bits };
    let allocated = AllocatedSubnet { subnet, gateway: Ipv4Addr::new(10, 0, 0, 1), vxlan: VXLAN_FIRST };
    Network { allocated: Some(vec![allocated]), ..ingress_network(id) }
}

/// Nodes have the addresses after the gateway, in the order in which they appeared (spec networking 4.2).
fn ingress_attachment(ingress: &Arc<Network>, node: NodeId) -> NetworkAttachment {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 2).to_bits() + node.0);
    NetworkAttachment { addresses: vec![address], ..NetworkAttachment::to(Arc::clone(ingress)) }
}

fn settled_node(id: NodeId, host: HostId, setup: &HostSetup, ready: bool) -> Node {
    let role = if setup.part == SwarmPart::Manager { NodeRole::Manager } else { NodeRole::Worker };
    let mut spec = NodeSpec { desired_role: role, availability: setup.availability, ..NodeSpec::default() };
    spec.annotations.labels.clone_from(&setup.labels);
    let state = if ready { NodeState::Ready } else { NodeState::Down };
    Node {
        spec: Arc::new(spec),
        description: Some(Arc::new(describe(setup))),
        status: NodeStatus { state, message: "".into(), address: Some(IpAddr::V4(setup.address)) },
        ..Node::new(id, host, role)
    }
}

/// A service whose tasks have been running for a while. Nodes are numbered in the order of `members`.
fn settled_service(given: &InitialService, members: &[HostId], transaction: &mut Transaction<'_>) {
    let id = transaction.mint_service();
    let spec = Arc::new(given.spec.clone());
    let service = Service { spec_version: Some(0), ..Service::new(id, Arc::clone(&spec)) };
    transaction.create_service(service).expect("given services have different names");
    for (slot, host) in &given.tasks {
        let node = members.iter().position(|member| member == host).expect("tasks run on members");
        let now = transaction.now();
        let mut task = Task::new(transaction.mint_task(), Arc::clone(&spec.task), now);
        task.service = Some(id);
        task.slot = *slot;
        task.node = Some(NodeId::from_index(node));
        task.spec_version = Some(0);
        task.service_annotations = Arc::new(spec.annotations.clone());
        task.status.state = TaskState::Running;
        task.status.message = "started".into();
        transaction.create_task(task).expect("the id is new");
    }
}

/// What belongs to the manager of a host, if it ever gets one.
fn spare_manager(setup: &Arc<Setup>, host: HostId, streams: &mut Streams) -> SpareManager {
    let name = &setup.hosts.get(host).expect("hosts come from the set-up").name;
    let settings = &setup.settings;
    let periods = HeartbeatPeriods::new(Arc::clone(setup), streams.seed(), host, HEARTBEAT_EPSILON);
    let kit = ManagerKit {
        node: NodeId::default(),
        lineage: Lineage::default(),
        has_forgotten: false,
        founding: None,
        streams: ManagerStreams {
            tick: streams.stream(&format!("tick/{name}")),
            disk: streams.stream(&format!("disk/{name}")),
            redial: streams.stream(&format!("redial/{name}")),
        },
        disk_delay: SimDuration::ZERO,
        sabotage: setup.sabotage,
        disk_speed: DiskSpeed { shortest: settings.persist_min, longest: settings.persist_max },
        settings: LoopSettings::of(setup, streams.seed(), name),
        periods: Some(periods),
    };
    SpareManager { election: streams.stream(&format!("election/{name}")), kit }
}
