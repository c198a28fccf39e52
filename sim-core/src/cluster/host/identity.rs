//! Who a host is in a swarm, and what belongs to its components while they do not run.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::engine::EngineAnswer;
use super::join::Join;
use super::leave::Leaving;
use super::{ManagerPart, Renewal};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest, Stream};
use crate::manager::{ManagerDisk, ManagerKit};
use crate::model::setup::Setup;
use crate::model::{HostId, NodeId, NodeRole};
use crate::protocol::{CallId, Effects, EngineRequest, Lineage, NodeTimer, Seat, Timer};
use crate::raft::{Disk, RaftId};
use crate::worker::AgentStreams;

/// Pause before the components of a node run again that have failed; it doubles with every failure (spec
/// control-plane 1.3).
const RESTART_FIRST: SimDuration = SimDuration::from_millis(200);
/// The longest pause (spec control-plane 1.3).
const RESTART_MAX: SimDuration = SimDuration::from_secs(30);

/// A host's part in a swarm.
#[derive(Debug)]
pub(crate) struct SwarmNode {
    pub(super) host: HostId,
    pub(super) setup: Arc<Setup>,
    pub(super) seed: u64,
    /// None as long as the host has no certificate.
    pub(crate) identity: Option<Identity>,
    pub(super) certificate: Renewal,
    pub(super) manager: ManagerPart,
    /// The manager that was named when this process joined. A later process does not remember it.
    pub(super) join_address: Option<HostId>,
    /// The host is on its way into a swarm.
    pub(super) join: Option<Join>,
    /// The node whose certificate was requested to join.
    pub(super) requested: Option<NodeId>,
    /// The client that began a swarm, and waits until this node is ready.
    pub(super) initializing: Option<CallId>,
    pub(super) leaving: Option<Leaving>,
    /// Why the host could not enter a swarm when nobody waited any more, or why the components of its node have
    /// failed, until they are ready again.
    pub(super) error: Option<String>,
    /// True once the components of the node that run now have become ready.
    pub(super) is_ready: bool,
    /// What clients want while another one's request is not over.
    pub(super) queue: VecDeque<(CallId, EngineRequest)>,
    /// For clients, and not delivered yet.
    pub(super) answers: Vec<(CallId, EngineAnswer)>,
    /// What belongs to an agent, while the host has none.
    pub(crate) agent_streams: Option<AgentStreams>,
    /// Pause before the next restart of failed components.
    restart_delay: SimDuration,
    /// Components have failed, and run again when this timer fires.
    restart: Option<TimerId>,
    /// What belongs to a manager, while the host has none.
    spare: Option<SpareManager>,
    /// The Raft members that this host was, and whose logs it has deleted.
    forgotten: BTreeSet<(Lineage, RaftId)>,
}

/// What a certificate says. It is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) role: NodeRole,
}

/// The parts of a manager that belong to its host, whether there is a manager or not.
#[derive(Debug)]
pub(crate) struct SpareManager {
    pub(crate) election: Stream,
    pub(crate) kit: ManagerKit,
}

/// What belongs to a host whether it is in a swarm or not.
#[derive(Debug)]
pub(crate) struct NodeStreams {
    pub(crate) renewal: Stream,
    pub(crate) agent: AgentStreams,
    pub(crate) manager: SpareManager,
}

impl SwarmNode {
    /// A host outside of any swarm.
    pub(crate) fn new(host: HostId, setup: &Arc<Setup>, seed: u64, streams: NodeStreams) -> Self {
        let NodeStreams { renewal, agent, manager } = streams;
        SwarmNode {
            host,
            setup: Arc::clone(setup),
            seed,
            identity: None,
            certificate: Renewal::new(renewal),
            manager: ManagerPart::Idle,
            join_address: None,
            join: None,
            requested: None,
            initializing: None,
            leaving: None,
            error: None,
            is_ready: false,
            queue: VecDeque::new(),
            answers: Vec::new(),
            agent_streams: Some(agent),
            restart_delay: RESTART_FIRST,
            restart: None,
            spare: Some(manager),
            forgotten: BTreeSet::new(),
        }
    }

    /// The host has been this node for long.
    pub(crate) fn settle(&mut self, identity: Identity) {
        self.identity = Some(identity);
        self.is_ready = false;
        self.certificate.expect(identity.role);
    }

    /// Its components run, and have been ready for long.
    pub(crate) fn settle_ready(&mut self) {
        self.is_ready = true;
    }

    /// The disk of a manager that has written nothing yet.
    pub(crate) fn fresh_disk(&mut self, node: NodeId, raft_id: RaftId, lineage: Lineage) -> ManagerDisk {
        let SpareManager { election, mut kit } = self.spare.take().expect("a host has one manager");
        (kit.node, kit.lineage, kit.founding) = (node, lineage, None);
        kit.has_forgotten = self.forgotten.contains(&(lineage, raft_id));
        ManagerDisk { raft_id, raft: Disk::empty(), election, kit }
    }

