//! A host leaves its swarm (spec control-plane 8.5). The managers are not told: its node goes Down when its
//! heartbeats stop, and a manager stays a member of the Raft cluster.
use super::Host;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::protocol::{CallId, Effects, EngineResponse, NetworkOrder, NodeTimer, Timer};
use crate::worker::Agent;

/// How long the end of the containers is waited for (spec control-plane 1.3).
const STOP_TIMEOUT: SimDuration = SimDuration::from_secs(15);
/// How long the farewell of the host's gossip is waited for.
const FAREWELL_TIMEOUT: SimDuration = SimDuration::from_secs(5);

/// A client waits until its host has left.
#[derive(Debug)]
pub(super) struct Leaving {
    client: CallId,
    limit: TimerId,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Containers are stopped.
    Containers,
    /// Nothing is left of the swarm but the farewell of the host's gossip.
    Farewell,
}

impl Host {
    /// Containers are stopped first, as if no task was assigned any more.
    pub(super) fn leave(&mut self, client: CallId, out: &mut Effects) {
        if let Some(agent) = self.agent.as_mut().filter(|agent| agent.is_running()) {
            agent.leave(out);
        }
        self.await_leave(client, Step::Containers, STOP_TIMEOUT, out);
        self.finish_leave(out);
    }

    fn await_leave(&mut self, client: CallId, step: Step, timeout: SimDuration, out: &mut Effects) {
        let limit = out.set_timer(Timer::Node(NodeTimer::LeaveTimeout), out.now() + timeout);
        self.node.leaving = Some(Leaving { client, limit, step });
    }

    /// The host is out as soon as its containers are gone.
    pub(super) fn finish_leave(&mut self, out: &mut Effects) {
        let waits = self.agent.as_ref().is_some_and(|agent| agent.is_running() && !agent.has_left());
        if !waits && self.node.leaving.as_ref().is_some_and(|leaving| leaving.step == Step::Containers) {
            self.leave_now(out);
        }
    }

    /// What the present step of leaving waits for has come, or takes too long. What still runs of the host's
    /// containers is killed.
    pub(super) fn leave_now(&mut self, out: &mut Effects) {
        let Some(Leaving { client, limit, step }) = self.node.leaving.take() else { return };
        out.cancel_timer(limit);
        match step {
            Step::Containers => {
                self.clear_swarm_state(out);
                self.await_leave(client, Step::Farewell, FAREWELL_TIMEOUT, out);
            }
            Step::Farewell => self.node.answer(client, Ok(EngineResponse::Left)),
        }
    }

    /// The process of gossip has said farewell, if there was one.
    pub(crate) fn farewell_said(&mut self, out: &mut Effects) {
        if self.node.leaving.as_ref().is_some_and(|leaving| leaving.step == Step::Farewell) {
            self.leave_now(out);
            self.next_request(out);
        }
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

impl StateDigest for Leaving {
    fn digest(&self, digest: &mut Digest) {
        let Self { client, limit: _, step } = self;
        digest.u64(client.number);
        digest.u8(*step as u8);
    }
}
