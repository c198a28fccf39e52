//! What placement costs, in seconds of this machine.
//!
//! Every figure is the least of several runs: other work on the machine can only make a run longer.
use std::sync::Arc;
use std::time::Instant;

use scenarios::{Scenario, ScenarioOptions};
use sim_core::bench::{LoopSettings, WaitingScheduler};
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::{NoObserver, Simulation};

use crate::scheduler::{Scene, store_of};

/// The scheduler's decision about all tasks of a scene, without writing it.
#[must_use]
pub fn decide(scene: &Scene) -> f64 {
    let bench = store_of(scene);
    least(|| {
        let mut scheduler = WaitingScheduler::new(bench.store(), &LoopSettings::default());
        let start = Instant::now();
        assert_eq!(scheduler.decide(), scene.tasks as usize);
        start.elapsed().as_secs_f64()
    })
}

/// A whole deployment: from `docker service create` in a cluster of three managers until all tasks are reported as
/// RUNNING, through Raft, orchestrator, allocator, scheduler, dispatcher and agents.
#[must_use]
pub fn deploy(nodes: u32, tasks: u32) -> f64 {
    let workers = nodes.saturating_sub(3);
    let text = format!(
        "name: deployment\ncluster: {{ managers: 3, workers: {workers} }}\ntimeline:\n  \
         - {{ at: 0s, docker: 'service create --detach --name web --replicas {tasks} nginx' }}\nuntil: 1h\n"
    );
    let scenario = Scenario::parse(&text, "deployment.yaml", &ScenarioOptions::default());
    let setup = Arc::new(scenario.unwrap_or_else(|errors| panic!("{errors}")).setup);
    least(|| {
        let mut simulation = Simulation::new(Arc::clone(&setup), 1);
        let start = Instant::now();
        let mut now = SimTime::ZERO;
        while running(&simulation) < tasks as usize {
            now += SimDuration::from_millis(100);
            assert!(now <= setup.until, "the deployment does not end");
            simulation.run_until(now, &mut NoObserver);
        }
        start.elapsed().as_secs_f64()
    })
}

fn running(simulation: &Simulation) -> usize {
    let view = simulation.view();
    let service = view.store().and_then(|store| store.service_by_name("web"));
    service.map_or(0, |service| view.running_of_service(service.id))
}

/// The least of several measurements: more of them where one is short.
fn least(mut measure: impl FnMut() -> f64) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    for run in 0..40 {
        least = least.min(measure());
        if run >= 4 && start.elapsed().as_secs_f64() > 2.0 {
            break;
        }
    }
    least
}
