//! Who is in the cluster, as one peer sees it: alive, suspect, dead or left (spec networking 8.3).
//!
//! A rumor counts if its incarnation is not older than the one known. Only the peer itself raises its incarnation:
//! that is how it refutes what is said about it.
use super::PeerId;
use super::limits::{self, GOSSIP_TO_THE_DEAD};
use super::message::{MemberState, Rumor};
use crate::kernel::random::Stream;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{HostId, PagedMap};

/// What a peer holds another one for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It answers.
    Alive,
    /// Somebody did not get an answer from it.
    Suspect,
    /// It did not refute that.
    Dead,
    /// It said that it leaves.
    Left,
}

/// A member as another peer sees it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) host: HostId,
    pub(super) incarnation: u32,
    pub(super) status: Status,
    pub(super) since: SimTime,
    suspicion: Option<Box<Suspicion>>,
}

/// Why somebody is suspect, and how long it has to refute that.
#[derive(Clone, Debug)]
struct Suspicion {
    began: SimTime,
    /// Who said so first, then those who confirmed it.
    accusers: Vec<PeerId>,
    expected: u8,
    /// Nodes in the cluster when it began.
    nodes: usize,
    until: SimTime,
}

/// What a rumor has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Old,
    /// It is news, and is passed on.
    News,
    /// A member is suspect until then, unless it refutes that.
    Suspected { until: SimTime },
    /// A peer that was not there is: new, or back.
    Joined,
    /// A member is there no longer. `left`: by its own will.
    Gone { left: bool },
    /// It is about this peer itself, and wrong: to be refuted with an incarnation above this one.
    Accused { incarnation: u32 },
}

/// The members that a peer knows, itself included.
#[derive(Clone, Debug)]
pub(super) struct Members {
    own: PeerId,
    by_id: PagedMap<PeerId, Member>,
    /// In the order in which they are probed.
    order: Vec<PeerId>,
    next_probe: usize,
    /// Sum over the hashes of all members, to tell at once whether two peers see the same.
    sum: u64,
    suspects: usize,
}

