//! The manager process: Raft, the store, the control API, and the control loops that run while it leads.
//!
//! A manager is what survives as [`ManagerDisk`] while its process is down. It follows the Ready contract of
//! spec control-plane 2.12: what Raft hands out is first written to the disk, which takes time, then sent, then
//! applied. Whatever else arrives meanwhile is stepped, but hands out nothing.
pub(crate) mod allocator;
pub(crate) mod api;
pub(crate) mod ca;
pub(crate) mod dispatcher;
pub(crate) mod enforcer;
pub(crate) mod founding;
pub(crate) mod loops;
pub(crate) mod orchestrator;
pub(crate) mod reaper;
pub(crate) mod role_manager;
pub(crate) mod scheduler;
pub(crate) mod ties;

mod clock;
mod driver;
pub(crate) mod forward;
mod leadership;
mod membership;
mod requests;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::clock::RoleCauses;
use self::dispatcher::HeartbeatPeriods;
use self::forward::Forwarding;
use self::founding::Founding;
use self::leadership::Leadership;
pub(crate) use self::loops::LoopSettings;
use self::membership::Membership;
use self::transport::{Report, Transport};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Stream};
use crate::model::{Defect, HostId, NodeId, Sabotage};
use crate::protocol::{
    CallError, CallId, Effects, Lineage, ManagerSnapshot, ManagerStatus, ManagerTimer, Member, MemberList,
    Message, ReplyTo, StoreEntry, Timer,
};
use crate::raft::{Config, Disk, HardState, Raft, RaftId, Ready, Term};
use crate::store::Store;

/// How long a write to the disk takes: uniform between two bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskSpeed {
    pub(crate) shortest: SimDuration,
    pub(crate) longest: SimDuration,
}

impl Default for DiskSpeed {
    fn default() -> Self {
        DiskSpeed { shortest: SimDuration::from_micros(500), longest: SimDuration::from_micros(1_500) }
    }
}

/// The random streams of a manager. They belong to the host: a restarted process goes on drawing.
#[derive(Debug)]
pub(crate) struct ManagerStreams {
    /// Phase of the Raft tick.
    pub(crate) tick: Stream,
    /// Duration of writes to the disk.
    pub(crate) disk: Stream,
    /// Spread of the times between attempts to connect with another manager.
    pub(crate) redial: Stream,
}

/// What belongs to a manager, whether its process runs or not.
#[derive(Debug)]
pub(crate) struct ManagerKit {
    pub(crate) node: NodeId,
    /// The history that the log belongs to.
    pub(crate) lineage: Lineage,
    /// The log of this very member was deleted once (spec control-plane 3.3).
    pub(crate) has_forgotten: bool,
    /// The first manager of a swarm has this until it has made the swarm's objects.
    pub(crate) founding: Option<Founding>,
    pub(crate) streams: ManagerStreams,
    pub(crate) disk_speed: DiskSpeed,
    /// Added to every write to the disk by a fault.
    pub(crate) disk_delay: SimDuration,
    /// A defect that a test puts in.
    pub(crate) sabotage: Sabotage,
    pub(crate) settings: LoopSettings,
    /// While the manager leads, its dispatcher has them.
    pub(crate) periods: Option<HeartbeatPeriods>,
}

impl ManagerKit {
    /// How long the next write to the disk takes.
    pub(crate) fn write_time(&mut self) -> SimDuration {
        self.streams.disk.span(self.disk_speed.shortest, self.disk_speed.longest) + self.disk_delay
    }
}

/// What is left of a manager whose process is down.
#[derive(Debug)]
pub(crate) struct ManagerDisk {
    pub(crate) raft_id: RaftId,
    pub(crate) raft: Disk<StoreEntry>,
    pub(crate) election: Stream,
    pub(crate) kit: ManagerKit,
}

