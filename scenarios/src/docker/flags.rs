//! Flags that `service create` and `service update` share. Each becomes a [`SpecChange`]; `create` applies them to
//! an empty spec, because docker's client fills the blocks of a spec in the same way for both.
use clap::Args;
use sim_core::kernel::SimDuration;
use sim_core::model::command::{SpecChange, UpdateConfigChange};
use sim_core::model::spec::Driver;
use sim_core::model::{EndpointMode, FailureAction, RestartCondition, UpdateOrder};

use super::{CommandError, values};
use crate::units;

/// All flags that the two commands share, besides those about replicas.
#[derive(Debug, Args)]
pub(super) struct ServiceFlags {
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Only says that no progress is printed, and none is.
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Only says that no registry is asked, and none is.
    #[arg(long)]
    pub(super) no_resolve_image: bool,
    #[arg(long)]
    with_registry_auth: bool,
    #[arg(long, value_parser = values::endpoint_mode)]
    endpoint_mode: Option<EndpointMode>,
    #[arg(long)]
    log_driver: Option<String>,
    #[arg(long, value_parser = values::label)]
    log_opt: Vec<(String, String)>,
    #[command(flatten)]
    process: ProcessFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    restart: RestartFlags,
    #[command(flatten)]
    update: UpdateFlags,
    #[command(flatten)]
    rollback: RollbackFlags,
    #[command(flatten)]
    health: HealthFlags,
}

/// The process in the container.
#[derive(Debug, Args)]
struct ProcessFlags {
    #[arg(long)]
    entrypoint: Option<String>,
    #[arg(short, long)]
    workdir: Option<String>,
    #[arg(short, long)]
    user: Option<String>,
    #[arg(long)]
    hostname: Option<String>,
    #[arg(long, value_parser = values::duration)]
    stop_grace_period: Option<SimDuration>,
    #[arg(long)]
    stop_signal: Option<String>,
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = values::boolean)]
    init: Option<bool>,
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = values::boolean)]
    read_only: Option<bool>,
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = values::boolean)]
    tty: Option<bool>,
    #[arg(long)]
    isolation: Option<String>,
    #[arg(long, allow_hyphen_values = true)]
    oom_score_adj: Option<i64>,
}

#[derive(Debug, Args)]
struct ResourceFlags {
    #[arg(long, value_parser = values::cpus)]
    limit_cpu: Option<i64>,
    #[arg(long, value_parser = values::size)]
    limit_memory: Option<i64>,
    #[arg(long, value_parser = values::small_number)]
    limit_pids: Option<u32>,
    #[arg(long, value_parser = values::cpus)]
    reserve_cpu: Option<i64>,
    #[arg(long, value_parser = values::size)]
    reserve_memory: Option<i64>,
}

#[derive(Debug, Args)]
struct RestartFlags {
    #[arg(long, value_parser = values::restart_condition)]
    restart_condition: Option<RestartCondition>,
    #[arg(long, value_parser = values::duration)]
    restart_delay: Option<SimDuration>,
    #[arg(long, value_parser = values::number)]
    restart_max_attempts: Option<u64>,
    #[arg(long, value_parser = values::duration)]
    restart_window: Option<SimDuration>,
}

#[derive(Debug, Args)]
struct UpdateFlags {
    #[arg(long, value_parser = values::number)]
    update_parallelism: Option<u64>,
    #[arg(long, value_parser = values::duration)]
    update_delay: Option<SimDuration>,
    #[arg(long, value_parser = values::duration)]
    update_monitor: Option<SimDuration>,
    #[arg(long, value_parser = values::update_failure_action)]
    update_failure_action: Option<FailureAction>,
    #[arg(long, value_parser = units::ratio)]
    update_max_failure_ratio: Option<u32>,
    #[arg(long, value_parser = values::update_order)]
    update_order: Option<UpdateOrder>,
}

#[derive(Debug, Args)]
struct RollbackFlags {
    #[arg(long, value_parser = values::number)]
    rollback_parallelism: Option<u64>,
    #[arg(long, value_parser = values::duration)]
    rollback_delay: Option<SimDuration>,
    #[arg(long, value_parser = values::duration)]
    rollback_monitor: Option<SimDuration>,
    #[arg(long, value_parser = values::update_failure_action)]
    rollback_failure_action: Option<FailureAction>,
    #[arg(long, value_parser = units::ratio)]
    rollback_max_failure_ratio: Option<u32>,
    #[arg(long, value_parser = values::update_order)]
    rollback_order: Option<UpdateOrder>,
}

#[derive(Debug, Args)]
struct HealthFlags {
    #[arg(long)]
    no_healthcheck: bool,
    #[arg(long)]
    health_cmd: Option<String>,
    #[arg(long, value_parser = values::duration)]
    health_interval: Option<SimDuration>,
    #[arg(long, value_parser = values::duration)]
    health_timeout: Option<SimDuration>,
    #[arg(long, value_parser = values::duration)]
    health_start_period: Option<SimDuration>,
    #[arg(long, value_parser = values::duration)]
    health_start_interval: Option<SimDuration>,
    #[arg(long, value_parser = values::small_number)]
    health_retries: Option<u32>,
}

/// Changes in the order in which docker applies them.
#[derive(Debug, Default)]
struct Changes(Vec<SpecChange>);

impl Changes {
    /// Adds the change of a flag that was given.
    fn given<T>(&mut self, value: Option<T>, change: impl FnOnce(T) -> SpecChange) {
        self.0.extend(value.map(change));
    }

