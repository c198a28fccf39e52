//! How a member comes to life (spec 3.1): as the first of a new cluster, from its disk, or in a cluster that has
//! been running for a while.
use std::collections::BTreeMap;

use crate::kernel::Stream;

use super::election::Timer;
use super::log::Log;
use super::ready::Outbox;
use super::{
    ConfChange, Config, Disk, EntryData, HardState, Members, Payload, ProgressState, Raft, RaftId, Role,
    SoftState, Term,
};

impl<P: Payload> Raft<P> {
    /// Starts from a disk: a member that restarts, or, with an empty disk, one that joins and learns the
    /// configuration from its leader. Entries after the snapshot will be applied again.
    pub(crate) fn start(id: RaftId, config: Config, disk: &Disk<P>, random: Stream) -> Self {
        let HardState { term, vote, commit } = disk.hard_state;
        let voters = disk.snapshot.iter().flat_map(|snapshot| snapshot.voters.iter().copied());
        let members = Members::of(voters, disk.entries.last().index, config.max_inflight);
        let soft_state = SoftState { role: Role::Follower, leader: None };
        let mut raft = Raft {
            id,
            config,
            term,
            vote,
            log: Log::restored(disk.snapshot.clone(), disk.entries.clone(), commit),
            role: soft_state.role,
            leader: soft_state.leader,
            votes: BTreeMap::new(),
            members,
            pending_conf_index: 0,
            transferee: None,
            timer: Timer::UNSET,
            random,
            outbox: Outbox::new(disk.hard_state, soft_state),
        };
        raft.become_follower(term, None);
        raft
    }

    /// Starts a new cluster of one: its first entry, of term 1 and committed without a vote, adds this member.
    /// Once the first Ready is done the driver calls [`Raft::campaign`], and the member leads at term 2.
    pub(crate) fn bootstrap(id: RaftId, config: Config, member: P::Member, random: Stream) -> Self {
        let mut raft = Raft::start(id, config, &Disk::empty(), random);
        raft.become_follower(Term(1), None);
        let change = ConfChange::AddNode { id, member };
        let index = raft.log.append(raft.term, EntryData::ConfChange(change.clone()));
        raft.log.commit_to(index);
        raft.apply_conf_change(&change);
        raft
    }

    /// Starts in the middle of a quiet life: everybody has applied what is on `disk`, `leader` leads, and
    /// `election_elapsed` ticks have passed since this member heard it, or, for the leader, since its last quorum
    /// check. Nothing is waiting to be done.
    pub(crate) fn settled(
        id: RaftId,
        config: Config,
        disk: &Disk<P>,
        random: Stream,
        leader: RaftId,
        election_elapsed: u64,
    ) -> Self {
        let mut raft = Raft::start(id, config, disk, random);
        assert_eq!(raft.log.applied, raft.log.last_index(), "a settled member has applied its whole log");
        raft.timer.election_elapsed = election_elapsed;
        raft.leader = Some(leader);
        if leader == id {
            raft.role = Role::Leader;
            raft.pending_conf_index = raft.log.last_index();
            for (_, progress) in raft.members.iter_mut() {
                progress.acknowledge(raft.log.last_index());
                progress.state = ProgressState::Replicate;
                progress.recent_active = true;
                progress.sent_commit = raft.log.commit;
            }
        }
        raft.outbox.known_soft_state = raft.soft_state();
        raft
    }

    /// Ends this member and gives its random stream back, from which its next start goes on drawing.
    pub(crate) fn into_random(self) -> Stream {
        self.random
    }
}
