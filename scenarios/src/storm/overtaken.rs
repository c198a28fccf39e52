//! Nodes that stay Down although they have a session, as in reality.
//!
//! When the heartbeats of an old session run out in the tenth of a second in which the node registers again, Down is
//! written over Ready (spec control-plane 6.4, 6.7). Nothing corrects that until the node needs another session.
use std::collections::BTreeSet;

use sim_core::View;
use sim_core::metrics::Census;
use sim_core::model::{Availability, Fact, FactRecord, HostId, NodeState, SessionEvent};

use crate::runner::Spectator;

/// The hosts whose present session was overtaken.
#[derive(Debug, Default)]
pub(super) struct Overtaken(BTreeSet<HostId>);

impl Overtaken {
    /// How many of them are Down.
    pub(super) fn stuck(&self, view: View<'_>) -> u64 {
        let is_down = |host: &&HostId| {
            let node = view.node_of_host(**host).and_then(|node| view.store()?.node(node));
            node.is_some_and(|node| node.status.state == NodeState::Down)
        };
        self.0.iter().filter(is_down).count() as u64
    }

    /// True if nobody but them could run tasks.
    pub(super) fn leave_nobody(&self, view: View<'_>) -> bool {
        let mut nodes = view.store().into_iter().flat_map(|store| store.nodes());
        let takes_tasks =
            |state, availability| state == NodeState::Ready && availability == Availability::Active;
        self.stuck(view) > 0 && !nodes.any(|node| takes_tasks(node.status.state, node.spec.availability))
    }
}

impl Spectator for Overtaken {
    fn fact(&mut self, record: &FactRecord, _census: &Census) {
        let Fact::Session { host, event } = &record.fact else { return };
        match event {
            SessionEvent::Overtaken => {
                self.0.insert(*host);
            }
            SessionEvent::Failed { .. } => {
                self.0.remove(host);
            }
            SessionEvent::Registered => {}
        }
    }
}
