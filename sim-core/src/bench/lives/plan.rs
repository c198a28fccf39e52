//! Random services and what happens to them. Plain numbers, so that a failing plan shrinks to a readable one.
use std::sync::Arc;

use proptest::prelude::*;

use crate::kernel::SimDuration;
use crate::model::{
    Annotations, Availability, FailureAction, RestartCondition, RestartPolicy, ServiceMode, ServiceSpec,
    TaskSpec, UpdateConfig, UpdateOrder,
};

/// A cluster, its services and what happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes there are.
    pub nodes: usize,
    /// Tasks kept per slot.
    pub history: u64,
    /// Services; all exist from the start.
    pub services: Vec<PlannedService>,
    /// What happens, in order.
    pub happenings: Vec<Happening>,
}

/// A service.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlannedService {
    pub is_global: bool,
    pub replicas: u64,
    pub starts_first: bool,
    pub parallelism: u64,
    pub delay_ms: u64,
    pub monitor_ms: u64,
    pub failure_action: FailureAction,
    pub tolerates_half: bool,
    pub restart_delay_ms: u64,
    pub max_attempts: u64,
}

/// Something that happens some time after what happened before.
#[derive(Clone, Copy, Debug)]
pub struct Happening {
    /// How long after.
    pub after_ms: u64,
    /// What.
    pub wish: Wish,
}

/// What happens. Numbers name objects modulo how many there are.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Wish {
    /// The service gets another image; `kind` says how it behaves.
    Image { service: usize, kind: ImageKind },
    /// The service is scaled. Nothing, for a global one.
    Scale { service: usize, replicas: u64 },
    /// The service gets a label, which restarts nothing.
    Label { service: usize },
    /// The service is updated by force.
    Force { service: usize },
    /// The service is rolled back, if it can be.
    RollBack { service: usize },
    /// The node's agent is silent, or back.
    Node { node: usize, is_ready: bool },
    /// The node may have tasks, or not.
    Availability { node: usize, availability: Availability },
    /// A task that runs fails.
    Fail { task: usize },
    /// Another manager leads.
    NewLeader,
}

/// How the tasks of an image behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// They run for ever.
    Good,
    /// They fail when they are started.
    Fails,
    /// They cannot be prepared.
    Missing,
    /// They fail three seconds after their start.
    Ends,
    /// It takes half a minute to prepare them.
    Slow,
}

impl ImageKind {
    /// The beginning of its images' names.
    pub(super) fn name(self) -> &'static str {
        match self {
            ImageKind::Good => "good",
            ImageKind::Fails => "fails",
            ImageKind::Missing => "missing",
            ImageKind::Ends => "ends",
            ImageKind::Slow => "slow",
        }
    }
}

/// Lives of two to four nodes, up to two services and a dozen happenings.
pub fn lives() -> impl Strategy<Value = Plan> {
    let services = prop::collection::vec(services(), 1..3);
    let happenings = prop::collection::vec(happenings(), 1..12);
    (2..5_usize, 0..4_u64, services, happenings).prop_map(|(nodes, history, services, happenings)| Plan {
        nodes,
        history,
        services,
        happenings,
    })
}

fn services() -> impl Strategy<Value = PlannedService> {
    let update = (
        any::<bool>(),
        0..3_u64,
        prop::sample::select(vec![0, 500, 3_000]),
        prop::sample::select(vec![0, 1_000, 5_000]),
        prop::sample::select(vec![FailureAction::Pause, FailureAction::Continue, FailureAction::Rollback]),
        any::<bool>(),
    );
    let restart = (prop::sample::select(vec![0, 1_000, 5_000]), prop::sample::select(vec![0, 0, 0, 2]));
    (prop::bool::weighted(0.2), 1..5_u64, update, restart).prop_map(
        |(is_global, replicas, (starts_first, parallelism, delay_ms, monitor_ms, action, half), restart)| {
            PlannedService {
                is_global,
                replicas,
                starts_first,
                parallelism,
                delay_ms,
                monitor_ms,
                failure_action: action,
                tolerates_half: half,
                restart_delay_ms: restart.0,
                max_attempts: restart.1,
            }
        },
    )
}

fn happenings() -> impl Strategy<Value = Happening> {
    let kinds = vec![
        ImageKind::Good,
        ImageKind::Good,
        ImageKind::Fails,
        ImageKind::Missing,
        ImageKind::Ends,
        ImageKind::Slow,
    ];
    let availabilities = vec![Availability::Active, Availability::Pause, Availability::Drain];
    let wish = prop_oneof![
        4 => (0..2_usize, prop::sample::select(kinds)).prop_map(|(service, kind)| Wish::Image { service, kind }),
        2 => (0..2_usize, 0..6_u64).prop_map(|(service, replicas)| Wish::Scale { service, replicas }),
        1 => (0..2_usize).prop_map(|service| Wish::Label { service }),
        1 => (0..2_usize).prop_map(|service| Wish::Force { service }),
        1 => (0..2_usize).prop_map(|service| Wish::RollBack { service }),
        2 => (0..4_usize, any::<bool>()).prop_map(|(node, is_ready)| Wish::Node { node, is_ready }),
        2 => (0..4_usize, prop::sample::select(availabilities))
            .prop_map(|(node, availability)| Wish::Availability { node, availability }),
        2 => (0..8_usize).prop_map(|task| Wish::Fail { task }),
        1 => Just(Wish::NewLeader),
    ];
    let after = prop_oneof![Just(10), Just(500), 1_000..20_000_u64, Just(90_000)];
    (after, wish).prop_map(|(after_ms, wish)| Happening { after_ms, wish })
}

impl PlannedService {
    /// The service's first spec.
    pub(super) fn to_spec(self, name: &str) -> ServiceSpec {
        let update = UpdateConfig {
            parallelism: self.parallelism,
            delay: SimDuration::from_millis(self.delay_ms),
            failure_action: self.failure_action,
            monitor: Some(SimDuration::from_millis(self.monitor_ms)),
            max_failure_ratio_ppb: if self.tolerates_half { 500_000_000 } else { 0 },
            order: if self.starts_first { UpdateOrder::StartFirst } else { UpdateOrder::StopFirst },
        };
        let restart = RestartPolicy {
            condition: RestartCondition::Any,
            delay: Some(SimDuration::from_millis(self.restart_delay_ms)),
            max_attempts: self.max_attempts,
            window: None,
        };
        let mut task = TaskSpec { restart: Some(restart), ..TaskSpec::default() };
        task.container.image = "good:0".to_owned();
        let mode = ServiceMode::Replicated { replicas: self.replicas };
        ServiceSpec {
            annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
            task: Arc::new(task),
            mode: if self.is_global { ServiceMode::Global } else { mode },
            update: Some(update),
            rollback: None,
            endpoint: None,
        }
    }
}
