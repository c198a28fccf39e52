//! A host leaves its swarm (spec control-plane 8.5). The managers are not told: its node goes Down when its
//! heartbeats stop, and a manager stays a member of the Raft cluster.
use super::Host;
use crate::kernel::SimDuration;
use crate::kernel::queue::TimerId;
use crate::protocol::{CallId, Effects, EngineResponse, NetworkOrder, NodeTimer, Timer};
use crate::worker::Agent;

/// How long the end of the containers is waited for (spec control-plane 1.3).
const STOP_TIMEOUT: SimDuration = SimDuration::from_secs(15);

/// A client waits until its host has left.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) client: CallId,
    limit: TimerId,
}

impl Host {
    /// Containers are stopped first, as if no task was assigned any more.
    pub(super) fn leave(&mut self, client: CallId, out: &mut Effects) {
        if let Some(agent) = self.agent.as_mut().filter(|agent| agent.is_running()) {
            agent.leave(out);
        }
        let limit = out.set_timer(Timer::Node(NodeTimer::LeaveTimeout), out.now() + STOP_TIMEOUT);
        self.node.leaving = Some(Leaving { client, limit });
        self.finish_leave(out);
    }

    /// The host is out as soon as its containers are gone.
    pub(super) fn finish_leave(&mut self, out: &mut Effects) {
        let waits = self.agent.as_ref().is_some_and(|agent| agent.is_running() && !agent.has_left());
        if self.node.leaving.is_some() && !waits {
            self.leave_now(out);
        }
    }

    /// The host is out. What still runs of its containers is killed.
    pub(super) fn leave_now(&mut self, out: &mut Effects) {
        let Some(Leaving { client, limit }) = self.node.leaving.take() else { return };
        out.cancel_timer(limit);
        self.clear_swarm_state(out);
        self.node.answer(client, Ok(EngineResponse::Left));
    }

    /// Nothing is left of the swarm on this host.
    pub(super) fn clear_swarm_state(&mut self, out: &mut Effects) {
        if let Some(join) = self.node.join.take() {
            let client = join.close(out);
            assert_eq!(client, None, "a client that waits keeps others from being heard");
        }
        self.node.cancel_restart(out);
        self.node.certificate.cancel(out);
        self.drop_manager(out);
        if let Some(mut agent) = self.agent.take() {
            if Agent::is_running(&agent) {
                agent.stop(out);
            }
            self.node.agent_streams = Some(agent.into_streams());
        }
        self.agent_ended(out);
        self.node.forget_swarm();
        out.order(NetworkOrder::LeaveSwarm);
    }
}
