//! What the end of a storm is judged by besides its expectations: three things that reality does not promise either.
//!
//! A node can stay Down although it has a session. When the heartbeats of the old session run out in the tenth of a
//! second in which the node registers again, Down is written over Ready (spec control-plane 6.4, 6.7). Nothing corrects
//! that until the node needs another session.
//!
//! What agents report while a leader tries to hand over is lost without a word: nodes and tasks keep the states that
//! they had until their agents register again, and updates wait a minute for tasks that have long stopped (spec
//! control-plane 2.6, 6.6).
//!
//! An election can take any number of rounds: if only one manager can win, because its log is the longest, each
//! attempt of another puts it off (spec control-plane 2.5).
use std::collections::BTreeSet;

use sim_core::View;
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{Availability, Fact, FactRecord, HostId, Loss, NodeId, NodeState, SessionEvent};

use crate::runner::Spectator;

/// Watches a storm.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// The hosts whose present session was overtaken.
    overtaken: BTreeSet<HostId>,
    /// The nodes whose READY was lost.
    unwritten: BTreeSet<NodeId>,
    has_lost_reports: bool,
    leader: Option<HostId>,
    /// Since when that leads, or nobody.
    led_since: SimTime,
}

impl Witness {
    /// How many nodes are Down although they have a session.
    pub(super) fn stuck(&self, view: View<'_>) -> u64 {
        let overtaken = self.overtaken.iter().filter_map(|host| view.node_of_host(*host));
        let nodes: BTreeSet<NodeId> = overtaken.chain(self.unwritten.iter().copied()).collect();
        let node = |id: NodeId| view.store()?.node(id);
        let is_down = |id: &&NodeId| node(**id).is_some_and(|node| node.status.state == NodeState::Down);
        nodes.iter().filter(is_down).count() as u64
    }

    /// True if a leader has dropped what agents have told it.
    pub(super) fn has_lost_reports(&self) -> bool {
        self.has_lost_reports
    }

    /// True if whoever leads in the end did not do so yet at this time.
    pub(super) fn was_led_late(&self, time: SimTime) -> bool {
        self.leader.is_none() || self.led_since > time
    }

    /// True if nobody but those nodes could run tasks.
    pub(super) fn nobody_takes_tasks(&self, view: View<'_>) -> bool {
        let mut nodes = view.store().into_iter().flat_map(|store| store.nodes());
        let takes_tasks =
            |state, availability| state == NodeState::Ready && availability == Availability::Active;
        self.stuck(view) > 0 && !nodes.any(|node| takes_tasks(node.status.state, node.spec.availability))
    }
}

impl Spectator for Witness {
    fn fact(&mut self, record: &FactRecord, _census: &Census) {
        if let Fact::Session { host, event } = &record.fact {
            match event {
                SessionEvent::Overtaken => {
                    self.overtaken.insert(*host);
                }
                SessionEvent::Failed { .. } => {
                    self.overtaken.remove(host);
                }
                SessionEvent::Registered => {}
            }
        } else if let Fact::Lost { loss: Loss::Reports { nodes, .. }, .. } = &record.fact {
            self.unwritten.extend(nodes);
            self.has_lost_reports = true;
        } else if let Fact::NodeStatus { node, to: NodeState::Ready, .. } = &record.fact {
            self.unwritten.remove(node);
        }
    }

    fn instant_over(&mut self, time: SimTime, view: View<'_>) {
        if view.leader() != self.leader {
            (self.leader, self.led_since) = (view.leader(), time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::{RunOptions, Running};
    use crate::{Scenario, ScenarioOptions};

    /// The only worker's engine is away for so long; the manager takes no tasks.
    fn witness_of(away: &str) -> (Witness, u64, bool) {
        let text = format!(
            "{{ name: away, seed: 1, until: 60s,
                cluster: {{ managers: [{{ name: m1, availability: pause }}], workers: [w1] }},
                timeline: [{{ at: 10s, fault: {{ kill: w1, for: {away} }} }}] }}"
        );
        let scenario =
            Scenario::parse(&text, "away", &ScenarioOptions::default()).expect("a correct scenario");
        let mut witness = Witness::default();
        let mut running = Running::new(&scenario, RunOptions::default(), &mut witness);
        while running.next_slice() {}
        let outcome = running.finish();
        let view = outcome.simulation.view();
        let (stuck, nobody) = (witness.stuck(view), witness.nobody_takes_tasks(view));
        (witness, stuck, nobody)
    }

    #[test]
    fn a_node_whose_registration_was_overtaken_is_stuck_and_nobody_else_takes_tasks() {
        let (witness, stuck, nobody) = witness_of("10400ms");
        assert_eq!((stuck, nobody), (1, true));
        assert!(!witness.was_led_late(SimTime::from_secs(1)));
    }

    #[test]
    fn a_node_that_registers_in_time_is_not_stuck() {
        let (_, stuck, nobody) = witness_of("9s");
        assert_eq!((stuck, nobody), (0, false));
    }
}
