//! Property tests of placement as somebody outside the simulator writes them: `docs/property-tests.md` explains them
//! and shows the first one.
use proptest::prelude::*;
use scenarios::runner::{NoSpectator, RunOptions, run};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::bench::LoopSettings;
use sim_core::bench::properties::{
    Scene, SceneEvent, SceneService, always, host_ports_are_unique, limits_of_replicas_are_kept, nodes,
    nothing_is_spent_twice, services,
};

proptest! {
    #[test]
    fn one_replica_a_node_means_no_more_replicas_than_nodes(
        nodes in prop::collection::vec(nodes(), 1..10),
        service in services(),
        count in 1..20_u32,
    ) {
        let service = SceneService { max_replicas: 1, ..service };
        let events = vec![SceneEvent::Create { service: 0, count }];
        let scene = Scene { nodes, services: vec![service], residents: Vec::new(), events };
        always(&scene, &LoopSettings::default(), |store| {
            let placed = store.tasks().filter(|task| task.node.is_some()).count();
            prop_assert!(placed <= store.node_count(), "{} tasks on {} nodes", placed, store.node_count());
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_whole_cluster_gives_nothing_away_twice(seed in any::<u64>(), crash_at in 0..30_u32, limit in 1..4_u32) {
        let text = format!(
            "name: crash
cluster: {{ managers: 1, workers: 3, settings: {{ ties: seeded }} }}
timeline:
  - {{ at: 0s, docker: 'service create --name web --replicas 9 --reserve-memory 2g nginx' }}
  - {{ at: 0s, docker: 'service create --name edge --replicas 3 --publish mode=host,published=80,target=80 nginx' }}
  - {{ at: 0s, docker: 'service create --name few --replicas 9 --replicas-max-per-node {limit} nginx' }}
  - {{ at: {crash_at}s, fault: {{ crash: worker-1, for: 20s }} }}
  - {{ at: 40s, docker: 'service update --force web' }}
until: 90s
"
        );
        let options = ScenarioOptions { seed: Some(seed), ..ScenarioOptions::default() };
        let scenario = Scenario::parse(&text, "crash.yaml", &options).expect("a scenario");
        let outcome = run(&scenario, RunOptions::default(), &mut NoSpectator);
        let view = outcome.simulation.view();
        let store = view.store().expect("a manager runs");
        nothing_is_spent_twice(store)?;
        host_ports_are_unique(store)?;
        limits_of_replicas_are_kept(store)?;
    }
}