impl Members {
    pub(super) fn new(own: PeerId) -> Self {
        Members { own, by_id: PagedMap::default(), order: Vec::new(), next_probe: 0, sum: 0, suspects: 0 }
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Member> {
        self.by_id.get(peer)
    }

    /// How many members are known, dead ones included until they are forgotten.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// True if somebody is under suspicion.
    pub(super) fn has_suspects(&self) -> bool {
        self.suspects > 0
    }

    /// What a full exchange says about all members.
    pub(super) fn states(&self) -> Vec<MemberState> {
        let state = |peer: &PeerId| {
            let member = self.known(*peer);
            let Member { host, incarnation, status, .. } = *member;
            MemberState { peer: *peer, host, incarnation, status }
        };
        self.order.iter().map(state).collect()
    }

    /// Members that are known from before the run began, alive. Nobody in particular knows them yet.
    pub(super) fn settled(peers: &[(PeerId, HostId)]) -> Self {
        let mut members = Members::new(PeerId::default());
        for (peer, host) in peers {
            members.order.push(*peer);
            members.by_id.put(*peer, Some(Member::new(*host, 1, Status::Alive, SimTime::ZERO)));
            members.sum = members.sum.wrapping_add(hash(*peer, 1, Status::Alive));
        }
        members
    }

    /// The same members as this peer knows them: in its own random order.
    pub(super) fn known_to(&self, own: PeerId, random: &mut Stream) -> Self {
        let mut members = Members { own, ..self.clone() };
        random.shuffle(&mut members.order);
        members.next_probe = random.below(members.order.len() as u64 + 1) as usize;
        members
    }

    /// A peer lives.
    pub(super) fn alive(
        &mut self,
        now: SimTime,
        (peer, host): (PeerId, HostId),
        incarnation: u32,
        random: &mut Stream,
    ) -> Outcome {
        if self.by_id.get(peer).is_none() {
            self.insert(peer, Member::new(host, 0, Status::Dead, now), random);
        }
        let known = self.known(peer);
        if peer == self.own {
            // Whoever says more about this peer than it has said itself remembers an earlier life of it.
            return if incarnation > known.incarnation {
                Outcome::Accused { incarnation }
            } else {
                Outcome::Old
            };
        }
        if incarnation <= known.incarnation {
            return Outcome::Old;
        }
        let was = known.status;
        self.set(now, peer, incarnation, Status::Alive);
        match was {
            Status::Dead | Status::Left => Outcome::Joined,
            Status::Alive | Status::Suspect => Outcome::News,
        }
    }

    /// The peer itself is there, with this incarnation.
    pub(super) fn set_self(&mut self, now: SimTime, host: HostId, incarnation: u32, random: &mut Stream) {
        let own = self.own;
        if self.by_id.get(own).is_none() {
            self.insert(own, Member::new(host, 0, Status::Dead, now), random);
        }
        self.set(now, own, incarnation, Status::Alive);
    }

    /// Somebody did not get an answer from a peer.
    pub(super) fn suspect(&mut self, now: SimTime, peer: PeerId, incarnation: u32, from: PeerId) -> Outcome {
        let nodes = self.order.len();
        let Some(member) = self.by_id.get(peer).filter(|member| incarnation >= member.incarnation) else {
            return Outcome::Old;
        };
        if member.suspicion.is_some() {
            let member = self.by_id.get_mut(peer).expect("it is known");
            return member.suspicion.as_mut().expect("it is suspect").confirm(now, from);
        }
        if member.status != Status::Alive {
            return Outcome::Old;
        }
        if peer == self.own {
            return Outcome::Accused { incarnation };
        }
        let expected = limits::confirmations_expected(nodes);
        let until = now + limits::suspicion(nodes, expected, 0);
        self.set(now, peer, incarnation, Status::Suspect);
        let suspicion = Suspicion { began: now, accusers: vec![from], expected, nodes, until };
        self.by_id.get_mut(peer).expect("it is known").suspicion = Some(Box::new(suspicion));
        Outcome::Suspected { until }
    }

    /// Somebody holds a peer for dead, or the peer itself has left.
    pub(super) fn dead(&mut self, now: SimTime, peer: PeerId, incarnation: u32, from: PeerId) -> Outcome {
        let Some(member) = self.by_id.get(peer).filter(|member| incarnation >= member.incarnation) else {
            return Outcome::Old;
        };
        if matches!(member.status, Status::Dead | Status::Left) {
            return Outcome::Old;
        }
        let left = peer == from;
        if peer == self.own && !left {
            return Outcome::Accused { incarnation };
        }
        self.set(now, peer, incarnation, if left { Status::Left } else { Status::Dead });
        Outcome::Gone { left }
    }

    /// The rumor that a suspicion has become certainty, if it has by now.
    pub(super) fn verdict(&self, now: SimTime, peer: PeerId) -> Option<Rumor> {
        let member = self.by_id.get(peer)?;
        let suspicion = member.suspicion.as_ref().filter(|suspicion| suspicion.until <= now)?;
        assert!(
            suspicion.began <= now && member.status == Status::Suspect,
            "only suspects are under suspicion"
        );
        Some(Rumor::Dead { peer, incarnation: member.incarnation, from: self.own })
    }

    /// Whose turn it is to be probed. None: this tick probes nobody.
    pub(super) fn next_to_probe(&mut self, now: SimTime, random: &mut Stream) -> Option<PeerId> {
        let mut looked_at = 0;
        while looked_at < self.order.len() {
            if self.next_probe >= self.order.len() {
                self.forget_the_dead(now);
                random.shuffle(&mut self.order);
                self.next_probe = 0;
                looked_at += 1;
                continue;
            }
            let peer = self.order[self.next_probe];
            self.next_probe += 1;
            if peer != self.own && self.known(peer).is_there() {
                return Some(peer);
            }
            looked_at += 1;
        }
        None
    }

    /// Up to `count` different members that `fits` accepts. Some may be missed although there are enough.
    pub(super) fn draw(
        &self,
        count: usize,
        random: &mut Stream,
        fits: impl Fn(PeerId, &Member) -> bool,
    ) -> Vec<PeerId> {
        let mut drawn = Vec::with_capacity(count);
        for _ in 0..3 * self.order.len() {
            if drawn.len() == count {
                break;
            }
            let peer = self.order[random.below(self.order.len() as u64) as usize];
            if peer != self.own && !drawn.contains(&peer) && fits(peer, self.known(peer)) {
                drawn.push(peer);
            }
        }
        drawn
    }

    /// Members that are told news: also those that died a short while ago, so that they can refute it.
    pub(super) fn draw_listeners(&self, now: SimTime, count: usize, random: &mut Stream) -> Vec<PeerId> {
        self.draw(count, random, |_, member| match member.status {
            Status::Alive | Status::Suspect => true,
            Status::Dead => now.since(member.since) <= GOSSIP_TO_THE_DEAD,
            Status::Left => false,
        })
    }

    fn insert(&mut self, peer: PeerId, member: Member, random: &mut Stream) {
        // A random place in the order keeps the time until a new member is probed short on average.
        let last = self.order.len();
        self.order.push(peer);
        if last > 0 {
            self.order.swap(random.below(last as u64) as usize, last);
        }
        self.sum = self.sum.wrapping_add(hash(peer, member.incarnation, member.status));
        self.by_id.put(peer, Some(member));
    }

    fn known(&self, peer: PeerId) -> &Member {
        self.by_id.get(peer).expect("it is known")
    }

    fn set(&mut self, now: SimTime, peer: PeerId, incarnation: u32, status: Status) {
        let member = self.by_id.get_mut(peer).expect("it is known");
        self.sum = self.sum.wrapping_sub(hash(peer, member.incarnation, member.status));
        self.sum = self.sum.wrapping_add(hash(peer, incarnation, status));
        self.suspects -= usize::from(member.status == Status::Suspect);
        self.suspects += usize::from(status == Status::Suspect);
        member.incarnation = incarnation;
        member.suspicion = None;
        if member.status != status {
            member.status = status;
            member.since = now;
        }
    }

    fn forget_the_dead(&mut self, now: SimTime) {
        let (by_id, sum) = (&mut self.by_id, &mut self.sum);
        self.order.retain(|peer| {
            let member = by_id.get(*peer).expect("it is known");
            let stays = member.is_there() || now.since(member.since) <= GOSSIP_TO_THE_DEAD;
            if !stays {
                *sum = sum.wrapping_sub(hash(*peer, member.incarnation, member.status));
                by_id.put(*peer, None);
            }
            stays
        });
    }
}

impl Member {
    fn new(host: HostId, incarnation: u32, status: Status, since: SimTime) -> Self {
        Member { host, incarnation, status, since, suspicion: None }
    }

