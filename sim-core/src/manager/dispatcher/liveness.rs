//! Which nodes are alive: marks after a change of leadership, heartbeats, and what follows when they stop
//! (spec control-plane 6.2, 6.3, 6.7).
use super::deadline::Deadline;
use super::steps::{DispatcherStep, may_run};
use super::{BATCH_STRAND, Dispatcher, FIRST_ORPHAN_STRAND};
use crate::kernel::SimDuration;
use crate::manager::loops::{Context, Step};
use crate::model::{Fact, FactId, NodeId, SessionEvent};
use crate::protocol::{LoopTimer, Response, SessionId, Status};

/// Periods without a heartbeat after which a node is down (spec control-plane 1.2).
pub(super) const GRACE_PERIODS: u64 = 3;
/// Periods within which a node must register after a change of leadership (spec control-plane 1.2).
pub(super) const UNKNOWN_PERIODS: u64 = 2 * GRACE_PERIODS;
/// Time after which the tasks of a node that is down are given up (spec control-plane 1.2).
pub(super) const NODE_DOWN_PERIOD: SimDuration = SimDuration::from_secs(24 * 60 * 60);

impl Dispatcher {
    /// Whoever is not down has to register with this leader.
    pub(super) fn mark_nodes_unknown(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        let steps: Vec<(Step, FactId)> =
            context.store.nodes().map(|node| (DispatcherStep::MarkUnknown(node.id).into(), cause)).collect();
        context.batch(BATCH_STRAND, steps);
    }

    /// The marks are written, as far as they could be: time runs.
    pub(super) fn arm_marked_nodes(&mut self, context: &mut Context<'_>) {
        for node in self.nodes.iter_mut() {
            node.expiry.arm(LoopTimer::HeartbeatExpiry { node: node.object.id }, context);
        }
        for (node, period) in &mut self.down {
            period.arm(LoopTimer::NodeDownPeriod { node: *node }, context);
        }
    }

    /// A heartbeat puts off the end of the session. The answer says when the next one is due.
    pub(super) fn heartbeat(
        &mut self,
        node: NodeId,
        session: SessionId,
        context: &mut Context<'_>,
    ) -> Result<Response, Status> {
        let registered = self.nodes.with_session(node, session)?;
        let period = self.periods.choose(registered.host);
        registered.heard = context.cause();
        let expiry = context.now() + period.times(GRACE_PERIODS);
        registered.expiry.set(expiry, LoopTimer::HeartbeatExpiry { node }, context);
        Ok(Response::Heartbeat { period })
    }

    /// No heartbeat came in time: the node is down from the next pass on. The dispatcher cannot tell that to a node
    /// whose object was removed, and goes on trusting it.
    pub(super) fn expire(&mut self, node: NodeId, context: &mut Context<'_>) {
        let timer = LoopTimer::HeartbeatExpiry { node };
        let Some(registered) = self.nodes.get_mut(node) else { return };
        if !registered.expiry.is_reached(timer, context) || context.store.node(node).is_none() {
            return;
        }
        let registered = self.nodes.remove(node).expect("found above");
        let silence = context.effects.silence_cause(context.effects.host(), registered.object.host);
        context.effects.set_cause(silence.unwrap_or(registered.heard));
        let message = match registered.session {
            Some(_) => "heartbeat failure",
            None => "heartbeat failure for node in \"unknown\" state",
        };
        if self.queue.registers(node) {
            let host = registered.object.host;
            context.effects.fact(Fact::Session { host, event: SessionEvent::Overtaken });
        }
        self.queue.mark_down(node, message, context.cause());
        self.queue.schedule(&mut self.ties, context);
        let mut period = Deadline::default();
        let end = context.now() + NODE_DOWN_PERIOD;
        period.set(end, LoopTimer::NodeDownPeriod { node }, context);
        if let Some(earlier) = self.down.insert(node, period) {
            earlier.cancel(context);
        }
    }

    /// The node is back: its tasks are not orphaned.
    pub(super) fn forget_down(&mut self, node: NodeId, context: &mut Context<'_>) {
        if let Some(period) = self.down.remove(&node) {
            period.cancel(context);
        }
    }

    /// The node was down for a day: its tasks are given up, so that what they hold becomes free.
    pub(super) fn orphan_tasks(&mut self, node: NodeId, context: &mut Context<'_>) {
        self.down.remove(&node).expect("only nodes that are down have this timer");
        let cause = context.cause();
        let steps: Vec<(Step, FactId)> = context
            .store
            .tasks_of_node(node)
            .filter(|task| may_run(task))
            .map(|task| (DispatcherStep::Orphan(task.id).into(), cause))
            .collect();
        context.batch(FIRST_ORPHAN_STRAND + node.0, steps);
    }
}
