//! Which backends nodes have lost, and why: whoever finds no backend on a node asks what took its last one away.
//!
//! Every node has lost its own: one hears of an end that others do not hear of, one takes a neighbour for dead that
//! others still reach, and a port of a single node goes with the container there. Deliberately absent: backends that
//! came since, which is for the load balancers to know, and why a node has not heard of them ([`super::knowledge`]).
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::setup::{Origin, Traffic as Plan};
use crate::model::{FactId, HostId, TaskId, TransportProtocol};

/// What leads to the backends of a service on a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// A published port.
    Port(TransportProtocol, u16),
    /// The names of a service on its networks.
    Names(Arc<str>),
}

impl Door {
    /// Where the requests of a source come in.
    pub(super) fn of(plan: &Plan) -> Self {
        match plan.origin {
            Origin::Outside { .. } => Door::Port(plan.protocol, plan.port),
            Origin::Tasks { .. } | Origin::Calls { .. } => Door::Names(plan.service.as_str().into()),
        }
    }
}

/// A backend that a node has no more, or sends nothing new to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub(super) task: TaskId,
    pub(super) because: FactId,
}

/// The latest departures.
#[derive(Clone, Debug, Default)]
pub(super) struct Departures {
    at_node: BTreeMap<(HostId, Door), Departure>,
    /// Of any backend, wherever it was.
    anywhere: BTreeMap<Door, FactId>,
}

impl Departures {
    /// A node has lost a backend behind a door.
    pub(super) fn at_node(&mut self, node: HostId, door: Door, departure: Departure) {
        self.at_node.insert((node, door), departure);
    }

    /// A backend behind a door is none any more.
    pub(super) fn anywhere(&mut self, door: Door, because: FactId) {
        self.anywhere.insert(door, because);
    }

    /// The last backend behind a door that a node has lost, since it last knew nothing.
    pub(super) fn last_at(&self, node: HostId, door: &Door) -> Option<Departure> {
        self.at_node.get(&(node, door.clone())).copied()
    }

    /// Why there is one backend less behind a door than there was.
    pub(super) fn last_anywhere(&self, door: &Door) -> Option<FactId> {
        self.anywhere.get(door).copied()
    }

    /// A node knows nothing of other nodes any more, and has lost nothing yet of what it is going to know. Of its
    /// own tasks it is told what became of them.
    pub(super) fn forget(&mut self, node: HostId, is_own: impl Fn(TaskId) -> bool) {
        self.at_node.retain(|(at, _), departure| *at != node || is_own(departure.task));
    }
}

impl StateDigest for Departures {
    fn digest(&self, digest: &mut Digest) {
        // Causes are for the trace.
        let Self { at_node, anywhere } = self;
        digest.u64(at_node.len() as u64);
        digest.u64(anywhere.len() as u64);
    }
}
