//! Changes of the swarm's own settings and join tokens.
use std::sync::Arc;

use crate::kernel::SimDuration;
use crate::model::command::SwarmChange;
use crate::model::{Cluster, ClusterSpec, NodeRole};
use crate::protocol::{ApiError, SpecError};
use crate::store::Transaction;

/// The shortest time that certificates may be valid for (spec control-plane 1.3).
const CERTIFICATE_VALIDITY_MIN: SimDuration = SimDuration::from_secs(3_600);

/// Settings with a user's changes. A heartbeat period or a validity of zero stands for the default, as it does not
/// travel.
///
/// # Errors
/// If certificates would be valid for less than an hour.
pub(super) fn changed_cluster_spec(
    spec: &ClusterSpec,
    change: &SwarmChange,
) -> Result<ClusterSpec, ApiError> {
    let mut spec = spec.clone();
    let SwarmChange {
        heartbeat_period,
        task_history_retention_limit,
        snapshot_interval,
        certificate_validity,
    } = change;
    let defaults = ClusterSpec::default();
    let or_default = |time: SimDuration, default| if time.is_zero() { default } else { time };
    if let Some(period) = heartbeat_period {
        spec.heartbeat_period = or_default(*period, defaults.heartbeat_period);
    }
    if let Some(validity) = certificate_validity {
        spec.certificate_validity = or_default(*validity, defaults.certificate_validity);
    }
    if let Some(limit) = task_history_retention_limit {
        spec.task_history_retention_limit = *limit;
    }
    if let Some(interval) = snapshot_interval {
        spec.raft.snapshot_interval = *interval;
    }
    if spec.certificate_validity < CERTIFICATE_VALIDITY_MIN {
        return Err(SpecError::CertificateValidityTooShort.into());
    }
    Ok(spec)
}

/// Gives the swarm other settings. `version` is that of the cluster object that the user saw, here and below.
///
/// # Errors
/// If there is no cluster object, or it changed since then.
pub(super) fn update_swarm(
    transaction: &mut Transaction<'_>,
    version: u64,
    spec: ClusterSpec,
) -> Result<(), ApiError> {
    change_cluster(transaction, version, |cluster| cluster.spec = Arc::new(spec))
}

/// Makes a new join token for a role. Nodes that have joined are not concerned.
///
/// # Errors
/// If there is no cluster object, or it changed since then.
pub(super) fn rotate_join_token(
    transaction: &mut Transaction<'_>,
    version: u64,
    role: NodeRole,
) -> Result<(), ApiError> {
    change_cluster(transaction, version, |cluster| cluster.rotate_join_token(role))
}

fn change_cluster(
    transaction: &mut Transaction<'_>,
    version: u64,
    change: impl FnOnce(&mut Cluster),
) -> Result<(), ApiError> {
    let mut cluster = Cluster::clone(transaction.store().cluster().ok_or(ApiError::NoCluster)?);
    cluster.meta.version = version;
    change(&mut cluster);
    Ok(transaction.update_cluster(cluster)?)
}