/// A running manager.
#[derive(Debug)]
pub(crate) struct Manager {
    host: HostId,
    kit: ManagerKit,
    raft: Raft<StoreEntry>,
    disk: Disk<StoreEntry>,
    /// Handed out by Raft, on its way to the disk.
    persisting: Option<Ready<StoreEntry>>,
    store: Store,
    members: BTreeMap<RaftId, Member>,
    removed: BTreeSet<RaftId>,
    transport: Transport,
    forwarding: Forwarding,
    /// Vote requests whose senders are being called back, by the call.
    health_checks: BTreeMap<CallId, requests::HealthCheck>,
    /// A tick came while the disk was busy. Further ones are lost: one goroutine ticks and writes.
    tick_waits: bool,
    /// Ticks since Raft last knew a leader.
    ticks_without_leader: u64,
    /// When the leadership was last handed over because of a wedged store.
    wedge_broken: Option<SimTime>,
    /// The last term for which a candidacy was told.
    told_candidacy: Term,
    role_causes: RoleCauses,
    leadership: Option<Leadership>,
    membership: Membership,
    /// True once this manager is no member of the Raft cluster any more.
    lost_membership: bool,
    /// The last entry that is known to be committed at the start of the process, until it is applied.
    restored_to: Option<u64>,
    /// Counts leaderships of this process, so that timers of an earlier one are not heard.
    epoch: u32,
}

impl Manager {
    /// Starts the process on what its disk holds. It follows until it hears more (spec control-plane 3.1).
    pub(crate) fn start(disk: ManagerDisk, out: &mut Effects) -> Self {
        let ManagerDisk { raft_id, raft: raft_disk, election, kit } = disk;
        let raft = Raft::start(raft_id, raft_config(&kit), &raft_disk, election);
        let mut manager = Manager::around(out.host(), raft, raft_disk, kit);
        manager.load_disk(false);
        manager.begin(out);
        manager
    }

    /// Starts as the first manager of a new swarm.
    pub(crate) fn bootstrap(disk: ManagerDisk, out: &mut Effects) -> Self {
        let ManagerDisk { raft_id, raft: raft_disk, election, kit } = disk;
        let member = Member { node: kit.node, host: out.host() };
        let raft = Raft::bootstrap(raft_id, raft_config(&kit), member, election);
        let mut manager = Manager::around(out.host(), raft, raft_disk, kit);
        manager.tell_process(true, out);
        manager.begin(out);
        manager
    }

    /// Starts as a member of a running cluster that has just got its place. It knows who the others are, and nothing
    /// of what they know.
    pub(crate) fn join(disk: ManagerDisk, members: &[(RaftId, Member)], out: &mut Effects) -> Self {
        let ManagerDisk { raft_id, raft: raft_disk, election, kit } = disk;
        let raft = Raft::start(raft_id, raft_config(&kit), &raft_disk, election);
        let mut manager = Manager::around(out.host(), raft, raft_disk, kit);
        for (id, member) in members {
            manager.members.insert(*id, *member);
            if *id != raft_id {
                manager.transport.add(*id, member.host, true);
            }
        }
        manager.tell_process(true, out);
        manager.begin(out);
        manager
    }

    fn begin(&mut self, out: &mut Effects) {
        self.restored_to = Some(self.raft.commit_index());
        self.start_ticking(out);
        self.campaign_if_alone();
        self.pump(out);
    }

    /// The process ends in an orderly way, while the rest of the host goes on: whoever waits for it learns that.
    pub(crate) fn shut_down(mut self, out: &mut Effects) -> ManagerDisk {
        self.stop_leading(out);
        self.close_requests(out);
        self.tell_process(false, out);
        self.into_disk()
    }

    /// A manager in the middle of a quiet life: everybody has applied the snapshot on its disk and follows
    /// `leader`. The leader is somewhere between two checks of its quorum, `check_ticks` apart.
    pub(crate) fn settled(disk: ManagerDisk, leader: RaftId, check_ticks: u64, out: &mut Effects) -> Self {
        let ManagerDisk { raft_id, raft: raft_disk, election, mut kit } = disk;
        let elapsed = if leader == raft_id { kit.streams.tick.below(check_ticks) } else { 0 };
        let raft = Raft::settled(raft_id, raft_config(&kit), &raft_disk, election, leader, elapsed);
        let mut manager = Manager::around(out.host(), raft, raft_disk, kit);
        manager.load_disk(true);
        manager.start_ticking(out);
        let leader = manager.leader_host().expect("a settled member follows another one, or leads");
        out.follows(manager.host, leader);
        manager
    }

