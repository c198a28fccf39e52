//! The control API of a leading manager: what a user's command does to the store.
//!
//! Each effect is a function on a [`Transaction`], with the checks and error texts of SwarmKit, and knows nothing
//! of Raft: the members of the Raft cluster, on which some refusals depend, are handed in. So recordings can be
//! replayed on a bare store. Deliberately absent: secrets and configs as objects (a spec's names are taken to
//! exist), and runtimes other than containers.
mod error;
mod members;
mod nodes;
mod services;
mod validate;

pub use error::ApiError;
pub use members::{Member, Members};
pub use nodes::{remove_node, update_node};
pub use services::{create_service, remove_service, rollback_service, update_service};
pub use validate::SpecError;

#[cfg(test)]
mod tests;
