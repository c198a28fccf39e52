//! How long an agent may wait with its next heartbeat (spec control-plane 6.3).
use std::sync::Arc;

use crate::kernel::{Digest, SimDuration, StateDigest, Stream};
use crate::model::setup::Setup;
use crate::model::{HostId, IdMap};

/// Draws heartbeat periods, for each host from a random stream of its own. A stream outlives leaderships, and
/// exists from its first use on.
#[derive(Debug)]
pub(crate) struct HeartbeatPeriods {
    setup: Arc<Setup>,
    seed: u64,
    manager: HostId,
    period: SimDuration,
    epsilon: SimDuration,
    streams: IdMap<HostId, Stream>,
}

/// What a cluster that was left alone for a while knows about a node's heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SettledHeartbeat {
    /// The period that was answered to the last heartbeat.
    pub(crate) period: SimDuration,
    /// Time since the last heartbeat, less than the period.
    pub(crate) age: SimDuration,
}

impl HeartbeatPeriods {
    /// The periods that the manager on this host hands out in the run with this seed.
    pub(crate) fn new(setup: Arc<Setup>, seed: u64, manager: HostId, epsilon: SimDuration) -> Self {
        let period = setup.settings.cluster.heartbeat_period;
        HeartbeatPeriods { setup, seed, manager, period, epsilon, streams: IdMap::new() }
    }

    /// What the run started from.
    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The seed of the run.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the manager's host.
    pub(super) fn manager(&self) -> &str {
        self.name(self.manager)
    }

    /// The cluster's period from now on. What was drawn before stays in force.
    pub(super) fn set_period(&mut self, period: SimDuration) {
        self.period = period;
    }

    /// A period for the node on this host, uniform around the cluster's.
    pub(super) fn choose(&mut self, host: HostId) -> SimDuration {
        if self.epsilon.is_zero() {
            return self.period;
        }
        let spread = self.epsilon.times(2);
        let offset = self.stream(host).span(SimDuration::ZERO, spread);
        (self.period + offset).saturating_sub(self.epsilon)
    }

    /// Where the heartbeats of the node on this host stand at an instant that nothing is known about.
    pub(crate) fn choose_settled(&mut self, host: HostId) -> SettledHeartbeat {
        let period = self.choose(host);
        let age = self.stream(host).span(SimDuration::ZERO, period);
        SettledHeartbeat { period, age }
    }

    fn stream(&mut self, host: HostId) -> &mut Stream {
        if !self.streams.contains(host) {
            let name = format!("heartbeat/{}/{}", self.manager(), self.name(host));
            self.streams.insert(host, Stream::named(self.seed, &name));
        }
        self.streams.get_mut(host).expect("made above")
    }

    fn name(&self, host: HostId) -> &str {
        &self.setup.hosts.get(host).expect("nodes live on hosts of the set-up").name
    }
}

impl StateDigest for HeartbeatPeriods {
    fn digest(&self, digest: &mut Digest) {
        // These never change in a run.
        let Self { setup: _, seed: _, manager: _, period, epsilon: _, streams } = self;
        digest.duration(*period);
        streams.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::model::ZoneId;
    use crate::model::setup::HostSetup;

    fn periods(seed: u64, period_ms: u64, epsilon_ms: u64) -> HeartbeatPeriods {
        let mut setup = Setup::default();
        for (id, name) in ["m1", "w1", "w2"].into_iter().enumerate() {
            let host = HostSetup::new(name, ZoneId(0), Ipv4Addr::LOCALHOST);
            setup.hosts.insert(HostId(id as u32), host);
        }
        setup.settings.cluster.heartbeat_period = SimDuration::from_millis(period_ms);
        HeartbeatPeriods::new(Arc::new(setup), seed, HostId(0), SimDuration::from_millis(epsilon_ms))
    }

    #[test]
    fn dsp_007_periods_stay_within_epsilon_and_fill_the_range() {
        // DSP-007
        let mut periods = periods(1, 100, 50);
        let drawn: Vec<SimDuration> = (0..1024).map(|_| periods.choose(HostId(1))).collect();
        let (low, high) = (SimDuration::from_millis(50), SimDuration::from_millis(150));
        assert!(drawn.iter().all(|period| (low..high).contains(period)));
        assert!(drawn.iter().any(|period| *period < SimDuration::from_millis(55)));
        assert!(drawn.iter().any(|period| *period > SimDuration::from_millis(145)));
    }

    #[test]
    fn without_epsilon_the_period_is_exact() {
        assert_eq!(periods(1, 5_200, 0).choose(HostId(1)), SimDuration::from_millis(5_200));
    }

    #[test]
    fn one_host_does_not_shift_the_periods_of_another() {
        let (mut first, mut second) = (periods(7, 5_000, 500), periods(7, 5_000, 500));
        first.choose(HostId(1));
        assert_eq!(first.choose(HostId(2)), second.choose(HostId(2)));
        assert_eq!(first.choose(HostId(2)), second.choose(HostId(2)));
    }

    #[test]
    fn a_settled_heartbeat_is_younger_than_its_period() {
        let mut periods = periods(3, 5_000, 500);
        for _ in 0..1_000 {
            let SettledHeartbeat { period, age } = periods.choose_settled(HostId(1));
            assert!(age < period);
        }
    }
}
