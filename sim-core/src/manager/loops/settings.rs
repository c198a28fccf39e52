//! What can be chosen about the loops of a manager, and how each of them is made.
use super::control_loop::ControlLoop;
use crate::kernel::random::Stream;
use crate::manager::allocator::Allocator;
use crate::manager::api::ControlApi;
use crate::manager::ca::CertificateAuthority;
use crate::manager::enforcer::ConstraintEnforcer;
use crate::manager::orchestrator::{global, jobs, replicated};
use crate::manager::reaper::Reaper;
use crate::manager::role_manager::RoleManager;
use crate::manager::scheduler::Scheduler;
use crate::manager::ties::TieBreaker;
use crate::model::Sabotage;
use crate::model::setup::{PlacementStrategy, Setup, Ties};
use crate::protocol::LoopKind;

/// What can be chosen about the loops.
#[derive(Clone, Debug, Default)]
pub struct LoopSettings {
    /// Seed of the run: of the texts of ids, and of the random streams of loops that break ties by lot.
    pub seed: u64,
    /// Whether ties are broken by lot instead of by id (decisions: `ties`).
    pub seeded_ties: bool,
    /// How the scheduler ranks nodes.
    pub strategy: PlacementStrategy,
    /// Name of the manager's host, which its random streams carry.
    pub manager: String,
    /// Which leadership of this manager it is, counted from zero: each draws lots of its own.
    pub leadership: u32,
    /// Whether the allocator hands out no ports, as when some recordings were made.
    pub without_ports: bool,
    /// What is wrong with the loops on purpose.
    pub sabotage: Sabotage,
    /// Who hears of a commit first: strands that watch single objects, or the loops. The former act on a change as
    /// soon as it is published, the latter at the end of the commit, so that in a cluster the former queue for the
    /// store's lock first. Where writes settle at once, all that counts is who subscribed first (spec orchestration
    /// 20.2).
    pub watchers_first: bool,
}

impl LoopSettings {
    /// The settings of a run, for the manager of this name.
    pub(crate) fn of(setup: &Setup, seed: u64, manager: &str) -> Self {
        LoopSettings {
            seed,
            seeded_ties: setup.settings.ties == Ties::Seeded,
            strategy: setup.settings.scheduler,
            manager: manager.to_owned(),
            leadership: 0,
            without_ports: false,
            sabotage: setup.sabotage,
            watchers_first: true,
        }
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let (ties, lots) = (self.tie_breaker("scheduler"), self.stream("random-strategy"));
        Scheduler::new(self.seed, self.strategy, ties, lots)
    }

    /// How a loop breaks ties; by lot, each loop draws from a stream of its own.
    pub(crate) fn tie_breaker(&self, control_loop: &str) -> TieBreaker {
        match self.seeded_ties {
            false => TieBreaker::ById,
            true => TieBreaker::Seeded(Box::new(self.stream(&format!("ties/{control_loop}")))),
        }
    }

    fn stream(&self, purpose: &str) -> Stream {
        let Self { seed, manager, leadership, .. } = self;
        let name = match leadership {
            0 => format!("{purpose}/{manager}"),
            later => format!("{purpose}/{manager}/{later}"),
        };
        Stream::named(*seed, &name)
    }
}

/// A loop of this kind, as a leadership begins.
///
/// # Panics
/// If the kind cannot run without a manager around it.
pub(super) fn make(kind: LoopKind, settings: &LoopSettings) -> Box<dyn ControlLoop> {
    let seed = settings.seed;
    match kind {
        LoopKind::Allocator => Box::new(Allocator::new(settings.without_ports, settings.sabotage)),
        LoopKind::Scheduler => Box::new(settings.scheduler()),
        LoopKind::Api => Box::new(ControlApi::new(seed)),
        LoopKind::ConstraintEnforcer => Box::new(ConstraintEnforcer::new(seed)),
        LoopKind::Reaper => Box::new(Reaper::default()),
        LoopKind::Replicated => {
            Box::new(replicated::Orchestrator::new(seed, settings.tie_breaker("replicated")))
        }
        LoopKind::Jobs => Box::new(jobs::Orchestrator::new(seed)),
        LoopKind::Global => Box::new(global::Orchestrator::new(seed, settings.tie_breaker("global"))),
        LoopKind::CertificateAuthority => Box::new(CertificateAuthority::new(seed)),
        LoopKind::RoleManager => Box::new(RoleManager::default()),
        LoopKind::Dispatcher => panic!("{kind:?} does not run on its own"),
    }
}
