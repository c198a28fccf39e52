//! Which loops run. The dispatcher is known by its own type, because agents' sessions and the members of the Raft
//! cluster concern no other loop, and because its random streams outlive the leadership.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, ControlLoop, LeaderLoops};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::manager::dispatcher::{Dispatcher, SettledSession};
use crate::model::HostId;
use crate::protocol::{Effects, LoopKind, MemberList};
use crate::store::Store;

/// The loops of one leadership by kind.
#[derive(Debug, Default)]
pub(super) struct Roster {
    others: BTreeMap<LoopKind, Box<dyn ControlLoop>>,
    dispatcher: Option<Dispatcher>,
}

impl Roster {
    pub(super) fn of(loops: Vec<(LoopKind, Box<dyn ControlLoop>)>) -> Self {
        Roster { others: loops.into_iter().collect(), dispatcher: None }
    }

    /// All kinds that run, in order: the dispatcher is the last.
    pub(super) fn kinds(&self) -> Vec<LoopKind> {
        let dispatcher = self.dispatcher.iter().map(|_| LoopKind::Dispatcher);
        self.others.keys().copied().chain(dispatcher).collect()
    }

    /// The same as they start and end: the dispatcher is the first (spec control-plane 5.1, 5.2).
    pub(super) fn dispatcher_first(&self) -> Vec<LoopKind> {
        let mut kinds = self.kinds();
        kinds.sort_by_key(|kind| *kind != LoopKind::Dispatcher);
        kinds
    }

    pub(super) fn get(&self, kind: LoopKind) -> Option<&dyn ControlLoop> {
        match (kind, &self.dispatcher) {
            (LoopKind::Dispatcher, Some(dispatcher)) => Some(dispatcher),
            _ => Some(self.others.get(&kind)?.as_ref()),
        }
    }

    pub(super) fn get_mut(&mut self, kind: LoopKind) -> Option<&mut dyn ControlLoop> {
        match (kind, &mut self.dispatcher) {
            (LoopKind::Dispatcher, Some(dispatcher)) => Some(dispatcher),
            _ => Some(self.others.get_mut(&kind)?.as_mut()),
        }
    }
}

impl LeaderLoops {
    /// Adds the dispatcher.
    #[must_use]
    pub(crate) fn with_dispatcher(mut self, dispatcher: Dispatcher) -> Self {
        self.loops.dispatcher = Some(dispatcher);
        self
    }

    /// What is left of the dispatcher when the leadership is over.
    pub(crate) fn into_dispatcher(self) -> Option<Dispatcher> {
        self.loops.dispatcher
    }

    /// Takes over a session that was open before the run began. Returns when its next heartbeat is due.
    pub(crate) fn settle_session(
        &mut self,
        settled: SettledSession,
        store: &Store,
        effects: &mut Effects,
    ) -> SimTime {
        self.on_dispatcher(store, effects, |dispatcher, context| dispatcher.settle_session(settled, context))
    }

    /// The members of the Raft cluster are these now. Agents may talk to all of them.
    pub(crate) fn managers_changed(
        &mut self,
        managers: Arc<[HostId]>,
        members: &MemberList,
        store: &Store,
        effects: &mut Effects,
    ) {
        self.members_changed(members);
        self.on_dispatcher(store, effects, |dispatcher, context| {
            dispatcher.managers_changed(managers, context)
        });
    }

    /// Tells the role manager who the members are now.
    pub(crate) fn members_changed(&mut self, members: &MemberList) {
        if let Some(role_manager) = self.loops.get_mut(LoopKind::RoleManager) {
            role_manager.members(members);
        }
    }

    fn on_dispatcher<R>(
        &mut self,
        store: &Store,
        effects: &mut Effects,
        act: impl FnOnce(&mut Dispatcher, &mut Context<'_>) -> R,
    ) -> R {
        let dispatcher = self.loops.dispatcher.as_mut().expect("the dispatcher runs");
        let owner = LoopKind::Dispatcher;
        act(dispatcher, &mut Context { store, effects, desk: &mut self.desk, owner })
    }
}

impl StateDigest for Roster {
    fn digest(&self, digest: &mut Digest) {
        let Self { others, dispatcher } = self;
        for (kind, control_loop) in others {
            digest.u8(*kind as u8);
            control_loop.digest(digest);
        }
        dispatcher.digest(digest);
    }
}
