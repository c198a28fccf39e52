//! The properties, and that checks which could be too weak find what they are for.
use super::*;
use crate::model::setup::PlacementStrategy;

fn seeded(seed: u64) -> LoopSettings {
    LoopSettings { seed, seeded_ties: true, ..LoopSettings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn writes_are_those_of_the_reference_with_ties_by_id(scene in scenes()) {
        agrees_with_reference(&scene, &LoopSettings::default())?;
    }

    #[test]
    fn writes_are_those_of_the_reference_with_drawn_ties(scene in scenes(), seed in 0..1_000_u64) {
        agrees_with_reference(&scene, &seeded(seed))?;
    }

    #[test]
    fn no_task_goes_where_it_does_not_fit(scene in scenes(), seed in 0..1_000_u64) {
        is_sound(&scene, &LoopSettings::default())?;
        is_sound(&scene, &seeded(seed))?;
    }

    #[test]
    fn no_classic_strategy_puts_a_task_where_it_does_not_fit(scene in scenes(), seed in 0..1_000_u64) {
        use PlacementStrategy::{ClassicBinpack, ClassicRandom, ClassicSpread};
        for strategy in [ClassicSpread, ClassicBinpack, ClassicRandom] {
            is_sound(&scene, &LoopSettings { seed, strategy, ..LoopSettings::default() })?;
        }
    }

    #[test]
    fn nothing_is_given_away_twice(scene in scenes_from_nothing(), seed in 0..1_000_u64) {
        always(&scene, &seeded(seed), |store| {
            nothing_is_spent_twice(store)?;
            host_ports_are_unique(store)?;
            limits_of_replicas_are_kept(store)
        })?;
    }

    #[test]
    fn a_task_stays_where_it_is(scene in scenes(), seed in 0..1_000_u64) {
        never_moves_a_task(&scene, &seeded(seed))?;
    }

    #[test]
    fn tasks_are_spread_as_evenly_as_is_guaranteed(scene in roomy_scenes(), seed in 0..1_000_u64) {
        spreads_evenly(&scene, &LoopSettings::default())?;
        spreads_evenly(&scene, &seeded(seed))?;
    }

    #[test]
    fn the_seed_matters_only_where_ties_are_drawn(scene in scenes(), seeds in any::<[u64; 2]>()) {
        does_not_depend_on_the_seed(&scene, seeds)?;
    }
}

/// Two nodes, one service, and tasks of it that an outsider put on the nodes.
fn placed_by_hand(service: SceneService, residents: &[usize]) -> Scene {
    let node = SceneNode {
        ready: true,
        availability: crate::model::Availability::Active,
        cpus: 4,
        memory: 4,
        gpus: 0,
        zone: None,
        rack: None,
        linux: true,
    };
    let residents = residents.iter().map(|node| (0, *node, false)).collect();
    Scene { nodes: vec![node, node], services: vec![service], residents, events: Vec::new() }
}

/// A service that asks for nothing.
const PLAIN: SceneService = SceneService {
    cpus: 0,
    memory: 0,
    gpus: 0,
    zone: None,
    levels: 0,
    max_replicas: 0,
    port: None,
    linux_only: false,
    versioned: true,
};

#[test]
fn what_is_given_away_twice_is_found() {
    type Check = fn(&Store) -> Result<(), TestCaseError>;
    let cases: [(SceneService, Check); 4] = [
        (SceneService { cpus: 3, ..PLAIN }, nothing_is_spent_twice),
        (SceneService { memory: 3, ..PLAIN }, nothing_is_spent_twice),
        (SceneService { port: Some(80), ..PLAIN }, host_ports_are_unique),
        (SceneService { max_replicas: 1, ..PLAIN }, limits_of_replicas_are_kept),
    ];
    for (service, check) in cases {
        let holds = |residents: &[usize]| {
            always(&placed_by_hand(service, residents), &LoopSettings::default(), check).is_ok()
        };
        assert!(holds(&[0, 1]), "{service:?}");
        assert!(!holds(&[0, 0]), "{service:?}");
    }
}

#[test]
fn an_uneven_spread_is_found() {
    let reference = |service, residents: &[usize]| {
        Player::new(&placed_by_hand(service, residents), &LoopSettings::default()).reference
    };
    let is_bounded = |service, residents: &[usize]| {
        spread::is_bounded(&reference(service, &[]), &reference(service, residents), 0).is_ok()
    };
    assert!(is_bounded(PLAIN, &[0, 1, 0]));
    assert!(!is_bounded(PLAIN, &[0, 1, 0, 0]));
    assert!(is_bounded(SceneService { cpus: 1, ..PLAIN }, &[0, 0]), "no bound where nodes can fill up");
}
