//! The swarm's section of `docker info`.
use std::fmt::Write;

use super::words::human_duration;
use crate::model::Cluster;
use crate::protocol::{EngineInfo, LocalState};

/// What a manager knows besides: the swarm, how many nodes it has, and how many of them are managers.
#[derive(Clone, Debug, Default)]
pub(super) struct SwarmInfo {
    pub(super) cluster: Option<std::sync::Arc<Cluster>>,
    pub(super) nodes: Option<(usize, usize)>,
    pub(super) error: Option<String>,
}

/// What docker warns of when there are two managers.
const TWO_MANAGERS: &str =
    "WARNING: Running Swarm in a two-manager configuration. This configuration provides
         no fault tolerance, and poses a high risk to lose control over the cluster.
         Refer to https://docs.docker.com/engine/swarm/admin_guide/ to configure the
         Swarm for fault-tolerance.
";

/// The section, and the warnings that follow it on the other stream.
pub(super) fn swarm_section(engine: &EngineInfo, swarm: &SwarmInfo, seed: u64) -> (String, String) {
    let mut text = format!(" Swarm: {}\n", engine.state.name());
    if engine.state == LocalState::Inactive {
        return (text, String::new());
    }
    let node = engine.node.map_or_else(String::new, |node| node.text(seed));
    let _ = writeln!(text, "  NodeID: {node}");
    let error = swarm.error.as_ref().or(engine.error.as_ref());
    if let Some(error) = error {
        let _ = writeln!(text, "  Error: {error}");
    }
    let _ = writeln!(text, "  Is Manager: {}", engine.control_available);
    if let (Some(cluster), Some((nodes, managers)), None) = (&swarm.cluster, swarm.nodes, error) {
        write_cluster(&mut text, cluster, nodes, managers, seed);
    }
    let _ = writeln!(text, "  Node Address: {}", engine.address);
    if !engine.managers.is_empty() {
        text.push_str("  Manager Addresses:\n");
        let mut addresses: Vec<String> =
            engine.managers.iter().map(|address| format!("{address}:2377")).collect();
        addresses.sort();
        addresses.iter().for_each(|address| {
            let _ = writeln!(text, "   {address}");
        });
    }
    let two = swarm.nodes.is_some_and(|(_, managers)| managers == 2);
    (text, if two { TWO_MANAGERS.to_owned() } else { String::new() })
}

fn write_cluster(text: &mut String, cluster: &Cluster, nodes: usize, managers: usize, seed: u64) {
    let spec = &cluster.spec;
    let _ = writeln!(text, "  ClusterID: {}", cluster.id.text(seed));
    let _ = writeln!(text, "  Managers: {managers}\n  Nodes: {nodes}");
    text.push_str("  Default Address Pool: 10.0.0.0/8  \n  SubnetSize: 24\n  Data Path Port: 4789\n");
    let _ = writeln!(
        text,
        "  Orchestration:\n   Task History Retention Limit: {}",
        spec.task_history_retention_limit
    );
    let _ = writeln!(text, "  Raft:\n   Snapshot Interval: {}", spec.raft.snapshot_interval);
    text.push_str("   Number of Old Snapshots to Retain: 0\n   Heartbeat Tick: 1\n   Election Tick: 10\n");
    let _ = writeln!(text, "  Dispatcher:\n   Heartbeat Period: {}", human_duration(spec.heartbeat_period));
    let _ = writeln!(
        text,
        "  CA Configuration:\n   Expiry Duration: {}",
        human_duration(spec.certificate_validity)
    );
    let _ = writeln!(text, "   Force Rotate: 0\n  Autolock Managers: {}", spec.auto_lock);
    text.push_str("  Root Rotation In Progress: false\n");
}