    pub(super) fn joined_disk(&mut self, node: NodeId, seat: &Seat) -> ManagerDisk {
        self.fresh_disk(node, seat.id, seat.lineage)
    }

    /// A manager's data is deleted.
    pub(super) fn wipe(&mut self, disk: ManagerDisk) {
        let ManagerDisk { raft_id, raft: _, election, kit } = disk;
        self.forgotten.insert((kit.lineage, raft_id));
        self.spare = Some(SpareManager { election, kit });
    }

    pub(super) fn slow_disk(&mut self, by: SimDuration) {
        if let Some(spare) = &mut self.spare {
            spare.kit.disk_delay = by;
        }
    }

    pub(super) fn end_process(&mut self) {
        self.certificate.end_process();
        self.expect_own_role();
        self.manager = ManagerPart::Idle;
        self.join_address = None;
        (self.restart_delay, self.restart) = (RESTART_FIRST, None);
        (self.initializing, self.leaving, self.is_ready) = (None, None, false);
        if self.identity.is_some() {
            self.error = None;
        }
        if let Some(join) = &mut self.join {
            join.end_process();
        }
    }

    /// The manager part waits for nothing any more.
    pub(super) fn close_manager_part(&mut self, out: &mut Effects) {
        match std::mem::replace(&mut self.manager, ManagerPart::Idle) {
            ManagerPart::Idle => {}
            ManagerPart::Joining(call) => call.give_up(out),
            ManagerPart::Writing { timer, .. }
            | ManagerPart::Opening(timer)
            | ManagerPart::Removed { timer, .. } => out.cancel_timer(timer),
        }
    }

    /// The certificate is not renewed before the node has heard again which role it shall have.
    pub(super) fn end_renewal(&mut self, out: &mut Effects) {
        self.certificate.cancel(out);
        self.expect_own_role();
    }

    /// A renewal that was under way is forgotten. It begins again when another role is heard of than the certificate's.
    fn expect_own_role(&mut self) {
        if let Some(identity) = self.identity {
            self.certificate.expect(identity.role);
        }
    }

    /// The host is in no swarm any more, and remembers none.
    pub(super) fn forget_swarm(&mut self) {
        self.end_process();
        (self.identity, self.requested, self.error) = (None, None, None);
    }

    /// True while the host enters or leaves a swarm, or a client is still to be told that it has.
    pub(super) fn is_moving(&self) -> bool {
        let becomes_ready = self.identity.is_some() && !self.is_ready;
        self.join.is_some() || becomes_ready || self.is_busy() || self.has_answers()
    }

    /// True while a client waits until its host has entered, left or begun a swarm. The engine does one of that at a
    /// time.
    pub(super) fn is_busy(&self) -> bool {
        let joins = self.join.as_ref().is_some_and(Join::is_waited_for);
        joins || self.initializing.is_some() || self.leaving.is_some()
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The components of the node run again after a pause.
    pub(super) fn restart_later(&mut self, out: &mut Effects) {
        self.cancel_restart(out);
        self.restart = Some(out.set_timer(Timer::Node(NodeTimer::Restart), out.now() + self.restart_delay));
        self.restart_delay = self.restart_delay.times(2).min(RESTART_MAX);
    }

    /// True if components have failed, and run again after a pause.
    pub(super) fn awaits_restart(&self) -> bool {
        self.restart.is_some()
    }

    /// The pause is over. False if nobody waits for that any more.
    pub(super) fn restart_due(&mut self) -> bool {
        self.restart.take().is_some()
    }

    /// Nothing is left to be restarted, or something else does it.
    pub(super) fn cancel_restart(&mut self, out: &mut Effects) {
        if let Some(timer) = self.restart.take() {
            out.cancel_timer(timer);
        }
    }
}

impl StateDigest for SwarmNode {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            host,
            setup: _,
            seed: _,
            identity,
            certificate,
            manager,
            join_address,
            join,
            requested,
            initializing,
            leaving,
            error,
            is_ready,
            queue,
            answers,
            agent_streams,
            restart_delay,
            restart,
            spare,
            forgotten,
        } = self;
        host.digest(digest);
        digest.bool(identity.is_some());
        if let Some(Identity { node, role }) = identity {
            node.digest(digest);
            digest.u8(*role as u8);
        }
        certificate.digest(digest);
        manager.digest(digest);
        join_address.digest(digest);
        join.digest(digest);
        requested.digest(digest);
        digest.u64(initializing.map_or(0, |call| call.number));
        leaving.digest(digest);
        digest.text(error.as_deref().unwrap_or_default());
        digest.bool(*is_ready);
        digest.debug(queue);
        digest.debug(answers);
        agent_streams.digest(digest);
        digest.duration(*restart_delay);
        digest.bool(restart.is_some());
        spare.digest(digest);
        digest.debug(forgotten);
    }
}

impl StateDigest for SpareManager {
    fn digest(&self, digest: &mut Digest) {
        let Self { election, kit } = self;
        election.digest(digest);
        kit.digest(digest);
    }
}
