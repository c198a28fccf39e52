//! The event queue and a binary heap, and the workloads on which they are compared.
//!
//! A step of a workload takes the next event and does what follows from it. Delays come from a table made
//! beforehand, so that a step costs the queue and little else.
mod contenders;
mod workloads;

pub use contenders::{Contender, HeapQueue, Payload};
pub use workloads::{Cluster, Crowd, Hold, MM1, Workload};
