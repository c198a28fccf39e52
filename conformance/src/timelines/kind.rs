//! What kind of experiment a run is: told from what was done, to whom, and not from the name of a sub-case.
use super::given::{Deed, Given, RecordedRole};

/// The experiments of the recordings. One with another name may mean something else.
const EXPERIMENTS: [&str; 11] = [
    "01_worker_crash",
    "02_worker_return",
    "03_leader_crash",
    "04_leader_stop",
    "05_quorum_loss",
    "06_drain",
    "07_rolling_update",
    "08_scale",
    "09_join_promote",
    "10_node_pause",
    "10_node_remove",
];

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A node that does not lead is gone for good.
    NodeGone,
    /// A node that does not lead is gone for a while.
    NodeReturns,
    /// The leader is gone, or stops to be a manager.
    LeaderGone,
    /// Most managers are gone, and some come back.
    QuorumLost,
    /// A node's tasks are to go elsewhere.
    Drained,
    /// A node gets no new tasks for a while.
    Paused,
    /// A node is removed.
    Removed,
    /// A node joins.
    Joined,
    /// A node that does not lead gets another role.
    RoleChanged,
    /// A service gets another image.
    Updated,
    /// A service is created, or gets more or fewer tasks.
    Scaled,
}

impl Kind {
    /// The kind of a run.
    ///
    /// # Errors
    /// If the experiment is unknown, or its actions are of no known kind.
    pub(super) fn of(experiment: &str, given: &Given) -> Result<Kind, String> {
        if !EXPERIMENTS.contains(&experiment) {
            return Err(format!("'{experiment}' is no known experiment"));
        }
        let does = |wanted: fn(&Deed) -> bool| given.first(wanted).is_some();
        let of_leader = |wanted: fn(&Deed) -> bool| {
            given.first(|deed| wanted(deed) && deed.node() == Some(given.leader())).is_some()
        };
        Ok(if does(|deed| matches!(deed, Deed::NodeRemove { .. })) {
            Kind::Removed
        } else if does(|deed| matches!(deed, Deed::Join { .. })) {
            Kind::Joined
        } else if of_leader(|deed| matches!(deed, Deed::Demote { .. })) {
            Kind::LeaderGone
        } else if does(|deed| matches!(deed, Deed::Promote { .. } | Deed::Demote { .. })) {
            Kind::RoleChanged
        } else if does(|deed| matches!(deed, Deed::NodePause { .. })) {
            Kind::Paused
        } else if does(|deed| matches!(deed, Deed::NodeDrain { .. })) {
            Kind::Drained
        } else if does(Deed::is_end) {
            ended(given, of_leader(Deed::is_end))?
        } else if does(|deed| matches!(deed, Deed::ServiceUpdate { image: Some(_), .. })) {
            Kind::Updated
        } else if does(|deed| deed.service().is_some()) {
            Kind::Scaled
        } else {
            let deeds: Vec<&Deed> = given.actions.iter().map(|action| &action.deed).collect();
            return Err(format!("nothing is known to look at after {deeds:?}"));
        })
    }
}

/// Processes ended: how many managers were left decides what is looked at.
fn ended(given: &Given, leader_ended: bool) -> Result<Kind, String> {
    let ends = given.actions.iter().filter(|action| action.deed.is_end());
    let ended: std::collections::BTreeSet<&str> = ends.filter_map(|action| action.deed.node()).collect();
    let managers = ended.iter().filter(|node| given.is_manager(node)).count();
    let returns = given.first(Deed::is_return).is_some();
    let all = given.members(RecordedRole::Manager).count();
    match (managers * 2 >= all && managers > 1, leader_ended, returns) {
        (true, _, true) => Ok(Kind::QuorumLost),
        (true, _, false) => Err("the managers are lost for good, and nothing happens any more".to_owned()),
        (false, true, _) => Ok(Kind::LeaderGone),
        (false, false, true) => Ok(Kind::NodeReturns),
        (false, false, false) => Ok(Kind::NodeGone),
    }
}
