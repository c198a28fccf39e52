//! Commands that an engine answers by itself: `docker swarm init`, `join` and `leave`.
use super::Viewpoint;
use super::swarm::join_command;
use crate::kernel::SimDuration;
use crate::model::command::JoinToken;
use crate::model::token::join_token;
use crate::model::{Cluster, ClusterId, NodeId, NodeRole};
use crate::protocol::{NodeListing, SwarmDetails};

/// How long an engine waits for the list of managers before it warns without it.
pub(super) const MANAGERS_LIMIT: SimDuration = SimDuration::from_secs(5);
/// A swarm that no run has.
const FOREIGN_SWARM: ClusterId = ClusterId(u32::MAX);

/// The text of the token that an author means. Before there is a swarm, it is the first token of the first one.
pub(super) fn token_text(token: &JoinToken, swarm: Option<&Cluster>, seed: u64) -> String {
    let id = swarm.map_or(ClusterId(0), |swarm| swarm.id);
    let generation = |role| swarm.map_or(0, |swarm| swarm.token_generation(role));
    match token {
        JoinToken::Current(role) => join_token(id, *role, generation(*role), seed),
        // Before the first rotation this is one that never was valid.
        JoinToken::Previous(role) => join_token(id, *role, generation(*role).wrapping_sub(1), seed),
        JoinToken::Foreign(role) => join_token(FOREIGN_SWARM, *role, 0, seed),
        JoinToken::Text(text) => text.clone(),
    }
}

/// What `swarm init` prints when the engine leads a swarm.
pub(super) fn initialized(node: NodeId, seed: u64) -> String {
    format!("Swarm initialized: current node ({}) is now a manager.\n\n", node.text(seed))
}

/// How others enter the new swarm.
pub(super) fn how_to_join(swarm: &SwarmDetails, view: Viewpoint) -> String {
    let hint =
        "To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions.";
    format!("{}{hint}\n\n", join_command(swarm, NodeRole::Worker, view))
}

/// What `swarm join` prints in the end.
pub(super) fn joined(role: NodeRole) -> String {
    format!("This node joined a swarm as a {}.\n", role.name().to_lowercase())
}

/// Why a manager does not leave without force (spec control-plane 8.5). `managers` are those that the leader lists;
/// none if it gave no list in time. A manager that serves nobody yet asks nobody.
pub(super) fn reluctance(serves: bool, nodes: Option<&[NodeListing]>) -> String {
    let mut text =
        "You are attempting to leave the swarm on a node that is participating as a manager. ".to_owned();
    let managers = nodes.unwrap_or_default().iter().filter_map(|node| node.manager);
    let (reachable, unreachable): (Vec<_>, Vec<_>) = managers.partition(|manager| manager.reachable);
    let (reachable, unreachable) = (reachable.len(), unreachable.len());
    if !serves {
        text.push_str("Doing so may lose the consensus of your cluster. ");
    } else if nodes.is_some() && loses_quorum(reachable, unreachable) {
        if (reachable, unreachable) == (1, 0) {
            text.push_str(
                "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. ",
            );
            return text;
        }
        let left = format!(
            "Removing this node leaves {} managers out of {}. Without a Raft quorum your swarm will be inaccessible. ",
            reachable - 1,
            reachable + unreachable
        );
        text.push_str(&left);
    }
    text.push_str("The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.");
    text
}

/// True if the others could not decide any more.
fn loses_quorum(reachable: usize, unreachable: usize) -> bool {
    reachable <= unreachable + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_012_leaving_costs_the_quorum_as_docker_counts() {
        // NODE-012
        let losing = [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)];
        let harmless = [(3, 0), (4, 0), (5, 0), (4, 1)];
        assert!(losing.iter().all(|(reachable, unreachable)| loses_quorum(*reachable, *unreachable)));
        assert!(harmless.iter().all(|(reachable, unreachable)| !loses_quorum(*reachable, *unreachable)));
    }
}
