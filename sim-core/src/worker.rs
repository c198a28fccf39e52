//! The worker side of a host: its agent, and the executor that runs tasks in containers.
//!
//! The [`Agent`] keeps a session with a dispatcher, takes assignments and reports statuses; the executor below it
//! takes every assigned task as far as it shall go. Containers belong to the host, not to the engine process, so
//! the executor also knows what becomes of them when the engine dies or the host loses power. An idle agent costs
//! one call per heartbeat period.
//!
//! Deliberately absent: certificates and their renewal, log subscriptions, secrets, configs and cluster volumes
//! (containers do not differ by them), and the bandwidth that pulls on one host would share.
mod agent;
mod alarm;
mod description;
mod executor;
mod remotes;
mod reporter;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use agent::{Agent, AgentConfig, SettledAgent};
pub(crate) use description::describe;
pub(crate) use session::AgentStreams;
