//! `docker swarm join-token`.
use super::Viewpoint;
use super::node::manager_address;
use crate::model::NodeRole;
use crate::protocol::SwarmDetails;

/// The token alone, or the command that a new node has to run.
pub(super) fn join_token(swarm: &SwarmDetails, role: NodeRole, quiet: bool, view: Viewpoint) -> String {
    let token = swarm.cluster.join_token(role, view.seed);
    if quiet {
        return format!("{token}\n");
    }
    join_command(swarm, role, view)
}

/// The command that a new node has to run. A node that is no manager has no address to name.
pub(super) fn join_command(swarm: &SwarmDetails, role: NodeRole, view: Viewpoint) -> String {
    let token = swarm.cluster.join_token(role, view.seed);
    let Some(manager) = swarm.own.as_ref().filter(|own| own.manager.is_some()) else { return String::new() };
    let role = role.name().to_lowercase();
    let address = manager_address(&manager.node);
    format!(
        "To add a {role} to this swarm, run the following command:\n\n    docker swarm join --token {token} {address}\n\n"
    )
}
