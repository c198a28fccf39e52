//! Makes the role of every node what it shall be (spec control-plane 5.4).
//!
//! A promotion is a write at once; the node joins the Raft cluster by itself. A demotion takes two passes: the first
//! removes the member, and only a later one, when it is no member any more, writes the role. What cannot be done is
//! tried again every 5 s. Members are removed by the manager around this loop, one at a time, and the loop handles
//! nothing else meanwhile: what it hears then is looked at afterwards.
//!
//! Its first look at the store takes the store's lock, like a write. What was committed before that look is no news:
//! not even the change of all nodes with which a dispatcher begins.
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::loops::{Context, ControlLoop, Heard, MAIN_STRAND, MembershipWish, Outcome, Step};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{FactId, Node, NodeId, NodeRole};
use crate::protocol::{LoopTimer, MemberList};
use crate::store::{ObjectChange, StoreError, Transaction};

/// Time between two attempts (spec control-plane 1.1).
const RECONCILE_INTERVAL: SimDuration = SimDuration::from_secs(5);

/// The role manager of one leadership.
#[derive(Debug, Default)]
pub(crate) struct RoleManager {
    members: MemberList,
    /// Nodes whose role is not what it shall be, each with the fact that asked for it.
    pending: BTreeMap<NodeId, FactId>,
    /// Nodes that were removed, or never were, and are members all the same.
    pending_removal: BTreeMap<NodeId, FactId>,
    /// Nodes to be looked at next.
    due: BTreeSet<NodeId>,
    /// A member is being removed, or the leadership handed over.
    busy: bool,
    ticker: Option<TimerId>,
    /// The store's version at the first look; none before it.
    looked_at: Option<u64>,
}

/// What the role manager does with the store's lock held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RoleStep {
    /// It looks at everything for the first time.
    Look,
    /// The role that the node shall have is the role that it has.
    Change(NodeId),
}

impl RoleManager {
    fn look(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        for node in context.store.nodes() {
            self.observe(node, cause);
        }
        let strangers =
            self.members.iter().map(|(node, _)| node).filter(|id| context.store.node(*id).is_none());
        for id in strangers {
            self.pending_removal.insert(id, cause);
            self.due.insert(id);
        }
        self.go_on(context);
    }

    /// Later news of a node that waits for its role already do not ask for that role.
    fn observe(&mut self, node: &Node, cause: FactId) {
        if node.role == node.spec.desired_role {
            self.pending.remove(&node.id);
        } else {
            self.pending.entry(node.id).or_insert(cause);
            self.due.insert(node.id);
        }
    }

    /// Looks at nodes that are due until one of them has to be waited for.
    fn go_on(&mut self, context: &mut Context<'_>) {
        while !self.busy {
            let Some(id) = self.due.pop_first() else { break };
            let is_member = self.members.get(id).is_some();
            if let Some(cause) = self.pending_removal.get(&id).copied() {
                context.effects.set_cause(cause);
                if is_member {
                    self.remove(id, context);
                } else {
                    self.pending_removal.remove(&id);
                }
            } else if let Some(cause) = self.pending.get(&id).copied() {
                context.effects.set_cause(cause);
                let Some(node) = context.store.node(id) else { continue };
                if node.spec.desired_role == NodeRole::Worker && is_member {
                    self.remove(id, context);
                } else {
                    self.busy = true;
                    context.update(MAIN_STRAND, Step::RoleManager(RoleStep::Change(id)));
                }
            }
        }
        self.keep_ticking(context);
    }

    fn remove(&mut self, node: NodeId, context: &mut Context<'_>) {
        self.busy = true;
        context.wish(MembershipWish::Remove(node));
    }

    /// The ticker runs as long as anything is pending.
    fn keep_ticking(&mut self, context: &mut Context<'_>) {
        let needed = !self.pending.is_empty() || !self.pending_removal.is_empty();
        match (needed, self.ticker) {
            (true, None) => {
                let at = context.now() + RECONCILE_INTERVAL;
                self.ticker = Some(context.set_timer(LoopTimer::RoleReconcile, at));
            }
            (false, Some(timer)) => {
                context.cancel_timer(timer);
                self.ticker = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

impl ControlLoop for RoleManager {
    fn start(&mut self, context: &mut Context<'_>) {
        context.update(MAIN_STRAND, Step::RoleManager(RoleStep::Look));
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let Heard::Change(ObjectChange::Node(delta)) = event else { return };
        let cause = context.cause();
        match &delta.new {
            Some(node) if self.looked_at.is_none_or(|version| node.meta.version < version) => return,
            Some(node) => self.observe(node, cause),
            None => {
                let id = delta.id();
                self.pending.remove(&id);
                self.pending_removal.insert(id, cause);
                self.due.insert(id);
            }
        }
        self.go_on(context);
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::RoleManager(step) = step else { unreachable!("the role manager's own step") };
        let RoleStep::Change(id) = step else {
            self.looked_at = Some(transaction.version());
            return Ok(());
        };
        let Some(node) = transaction.store().node(*id) else { return Ok(()) };
        if node.role == node.spec.desired_role {
            return Ok(());
        }
        let role = node.spec.desired_role;
        transaction.update_node(Node { role, ..Node::clone(node) })
    }

    /// A role that could not be written is pending still. A first look that failed was the last of its leadership.
    fn settled(&mut self, _strand: u32, _outcome: Outcome, context: &mut Context<'_>) {
        match (self.busy, self.looked_at) {
            (false, Some(_)) => self.look(context),
            (false, None) => {}
            (true, _) => {
                self.busy = false;
                self.go_on(context);
            }
        }
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        assert_eq!(timer, LoopTimer::RoleReconcile, "the only timer of the role manager");
        self.ticker = None;
        self.due.extend(self.pending.keys().chain(self.pending_removal.keys()));
        self.go_on(context);
    }

    fn members(&mut self, members: &MemberList) {
        self.members.clone_from(members);
    }

    /// Whatever came of the removal, the node is looked at again on its next event or after 5 s, not before.
    fn membership_settled(&mut self, context: &mut Context<'_>) {
        self.busy = false;
        self.go_on(context);
    }
}

impl StateDigest for RoleManager {
    fn digest(&self, digest: &mut Digest) {
        let Self { members, pending, pending_removal, due, busy, ticker, looked_at } = self;
        members.digest(digest);
        pending.digest(digest);
        pending_removal.digest(digest);
        due.digest(digest);
        digest.bool(*busy);
        digest.bool(ticker.is_some());
        looked_at.digest(digest);
    }
}
