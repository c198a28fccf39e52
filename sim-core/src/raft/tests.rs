//! Tests of Raft: scripts with their expected output, tables of cases, and a storm of random faults. All of them drive
//! the same model of a cluster, under the eyes of the same witness.
mod cluster;
mod election_cases;
mod replication_cases;
mod script;
mod start_cases;
mod storm;
pub(super) mod text;
mod witness;