    /// Neither dead nor gone.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.status, Status::Alive | Status::Suspect)
    }
}

impl Suspicion {
    /// Somebody else says the same.
    fn confirm(&mut self, now: SimTime, from: PeerId) -> Outcome {
        let confirmations = self.accusers.len() as u8 - 1;
        if confirmations >= self.expected || self.accusers.contains(&from) {
            return Outcome::Old;
        }
        self.accusers.push(from);
        let span: SimDuration = limits::suspicion(self.nodes, self.expected, confirmations + 1);
        self.until = (self.began + span).max(now);
        Outcome::Suspected { until: self.until }
    }
}

/// One member's part of the sum.
fn hash(peer: PeerId, incarnation: u32, status: Status) -> u64 {
    let mut digest = Digest::new();
    digest.u32(peer.0);
    digest.u32(incarnation);
    digest.u8(status as u8);
    digest.finish()
}

impl StateDigest for Member {
    fn digest(&self, digest: &mut Digest) {
        let Self { host, incarnation, status, since, suspicion } = self;
        host.digest(digest);
        digest.u32(*incarnation);
        digest.u8(*status as u8);
        digest.time(*since);
        digest.bool(suspicion.is_some());
        if let Some(suspicion) = suspicion {
            let Suspicion { began, accusers, expected, nodes, until } = &**suspicion;
            digest.time(*began);
            accusers.digest(digest);
            digest.u8(*expected);
            digest.u64(*nodes as u64);
            digest.time(*until);
        }
    }
}