    fn other<T: ToString>(&mut self, option: &str, value: Option<T>) {
        let change = |value: T| SpecChange::Other { option: option.to_owned(), value: value.to_string() };
        self.given(value, change);
    }
}

impl ServiceFlags {
    /// The changes that the given flags ask for.
    pub(super) fn into_changes(self) -> Result<Vec<SpecChange>, CommandError> {
        let mut changes = Changes::default();
        self.process.add_to(&mut changes)?;
        self.resources.add_to(&mut changes);
        self.restart.add_to(&mut changes);
        self.update.add_to(&mut changes);
        self.rollback.add_to(&mut changes);
        changes.given(self.endpoint_mode, SpecChange::EndpointMode);
        let options = self.log_opt.into_iter().collect();
        match self.log_driver.filter(|name| !name.is_empty()) {
            Some(name) => changes.0.push(SpecChange::LogDriver(Driver { name, options })),
            None if options.is_empty() => {}
            None => return Err(CommandError::usage("`--log-opt` without `--log-driver` changes nothing")),
        }
        self.health.add_to(&mut changes)?;
        changes.given(self.with_registry_auth.then_some(()), |()| SpecChange::RegistryAuth);
        Ok(changes.0)
    }
}

impl ProcessFlags {
    fn add_to(self, changes: &mut Changes) -> Result<(), CommandError> {
        if let Some(text) = self.entrypoint {
            let words = values::shell_words(&text);
            let words = words.map_err(|error| CommandError::value("--entrypoint", &text, &error.0))?;
            changes.0.push(SpecChange::Entrypoint(words));
        }
        changes.given(self.workdir, SpecChange::Directory);
        changes.given(self.user, SpecChange::User);
        changes.given(self.hostname, SpecChange::Hostname);
        changes.given(self.stop_grace_period, SpecChange::StopGracePeriod);
        changes.given(self.stop_signal, SpecChange::StopSignal);
        changes.other("init", self.init);
        changes.other("read-only", self.read_only);
        changes.other("tty", self.tty);
        changes.other("isolation", self.isolation);
        changes.other("oom-score-adj", self.oom_score_adj);
        Ok(())
    }
}

impl ResourceFlags {
    fn add_to(self, changes: &mut Changes) {
        changes.given(self.limit_cpu, SpecChange::LimitCpu);
        changes.given(self.limit_memory, SpecChange::LimitMemory);
        changes.given(self.limit_pids, |pids| SpecChange::LimitPids(i64::from(pids)));
        changes.given(self.reserve_cpu, SpecChange::ReserveCpu);
        changes.given(self.reserve_memory, SpecChange::ReserveMemory);
    }
}

impl RestartFlags {
    fn add_to(self, changes: &mut Changes) {
        changes.given(self.restart_condition, SpecChange::RestartCondition);
        changes.given(self.restart_delay, SpecChange::RestartDelay);
        changes.given(self.restart_max_attempts, SpecChange::RestartMaxAttempts);
        changes.given(self.restart_window, SpecChange::RestartWindow);
    }
}

impl UpdateFlags {
    fn add_to(self, changes: &mut Changes) {
        use UpdateConfigChange::{Delay, FailureAction, MaxFailureRatioPpb, Monitor, Order, Parallelism};
        changes.given(self.update_parallelism, |slots| SpecChange::Update(Parallelism(slots)));
        changes.given(self.update_delay, |delay| SpecChange::Update(Delay(delay)));
        changes.given(self.update_monitor, |period| SpecChange::Update(Monitor(period)));
        changes.given(self.update_failure_action, |action| SpecChange::Update(FailureAction(action)));
        changes.given(self.update_max_failure_ratio, |ratio| SpecChange::Update(MaxFailureRatioPpb(ratio)));
        changes.given(self.update_order, |order| SpecChange::Update(Order(order)));
    }
}

impl RollbackFlags {
    fn add_to(self, changes: &mut Changes) {
        use UpdateConfigChange::{Delay, FailureAction, MaxFailureRatioPpb, Monitor, Order, Parallelism};
        changes.given(self.rollback_parallelism, |slots| SpecChange::Rollback(Parallelism(slots)));
        changes.given(self.rollback_delay, |delay| SpecChange::Rollback(Delay(delay)));
        changes.given(self.rollback_monitor, |period| SpecChange::Rollback(Monitor(period)));
        changes.given(self.rollback_failure_action, |action| SpecChange::Rollback(FailureAction(action)));
        changes
            .given(self.rollback_max_failure_ratio, |ratio| SpecChange::Rollback(MaxFailureRatioPpb(ratio)));
        changes.given(self.rollback_order, |order| SpecChange::Rollback(Order(order)));
    }
}

impl HealthFlags {
    fn add_to(self, changes: &mut Changes) -> Result<(), CommandError> {
        let before = changes.0.len();
        changes.given(self.health_interval, SpecChange::HealthInterval);
        changes.given(self.health_timeout, SpecChange::HealthTimeout);
        changes.given(self.health_start_period, SpecChange::HealthStartPeriod);
        changes.given(self.health_start_interval, SpecChange::HealthStartInterval);
        changes.given(self.health_retries, SpecChange::HealthRetries);
        changes.given(self.health_cmd, SpecChange::HealthCommand);
        if self.no_healthcheck {
            if changes.0.len() > before {
                return Err(CommandError::usage("--no-healthcheck conflicts with --health-* options"));
            }
            changes.0.push(SpecChange::NoHealthcheck);
        }
        Ok(())
    }
}
