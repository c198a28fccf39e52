//! The control API of a leading manager: what a user's command does to the store.
//!
//! Each effect is a function on a [`Transaction`](crate::store::Transaction), with the checks and error texts of
//! SwarmKit, and knows nothing of Raft: the members of the Raft cluster, on which some refusals depend, are handed
//! in. So recordings can be replayed on a bare store. What docker's client and engine do before they ask the leader
//! (finding the object that a name means, applying flags to the spec that was read) happens here too, before the
//! transaction. Deliberately absent: secrets and configs as objects (a spec's names are taken to exist), and
//! runtimes other than containers.
mod control;
mod execute;
mod filters;
mod list;
mod lookup;
mod name;
mod networks;
mod nodes;
mod prepare;
mod services;
mod swarm;
mod validate;

pub(crate) use control::{ApiStep, ControlApi, answer_while_starting};
pub use list::{
    inspect_nodes, inspect_services, list_node_tasks, list_nodes, list_service_tasks, list_services,
    service_status,
};
pub(crate) use lookup::find_network_among;
pub(crate) use lookup::find_service;
pub(crate) use networks::select_networks;
pub use networks::{create_network, remove_network};
pub use nodes::{remove_node, update_node};
pub use services::{create_service, remove_service, rollback_service, update_service};

#[cfg(test)]
mod tests;
