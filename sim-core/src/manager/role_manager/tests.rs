//! The role manager among a store and members that the test makes up.
use std::sync::Arc;

use crate::manager::loops::{LeaderLoops, LoopSettings, MembershipWish};
use crate::model::{FactId, HostId, Node, NodeId, NodeRole, NodeSpec};
use crate::protocol::{Effects, Lineage, LoopKind, ManagerStatus, MemberList};
use crate::store::{ChangeSet, Store, Transaction};

struct Leader {
    store: Store,
    loops: LeaderLoops,
    effects: Effects,
    version: u64,
}

fn members(nodes: &[u32]) -> MemberList {
    let status = |node: &u32| (NodeId(*node), ManagerStatus { leader: *node == 0, reachable: true });
    nodes.iter().map(status).collect()
}

impl Leader {
    /// A leader with three managers, which has not started its loops.
    fn new() -> Self {
        let mut leader = Leader {
            store: Store::default(),
            loops: LeaderLoops::of_kinds(&[LoopKind::RoleManager], &LoopSettings::default()),
            effects: Effects::new(),
            version: 1,
        };
        leader.commit(|transaction| {
            for number in 0..3 {
                let id = transaction.mint_node();
                transaction.create_node(Node::new(id, HostId(number), NodeRole::Manager)).unwrap();
            }
        });
        leader
    }

    fn commit(&mut self, work: impl FnOnce(&mut Transaction<'_>)) {
        let (now, ids) = (self.effects.now(), &mut self.effects.ids);
        let mut transaction = Transaction::new(&mut self.store, ids, now, self.version, FactId(0));
        work(&mut transaction);
        let changes = Arc::new(transaction.into_changes());
        let causes = self.apply(&changes);
        self.loops.publish(&changes, causes);
    }

    fn apply(&mut self, changes: &Arc<ChangeSet>) -> Vec<FactId> {
        self.version += 1;
        self.store.apply(changes);
        self.effects.tell_commit(Lineage::default(), self.version, changes)
    }

    /// The loop does all that it can. Returns what it wishes of the members.
    fn settle(&mut self) -> Vec<MembershipWish> {
        loop {
            while let Some(changes) =
                self.loops.next_proposal(&mut self.store, &mut self.effects, self.version)
            {
                let causes = self.apply(&changes);
                self.loops.committed(&changes, causes, &self.store, &mut self.effects);
            }
            if !self.loops.turn(&self.store, &mut self.effects) {
                break;
            }
        }
        self.loops.take_wishes().into_iter().map(|(wish, _)| wish).collect()
    }

    fn start(&mut self, raft: &[u32]) -> Vec<MembershipWish> {
        self.loops.start(&members(raft), &self.store, &mut self.effects);
        self.settle()
    }

    /// The member that was to be removed is removed.
    fn removed(&mut self, raft: &[u32]) -> Vec<MembershipWish> {
        self.loops.members_changed(&members(raft));
        self.loops.membership_settled(&self.store, &mut self.effects);
        self.settle()
    }

    fn wish_for_worker(&mut self, id: u32) {
        self.commit(|transaction| {
            let node = transaction.store().node(NodeId(id)).expect("it exists");
            let spec = NodeSpec { desired_role: NodeRole::Worker, ..NodeSpec::clone(&node.spec) };
            let node = Node { spec: Arc::new(spec), ..Node::clone(node) };
            transaction.update_node(node).unwrap();
        });
    }

    fn touch(&mut self, id: u32) {
        self.commit(|transaction| {
            let node = Node::clone(transaction.store().node(NodeId(id)).expect("it exists"));
            transaction.update_node(node).unwrap();
        });
    }

    fn role(&self, id: u32) -> NodeRole {
        self.store.node(NodeId(id)).expect("it exists").role
    }
}

const REMOVE_LAST: [MembershipWish; 1] = [MembershipWish::Remove(NodeId(2))];

#[test]
fn role_003_a_demotion_that_the_leader_before_left_behind_is_carried_out() {
    // ROLE-003
    let mut leader = Leader::new();
    leader.wish_for_worker(2);
    assert_eq!(leader.start(&[0, 1, 2]), REMOVE_LAST);
    assert_eq!(leader.removed(&[0, 1]), []);
    assert_eq!(leader.role(2), NodeRole::Manager, "the role is written on a later pass");
    leader.touch(2);
    assert_eq!(leader.settle(), []);
    assert_eq!(leader.role(2), NodeRole::Worker);
}

#[test]
fn role_004_the_member_of_a_node_that_is_deleted_is_removed() {
    // ROLE-004
    let mut leader = Leader::new();
    assert_eq!(leader.start(&[0, 1, 2]), []);
    leader.commit(|transaction| transaction.delete_node(NodeId(2)).unwrap());
    assert_eq!(leader.settle(), REMOVE_LAST);
    assert_eq!(leader.removed(&[0, 1]), []);
}

#[test]
fn role_005_a_member_without_a_node_is_removed_at_the_start() {
    // ROLE-005
    let mut leader = Leader::new();
    leader.commit(|transaction| transaction.delete_node(NodeId(2)).unwrap());
    assert_eq!(leader.start(&[0, 1, 2]), REMOVE_LAST);
    assert_eq!(leader.removed(&[0, 1]), []);
}

#[test]
fn what_was_committed_before_the_first_look_is_no_news() {
    let mut leader = Leader::new();
    leader.wish_for_worker(2);
    leader.loops.start(&members(&[0, 1]), &leader.store, &mut leader.effects);
    leader.touch(2);
    assert_eq!(leader.settle(), []);
    assert_eq!(leader.role(2), NodeRole::Worker, "the look itself finds it");
}
