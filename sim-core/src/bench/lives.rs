//! Properties of the orchestrators that hold in every life of a cluster: strategies and checks for proptest.
//!
//! With the feature `proptest` other crates write property tests of their own: [`lives`] makes random services,
//! nodes, changes and faults; a [`Life`] plays one with all loops of a leader and simple agents, instant by instant.
//! What is asserted on every write (who may move a task where, and that nothing goes back) is asserted here, too.
//!
//! - [`states_move_forward`]: nothing goes back and nobody moves a task who must not, agents included.
//! - [`surplus_is_bounded`]: with stop-first no slot ever has two tasks that shall run; otherwise a slot has at most
//!   one more for every change and every end of a task since it was last whole.
//! - [`history_is_bounded`]: the limit rule, [`REAPER_INTERVAL`] after the last change of a slot that got a new
//!   task under this leader.
//! - [`updates_say_what_they_wait_for`]: an update whose status is not final has an updater that says so, or every
//!   live task is up to date. (A rollback of a global service whose tasks were all given up keeps its status.)
//! - [`services_recover`]: healed and left alone, every service has what it wants after [`recovery_bound`].
//! - [`needless_commits_change_nothing`]: a commit that changes nothing about tasks, nodes and services, made while
//!   nothing is pending, changes no outcome.
mod agents;
mod life;
mod plan;

use std::collections::BTreeMap;

use proptest::prelude::*;

pub use self::agents::{PREPARE, START};
pub use self::life::{AFTERLIFE, Life, recovery_bound};
pub use self::plan::{Happening, ImageKind, Plan, PlannedService, Wish, lives};
use crate::kernel::SimDuration;
use crate::model::{Service, ServiceId, ServiceMode, Slot, Task, TaskState, UpdateOrder, UpdateState};

/// Time between two looks of the task reaper (spec orchestration 13.2).
pub const REAPER_INTERVAL: SimDuration = SimDuration::from_millis(250);

/// Checks that a life goes on without any write that is not permitted.
///
/// # Errors
/// None: a loop that writes what it must not panics, and so does an agent.
pub fn states_move_forward(plan: &Plan) -> Result<(), TestCaseError> {
    Life::new(plan).play(|life| {
        for task in life.store().tasks() {
            let (state, desired) = life.seen(task.id).unwrap_or_default();
            let goes_on = state <= task.status.state && desired <= task.desired_state;
            prop_assert!(goes_on, "{:?} was {}/{}", task, state, desired);
        }
        Ok(())
    })
}

/// Checks how many tasks of a slot shall run and do.
///
/// # Errors
/// The first slot with more than its surplus.
pub fn surplus_is_bounded(plan: &Plan) -> Result<(), TestCaseError> {
    let mut changes: BTreeMap<(ServiceId, Slot), u64> = BTreeMap::new();
    let mut ever_start_first: BTreeMap<ServiceId, bool> = BTreeMap::new();
    Life::new(plan).play(|life| {
        for service in life.store().services() {
            if !matches!(service.spec.mode, ServiceMode::Replicated { .. }) {
                continue;
            }
            let starts_first = [service.spec.update, service.spec.rollback]
                .iter()
                .flatten()
                .any(|config| config.order == UpdateOrder::StartFirst);
            *ever_start_first.entry(service.id).or_default() |= starts_first;
            for (slot, tasks) in slots(life, service) {
                let running = tasks.iter().filter(|task| is_running(task)).count() as u64;
                let count = changes.entry((service.id, slot)).or_default();
                *count = if is_whole(&tasks) { 0 } else { *count + life.changes_now(service.id) };
                let surplus = if ever_start_first[&service.id] { 1 + *count } else { 0 };
                prop_assert!(running <= 1 + surplus, "slot {slot:?}: {running} run, surplus {surplus}");
            }
        }
        Ok(())
    })
}

fn slots<'a>(life: &'a Life<'_>, service: &Service) -> BTreeMap<Slot, Vec<&'a Task>> {
    let mut slots: BTreeMap<Slot, Vec<&Task>> = BTreeMap::new();
    for task in life.store().tasks_of_service(service.id) {
        slots.entry(task.slot).or_default().push(task);
    }
    slots
}

fn is_running(task: &Task) -> bool {
    task.status.state == TaskState::Running && task.desired_state == TaskState::Running
}

/// True if exactly one task of the slot is wanted, and runs.
fn is_whole(tasks: &[&Task]) -> bool {
    let wanted: Vec<_> = tasks.iter().filter(|task| task.desired_state <= TaskState::Running).collect();
    wanted.len() == 1 && is_running(wanted[0])
}

