//! Tests of Raft: scripts with their expected output, tables of cases, a storm of random faults, and a lockstep with
//! another implementation. Scripts, cases and storms drive the same model of a cluster, under the eyes of one witness.
mod cluster;
mod election_cases;
mod lockstep;
mod partner;
mod replication_cases;
mod script;
mod start_cases;
mod storm;
pub(super) mod text;
mod translation;
mod witness;