impl StateDigest for Members {
    fn digest(&self, digest: &mut Digest) {
        // The sum and the number of suspects follow from the members.
        let Self { own, by_id, order, next_probe, sum: _, suspects: _ } = self;
        own.digest(digest);
        by_id.digest(digest);
        order.digest(digest);
        digest.u64(*next_probe as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: PeerId = PeerId(0);

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn five() -> (Members, Stream) {
        let mut random = Stream::named(1, "test");
        let settled = Members::settled(&[0, 1, 2, 3, 4].map(|n| (PeerId(n), HostId(n))));
        let members = settled.known_to(ME, &mut random);
        (members, random)
    }

    #[test]
    fn two_others_who_say_the_same_shorten_a_suspicion() {
        // NET-116
        let (mut members, _) = five();
        let suspect = |members: &mut Members, now, from| members.suspect(at(now), PeerId(1), 1, PeerId(from));
        assert_eq!(suspect(&mut members, 0, 0), Outcome::Suspected { until: at(24) });
        assert_eq!(suspect(&mut members, 1, 0), Outcome::Old, "the same accuser again");
        let until = SimTime::from_millis(11_381);
        assert_eq!(suspect(&mut members, 1, 2), Outcome::Suspected { until });
        assert_eq!(suspect(&mut members, 5, 3), Outcome::Suspected { until: at(5) });
        assert_eq!(suspect(&mut members, 5, 4), Outcome::Old, "enough have said it");
        assert_eq!(
            members.verdict(at(5), PeerId(1)),
            Some(Rumor::Dead { peer: PeerId(1), incarnation: 1, from: ME })
        );
    }

    #[test]
    fn who_is_suspected_and_lives_refutes_with_a_higher_incarnation() {
        // NET-117
        let (mut members, mut random) = five();
        assert_eq!(members.suspect(at(0), ME, 1, PeerId(2)), Outcome::Accused { incarnation: 1 });
        members.suspect(at(0), PeerId(1), 1, PeerId(2));
        let alive = |members: &mut Members, random: &mut Stream, incarnation| {
            members.alive(at(1), (PeerId(1), HostId(1)), incarnation, random)
        };
        assert_eq!(alive(&mut members, &mut random, 1), Outcome::Old);
        assert_eq!(alive(&mut members, &mut random, 2), Outcome::News);
        assert_eq!(members.verdict(at(30), PeerId(1)), None);
    }

    #[test]
    fn the_dead_are_forgotten_half_a_minute_later_at_the_end_of_a_round_of_probes() {
        let (mut members, mut random) = five();
        members.dead(at(0), PeerId(1), 1, PeerId(2));
        for now in [30, 31] {
            let probed = (0..4).filter(|_| members.next_to_probe(at(now), &mut random).is_some()).count();
            assert!(probed >= 3);
        }
        assert!(members.get(PeerId(1)).is_none() && members.len() == 4);
    }

    #[test]
    fn every_round_probes_every_other_member_once() {
        let (mut members, mut random) = five();
        members.next_probe = members.order.len();
        for _ in 0..3 {
            let mut round: Vec<PeerId> =
                (0..4).filter_map(|_| members.next_to_probe(at(1), &mut random)).collect();
            round.sort();
            assert_eq!(round, [1, 2, 3, 4].map(PeerId));
        }
    }

    #[test]
    fn of_two_members_every_second_tick_probes_nobody() {
        let mut random = Stream::named(1, "test");
        let settled = Members::settled(&[(ME, HostId(0)), (PeerId(1), HostId(1))]);
        let mut members = settled.known_to(ME, &mut random);
        let ticks: Vec<bool> =
            (0..400).map(|_| members.next_to_probe(at(1), &mut random).is_some()).collect();
        let probes = ticks.iter().filter(|probed| **probed).count();
        assert!((200..400).contains(&probes), "{probes} of 400 ticks probed");
    }
}
