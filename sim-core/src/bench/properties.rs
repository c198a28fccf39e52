//! Properties of the scheduler that hold in every cluster: strategies and checks for proptest.
//!
//! With the feature `proptest` other crates write property tests of their own: strategies make [`Scene`]s, small
//! random clusters with a list of events; [`always`] plays one on a bench and shows the store after every event.
//! The checks of this module look closer.
//!
//! - [`is_sound`]: no decision puts a task where a filter fails at that moment, which says that nothing is given
//!   away twice. Holds for every ranking.
//! - [`nothing_is_spent_twice`], [`host_ports_are_unique`], [`limits_of_replicas_are_kept`]: the same, recounted in
//!   any store whose tasks the scheduler placed.
//! - [`never_moves_a_task`]: a task stays on the node that it got.
//! - [`spreads_evenly`]: as evenly as is guaranteed, which module `spread` states.
//! - [`agrees_with_reference`]: every write is that of a slow scheduler that is written rule by rule. The reference
//!   gets the same draws where ties are drawn, so nothing but ties can differ between seeds.
//! - [`does_not_depend_on_the_seed`]: without drawn ties, nothing does.
mod holdings;
mod player;
mod reference;
mod scene;
mod spread;

use std::collections::BTreeMap;

use proptest::prelude::*;

pub use self::holdings::{host_ports_are_unique, limits_of_replicas_are_kept, nothing_is_spent_twice};
use self::player::{Player, play};
pub use self::scene::{
    Scene, SceneEvent, SceneNode, SceneService, events, nodes, roomy_scenes, scenes, scenes_from_nothing,
    services,
};
use super::{LoopSettings, Store};
use crate::model::{NodeId, TaskId};

/// Plays a scene and shows the store at its beginning and after each event, when the scheduler has nothing more
/// to do.
///
/// # Errors
/// The first error of `check`.
pub fn always(
    scene: &Scene,
    settings: &LoopSettings,
    mut check: impl FnMut(&Store) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut player = Player::new(scene, settings);
    player.settle();
    check(player.store())?;
    for event in &scene.events {
        if player.happens(*event).is_some() {
            player.settle();
            check(player.store())?;
        }
    }
    Ok(())
}

/// Checks that no decision puts a task where it does not fit at that moment.
///
/// # Errors
/// The first decision that does.
pub fn is_sound(scene: &Scene, settings: &LoopSettings) -> Result<(), TestCaseError> {
    play(scene, settings, |reference, _, passes| {
        for write in passes.iter().flatten() {
            let task = reference.task(write.task).clone();
            if let Ok(node) = write.result {
                let failed = reference.fails(node, task.service);
                prop_assert_eq!(failed, None, "{:?} goes to {:?} and fails a filter", task, node);
            }
            reference.apply(write);
        }
        Ok(())
    })
}

/// Checks that a task that has a node keeps it.
///
/// # Errors
/// The first task that moves.
pub fn never_moves_a_task(scene: &Scene, settings: &LoopSettings) -> Result<(), TestCaseError> {
    let mut places: BTreeMap<TaskId, NodeId> = BTreeMap::new();
    always(scene, settings, |store| {
        for task in store.tasks() {
            let first = places.get(&task.id).copied();
            prop_assert!(first.is_none() || task.node == first, "{:?} moved from {:?}", task, first);
            places.extend(task.node.map(|node| (task.id, node)));
        }
        Ok(())
    })
}

/// Checks that tasks are spread as evenly as the rules guarantee. It says nothing where they guarantee nothing;
/// [`roomy_scenes`] are those where they do.
///
/// # Errors
/// The first group of tasks that is not.
pub fn spreads_evenly(scene: &Scene, settings: &LoopSettings) -> Result<(), TestCaseError> {
    play(scene, settings, |reference, _, passes| {
        for writes in passes {
            // What comes with a node is placed first, and by somebody else.
            let (brought, chosen): (Vec<_>, Vec<_>) =
                writes.iter().partition(|write| reference.task(write.task).preassigned);
            brought.into_iter().for_each(|write| reference.apply(write));
            let before = reference.clone();
            chosen.into_iter().for_each(|write| reference.apply(write));
            (0..before.services.len())
                .try_for_each(|service| spread::is_bounded(&before, reference, service))?;
        }
        Ok(())
    })
}

/// Checks that every write is the one that the reference makes, in the same order.
///
/// # Errors
/// The first difference.
pub fn agrees_with_reference(scene: &Scene, settings: &LoopSettings) -> Result<(), TestCaseError> {
    play(scene, settings, |reference, asks_for_tick, passes| {
        let mut expected = Vec::new();
        let mut tick_required = asks_for_tick;
        // Every commit leads to one more pass. A refusal that is written asks for one more tick, too.
        for _ in 0..=passes.len() {
            let mut writes = reference.confirm();
            let placed = if tick_required { reference.tick() } else { Vec::new() };
            tick_required = placed.iter().any(|write| write.result.is_err());
            writes.extend(placed);
            if writes.is_empty() {
                break;
            }
            expected.push(writes);
        }
        prop_assert_eq!(passes, &expected[..]);
        Ok(())
    })
}

/// Checks that two seeds give the same decisions, unless ties are drawn.
///
/// # Errors
/// The first event after which the stores differ.
pub fn does_not_depend_on_the_seed(scene: &Scene, seeds: [u64; 2]) -> Result<(), TestCaseError> {
    let [one, other] = seeds.map(|seed| {
        let mut sums = Vec::new();
        let settings = LoopSettings { seed, ..LoopSettings::default() };
        let played = always(scene, &settings, |store| {
            sums.push(store.sum());
            Ok(())
        });
        played.map(|()| sums)
    });
    prop_assert_eq!(one?, other?);
    Ok(())
}

#[cfg(test)]
mod tests;
