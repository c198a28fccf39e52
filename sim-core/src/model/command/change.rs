//! What `docker service update` can change in a spec.
use super::NetworkReference;
use crate::kernel::SimDuration;
use crate::model::spec::{Driver, Mount};
use crate::model::{
    EndpointMode, FailureAction, GenericResource, Labels, PortConfig, RestartCondition, UpdateOrder,
};

/// One change of a service's spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecChange {
    /// `--label-rm`: service labels, by name.
    LabelRemove(Vec<String>),
    /// `--label-add`: service labels.
    LabelAdd(Labels),
    /// `--container-label-rm`, by name.
    ContainerLabelRemove(Vec<String>),
    /// `--container-label-add`.
    ContainerLabelAdd(Labels),
    /// `--image`.
    Image(String),
    /// `--args`: all arguments.
    Args(Vec<String>),
    /// `--entrypoint`.
    Entrypoint(Vec<String>),
    /// `--env-rm`, by name.
    EnvRemove(Vec<String>),
    /// `--env-add`, as `NAME=value`.
    EnvAdd(Vec<String>),
    /// `--workdir`.
    Directory(String),
    /// `--user`.
    User(String),
    /// `--hostname`.
    Hostname(String),
    /// `--mount-add` and `--mount-rm`. The result is in order of source and target.
    Mounts {
        /// Added; one with a known target replaces it.
        add: Vec<Mount>,
        /// Taken away, by target.
        remove: Vec<String>,
    },
    /// `--limit-cpu`, in billionths of a CPU.
    LimitCpu(i64),
    /// `--limit-memory`, in bytes.
    LimitMemory(i64),
    /// `--limit-pids`.
    LimitPids(i64),
    /// `--reserve-cpu`, in billionths of a CPU.
    ReserveCpu(i64),
    /// `--reserve-memory`, in bytes.
    ReserveMemory(i64),
    /// `--generic-resource-add`: one of a known kind replaces it.
    GenericAdd(Vec<GenericResource>),
    /// `--generic-resource-rm`, by kind.
    GenericRemove(Vec<String>),
    /// `--stop-grace-period`.
    StopGracePeriod(SimDuration),
    /// `--restart-condition`.
    RestartCondition(RestartCondition),
    /// `--restart-delay`.
    RestartDelay(SimDuration),
    /// `--restart-max-attempts`.
    RestartMaxAttempts(u64),
    /// `--restart-window`.
    RestartWindow(SimDuration),
    /// `--constraint-add` and `--constraint-rm`. The result is in alphabetical order.
    Constraints {
        /// Added behind the existing ones.
        add: Vec<String>,
        /// Taken away, if the text is equal.
        remove: Vec<String>,
    },
    /// `--placement-pref-add` and `--placement-pref-rm`.
    Preferences {
        /// Spread descriptors, added behind the existing ones.
        add: Vec<String>,
        /// Taken away, if the text is equal.
        remove: Vec<String>,
    },
    /// `--network-add` and `--network-rm`. The result is in order of ids.
    Networks {
        /// Added.
        add: Vec<NetworkReference>,
        /// Taken away, by name or id.
        remove: Vec<String>,
    },
    /// `--replicas`.
    Replicas(u64),
    /// `--replicas-max-per-node`.
    MaxReplicasPerNode(u64),
    /// One of the `--update-...` flags.
    Update(UpdateConfigChange),
    /// One of the `--rollback-...` flags.
    Rollback(UpdateConfigChange),
    /// `--endpoint-mode`.
    EndpointMode(EndpointMode),
    /// `--publish-add` and `--publish-rm`. The result is in the order of docker's text for a port.
    Ports {
        /// Added, unless an equal one exists.
        add: Vec<PortConfig>,
        /// Taken away, if target port, protocol and mode are equal.
        remove: Vec<PortConfig>,
    },
    /// `--host-rm`, as `host` or `host:address`.
    HostRemove(Vec<String>),
    /// `--host-add`, as `address host`.
    HostAdd(Vec<String>),
    /// `--dns-add` and `--dns-rm`. The result is in alphabetical order, as are those of the next two.
    Nameservers(ListChange),
    /// `--dns-search-add` and `--dns-search-rm`.
    DnsSearch(ListChange),
    /// `--dns-option-add` and `--dns-option-rm`.
    DnsOptions(ListChange),
    /// `--log-driver` with its `--log-opt`s.
    LogDriver(Driver),
    /// `--force`: every task is out of date.
    Force,
    /// `--no-healthcheck`.
    NoHealthcheck,
    /// `--health-interval`.
    HealthInterval(SimDuration),
    /// `--health-timeout`.
    HealthTimeout(SimDuration),
    /// `--health-start-period`.
    HealthStartPeriod(SimDuration),
    /// `--health-start-interval`; docker's own `update` has the flag and ignores it.
    HealthStartInterval(SimDuration),
    /// `--health-retries`.
    HealthRetries(u32),
    /// `--health-cmd`; empty: the image's own.
    HealthCommand(String),
    /// `--stop-signal`.
    StopSignal(String),
    /// `--with-registry-auth`: the client's credentials replace those of the spec.
    RegistryAuth,
    /// A container option that does not change what is simulated, such as `read-only`, by its flag.
    Other {
        /// The flag, without dashes.
        option: String,
        /// The new value.
        value: String,
    },
}

/// A change of a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChange {
    /// Added, unless it is there.
    pub add: Vec<String>,
    /// Taken away, if the text is equal.
    pub remove: Vec<String>,
}

impl ListChange {
    /// True if nothing is added or taken away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Changes a list, which is in alphabetical order and without duplicates afterwards.
    pub(super) fn apply(&self, list: &mut Vec<String>) {
        list.extend_from_slice(&self.add);
        list.retain(|text| !self.remove.contains(text));
        list.sort();
        list.dedup();
    }
}

/// One change of how an update or a rollback proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateConfigChange {
    /// Slots at one time; 0: all.
    Parallelism(u64),
    /// Pause of a worker after each slot.
    Delay(SimDuration),
    /// How long after its start a task's failure counts.
    Monitor(SimDuration),
    /// What happens when too many tasks fail.
    FailureAction(FailureAction),
    /// Tolerated part of failed slots, in parts per billion.
    MaxFailureRatioPpb(u32),
    /// Which of old and new task comes first.
    Order(UpdateOrder),
}
