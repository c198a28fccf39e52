//! The manager process: Raft, the store, the control API, and the control loops that run while it leads.
pub(crate) mod allocator;
pub(crate) mod api;
pub(crate) mod loops;