/// Checks the number of tasks that are kept of a slot.
///
/// # Errors
/// The first slot with too many.
pub fn history_is_bounded(plan: &Plan) -> Result<(), TestCaseError> {
    Life::new(plan).play(|life| {
        for service in life.store().services() {
            if !matches!(service.spec.mode, ServiceMode::Replicated { .. }) {
                continue;
            }
            let attempts = service.spec.task.restart.map_or(0, |restart| restart.max_attempts);
            let limit = if attempts > 0 { attempts + 1 } else { plan.history };
            for (slot, tasks) in slots(life, service) {
                let created = tasks.iter().map(|task| task.meta.created_at).max();
                let touched = tasks.iter().map(|task| task.meta.updated_at).max();
                // What was created in the very instant of the change may be the work of the leader before.
                let is_looked_at = created > Some(life.leads_since());
                let is_settled = touched.is_some_and(|touched| touched + REAPER_INTERVAL < life.now());
                if is_looked_at && is_settled {
                    let kept = tasks.iter().filter(|task| !is_deletable(task)).count() as u64;
                    // A task that was live when the reaper looked, and ended since, is not looked at again.
                    let most = limit.max(kept).max(1);
                    prop_assert!(tasks.len() as u64 <= most, "slot {slot:?}: {} of {most}", tasks.len());
                }
            }
        }
        Ok(())
    })
}

/// True if the reaper may delete the task as history (spec orchestration 13.4).
fn is_deletable(task: &Task) -> bool {
    let was_never_placed = task.status.state < TaskState::Assigned && task.desired_state > TaskState::Running;
    task.status.state.is_terminal() || was_never_placed
}

/// Checks that whoever reads "update in progress" can be told why it is not over.
///
/// # Errors
/// The first update that nobody works on.
pub fn updates_say_what_they_wait_for(plan: &Plan) -> Result<(), TestCaseError> {
    Life::new(plan).play(|life| {
        for service in life.store().services() {
            let state = service.update_status.as_ref().map(|status| status.state);
            if matches!(state, Some(UpdateState::Updating | UpdateState::RollbackStarted)) {
                let mut tasks = life.store().tasks_of_service(service.id);
                let is_old = tasks.any(|task| {
                    task.desired_state <= TaskState::Running && task.spec_version != service.spec_version
                });
                let is_worked_on = life.update_waits(service.id).is_some();
                prop_assert!(
                    is_worked_on || !is_old,
                    "{}: {:?}, and nobody works on it",
                    service.name(),
                    state
                );
            }
        }
        Ok(())
    })
}

/// Checks that a cluster without faults gives every service what it wants, within the bound.
///
/// # Errors
/// The first service that does not have it.
pub fn services_recover(plan: &Plan) -> Result<(), TestCaseError> {
    let mut life = Life::new(plan);
    life.play(|_| Ok(()))?;
    life.heal();
    let bound = recovery_bound(&life);
    life.pass(bound);
    for service in life.store().services() {
        let tasks: Vec<&Task> = life.store().tasks_of_service(service.id).map(|task| &**task).collect();
        let running = tasks.iter().filter(|task| is_running(task)).count();
        let wanted = match service.spec.mode {
            ServiceMode::Replicated { replicas } => replicas as usize,
            ServiceMode::Global => life.store().nodes().count(),
            ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => continue,
        };
        prop_assert_eq!(running, wanted, "{} after {}", service.name(), bound);
        let alive = tasks.iter().filter(|task| task.desired_state <= TaskState::Running).count();
        prop_assert_eq!(alive, wanted, "{} has surplus tasks", service.name());
        let state = service.update_status.as_ref().map(|status| status.state);
        // An update that met a failure before the healing may have ended with what was there before.
        let is_over = matches!(state, None | Some(UpdateState::Completed | UpdateState::RollbackCompleted));
        prop_assert!(is_over, "{}: {state:?}", service.name());
        prop_assert!(life.update_waits(service.id).is_none());
    }
    Ok(())
}

/// Checks that commits that say nothing new change no outcome.
///
/// # Errors
/// The first moment at which the two lives differ.
pub fn needless_commits_change_nothing(plan: &Plan) -> Result<(), TestCaseError> {
    let (mut plain, mut noisy) = (Life::new(plan), Life::new(plan));
    for happening in &plan.happenings {
        for life in [&mut plain, &mut noisy] {
            life.wait_for(happening);
        }
        if noisy.is_calm() {
            noisy.commit_needlessly();
        }
        for life in [&mut plain, &mut noisy] {
            life.happens(happening);
        }
        prop_assert_eq!(plain.outcome(), noisy.outcome(), "at {}", plain.now());
    }
    for life in [&mut plain, &mut noisy] {
        life.pass(AFTERLIFE);
    }
    prop_assert_eq!(plain.outcome(), noisy.outcome(), "at the end");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn every_write_is_permitted(plan in lives()) {
            states_move_forward(&plan)?;
        }

        #[test]
        fn a_slot_has_no_more_than_its_surplus(plan in lives()) {
            surplus_is_bounded(&plan)?;
        }

        #[test]
        fn old_tasks_are_kept_up_to_the_limit(plan in lives()) {
            history_is_bounded(&plan)?;
        }

        #[test]
        fn an_update_ends_or_says_what_it_waits_for(plan in lives()) {
            updates_say_what_they_wait_for(&plan)?;
        }

        #[test]
        fn healed_and_left_alone_every_service_recovers(plan in lives()) {
            services_recover(&plan)?;
        }

        #[test]
        fn a_commit_that_says_nothing_changes_nothing(plan in lives()) {
            needless_commits_change_nothing(&plan)?;
        }
    }
}