    fn around(host: HostId, raft: Raft<StoreEntry>, disk: Disk<StoreEntry>, kit: ManagerKit) -> Self {
        Manager {
            host,
            kit,
            raft,
            disk,
            persisting: None,
            store: Store::default(),
            members: BTreeMap::new(),
            removed: BTreeSet::new(),
            transport: Transport::default(),
            forwarding: Forwarding::default(),
            health_checks: BTreeMap::new(),
            tick_waits: false,
            ticks_without_leader: 0,
            wedge_broken: None,
            told_candidacy: Term(0),
            role_causes: RoleCauses::default(),
            leadership: None,
            membership: Membership::default(),
            lost_membership: false,
            restored_to: None,
            epoch: 0,
        }
    }

    fn load_disk(&mut self, peers_active: bool) {
        if let Some(snapshot) = self.disk.snapshot().cloned() {
            self.load_snapshot(&snapshot.data, peers_active);
        }
    }

    /// Passes a stream on to the leader that was opened before the run began. Returns the call to the leader.
    pub(crate) fn settled_stream(&mut self, reply: ReplyTo, leader: HostId, out: &mut Effects) -> CallId {
        self.forwarding.settled(reply, leader, out)
    }

    /// The process ends at once; only its disk stays.
    pub(crate) fn into_disk(self) -> ManagerDisk {
        let lent = self.leadership.and_then(Leadership::into_periods);
        let mut raft_disk = self.disk;
        if self.kit.sabotage.is(Defect::ForgetCommit) {
            raft_disk.forget_commit();
        }
        ManagerDisk {
            raft_id: self.raft.id(),
            raft: raft_disk,
            election: self.raft.into_random(),
            kit: ManagerKit { periods: lent.or(self.kit.periods), ..self.kit },
        }
    }

    /// The store as this manager has applied it.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn raft(&self) -> &Raft<StoreEntry> {
        &self.raft
    }

    /// Term, vote and commit index as they would survive a crash.
    pub(crate) fn durable_state(&self) -> HardState {
        self.disk.hard_state()
    }

    /// The history that the log belongs to.
    pub(crate) fn lineage(&self) -> Lineage {
        self.kit.lineage
    }

    /// True if it is a member whose log was deleted once: it may have voted for and acknowledged what it does not
    /// know of any more.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.kit.has_forgotten
    }

    /// True while the control loops run here.
    pub(crate) fn leads(&self) -> bool {
        self.leadership.is_some()
    }

    /// The host of the leader that this manager knows.
    pub(crate) fn leader_host(&self) -> Option<HostId> {
        Some(self.members.get(&self.raft.leader()?)?.host)
    }

    /// The host of a member of the Raft cluster.
    pub(crate) fn host_of(&self, id: RaftId) -> Option<HostId> {
        Some(self.members.get(&id)?.host)
    }

    /// The hosts of all members of the Raft cluster.
    fn member_hosts(&self) -> Arc<[HostId]> {
        self.members.values().map(|member| member.host).collect()
    }

    /// Whether a member of the Raft cluster runs on the host, and if this manager can reach it.
    pub(crate) fn reachability(&self, node: NodeId) -> Option<(bool, bool)> {
        let (id, _) = self.members.iter().find(|(_, member)| member.node == node)?;
        let reachable = *id == self.raft.id() || self.transport.is_active(*id);
        Some((self.raft.leader() == Some(*id), reachable))
    }

    /// The members of the Raft cluster as this manager sees them.
    pub(crate) fn member_list(&self) -> MemberList {
        let status = |member: &Member| {
            let (leader, reachable) = self.reachability(member.node).expect("a member has a status");
            (member.node, ManagerStatus { leader, reachable })
        };
        self.members.values().map(status).collect()
    }

    /// Writes to the disk take this much longer from here on.
    pub(crate) fn slow_disk(&mut self, by: SimDuration) {
        self.kit.disk_delay = by;
    }

    /// A timer of this manager ran out.
    pub(crate) fn fire(&mut self, timer: Timer, out: &mut Effects) {
        match timer {
            Timer::Loop(timer, epoch) => self.fire_loop(timer, epoch, out),
            Timer::Manager(ManagerTimer::RaftTick) => self.tick(out),
            Timer::Manager(ManagerTimer::Persisted) => self.persisted(out),
            Timer::Manager(ManagerTimer::LoopsTurn) => self.loops_turn(out),
            Timer::Manager(ManagerTimer::CallTimeout(call)) => {
                self.call_over(call, Err(CallError::TimedOut), out)
            }
            Timer::Manager(ManagerTimer::LeaderPoll(place)) => self.look_for_leader(place, out),
            Timer::Manager(ManagerTimer::Redial(peer)) => self.transport.redial(peer, out),
            Timer::Manager(ManagerTimer::MembershipTimeout(limit)) => self.membership_timeout(limit, out),
            Timer::Agent(_) | Timer::Client(_) | Timer::Node(_) | Timer::Alarm(_) => {
                unreachable!("{timer:?} is not for a manager")
            }
        }
        self.pump(out);
    }

    /// A message reached this manager.
    pub(crate) fn hear(&mut self, from: HostId, message: Message, out: &mut Effects) {
        match message {
            Message::Request { call, request } => self.requested(ReplyTo { host: from, call }, request, out),
            Message::Item { call, item } => self.relay_item(call, item, out),
            Message::Answer { call, answer } => self.call_over(call, answer, out),
            Message::HangUp { call } => self.hung_up(ReplyTo { host: from, call }, out),
            Message::Reset => self.reset(from, out),
        }
        self.pump(out);
    }

    /// Tells Raft what the transport has found out.
    fn report(&mut self, reports: impl IntoIterator<Item = Report>) {
        for report in reports {
            match report {
                Report::Unreachable(peer) => self.raft.report_unreachable(peer),
                Report::Snapshot { peer, delivered } => self.raft.report_snapshot(peer, delivered),
            }
        }
    }

    fn load_snapshot(&mut self, snapshot: &ManagerSnapshot, active: bool) {
        self.store = Store::clone(&snapshot.store);
        self.members.clone_from(&snapshot.members);
        self.removed.clone_from(&snapshot.removed);
        for (id, member) in &self.members {
            if *id != self.raft.id() {
                self.transport.add(*id, member.host, active);
            }
        }
    }
}

fn raft_config(kit: &ManagerKit) -> Config {
    Config { sabotage: kit.sabotage, ..Config::default() }
}

impl StateDigest for Manager {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            host,
            kit,
            raft,
            // The disk follows from what Raft handed out; what is on its way there is in flight only.
            disk: _,
            persisting,
            store,
            members,
            removed,
            transport,
            forwarding,
            health_checks,
            tick_waits,
            ticks_without_leader,
            wedge_broken,
            told_candidacy,
            // What explains the run does not change it.
            role_causes: _,
            leadership,
            membership,
            lost_membership,
            restored_to,
            epoch,
        } = self;
        host.digest(digest);
        kit.digest(digest);
        raft.digest(digest);
        persisting.digest(digest);
        store.digest(digest);
        for (id, member) in members {
            digest.u64(id.0);
            member.digest(digest);
        }
        removed.iter().for_each(|id| digest.u64(id.0));
        transport.digest(digest);
        forwarding.digest(digest);
        health_checks.digest(digest);
        digest.bool(*tick_waits);
        digest.u64(*ticks_without_leader);
        wedge_broken.digest(digest);
        digest.u64(told_candidacy.0);
        leadership.digest(digest);
        membership.digest(digest);
        digest.bool(*lost_membership);
        restored_to.digest(digest);
        digest.u32(*epoch);
    }
}

impl StateDigest for ManagerDisk {
    fn digest(&self, digest: &mut Digest) {
        let Self { raft_id, raft, election, kit } = self;
        digest.u64(raft_id.0);
        raft.digest(digest);
        election.digest(digest);
        kit.digest(digest);
    }
}

impl StateDigest for ManagerKit {
    fn digest(&self, digest: &mut Digest) {
        // The speed of the disk and the other settings are the run's.
        let Self {
            node,
            lineage,
            has_forgotten,
            founding,
            streams,
            disk_speed: _,
            disk_delay,
            sabotage: _,
            settings: LoopSettings { leadership, .. },
            periods,
        } = self;
        let ManagerStreams { tick, disk, redial } = streams;
        node.digest(digest);
        digest.u32(lineage.0);
        digest.bool(*has_forgotten);
        digest.debug(founding);
        tick.digest(digest);
        disk.digest(digest);
        redial.digest(digest);
        digest.duration(*disk_delay);
        digest.u32(*leadership);
        periods.digest(digest);
    }
}
