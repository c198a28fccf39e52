//! Plays a scene on a bench, and lets the same things happen to the reference.
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::test_runner::TestCaseError;

use super::reference::{Reference, ReferenceTask, Write};
use super::scene::{Scene, SceneEvent, state};
use crate::bench::{Bench, ChangeSet, LoopKind, LoopSettings, ObjectChange, World};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Node, NodeId, ServiceId, Task, TaskId, TaskState};
use crate::store::{Store, StoreError, Transaction};

/// Plays a scene and shows `check` the writes of the scheduler after each event, pass by pass, with the
/// reference as it stands before them, and whether the event asks for a tick.
pub(super) fn play(
    scene: &Scene,
    settings: &LoopSettings,
    mut check: impl FnMut(&mut Reference, bool, &[Vec<Write>]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut player = Player::new(scene, settings);
    let passes = player.settle();
    check(&mut player.reference, true, &passes)?;
    for event in &scene.events {
        if let Some(asks_for_tick) = player.happens(*event) {
            let passes = player.settle();
            check(&mut player.reference, asks_for_tick, &passes)?;
        }
    }
    Ok(())
}

/// A bench and the reference, to which the same things happen.
pub(super) struct Player {
    bench: Bench,
    pub(super) reference: Reference,
    slots: u32,
}

/// Notes what the scheduler writes.
#[derive(Default)]
struct Notes {
    passes: Vec<(SimTime, Vec<Write>)>,
    /// Commits from outside, which come first.
    foreign: usize,
}

impl World for Notes {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        if self.foreign > 0 {
            self.foreign -= 1;
            return;
        }
        if self.passes.last().is_none_or(|(time, _)| *time != bench.now()) {
            self.passes.push((bench.now(), Vec::new()));
        }
        let writes = &mut self.passes.last_mut().expect("pushed above").1;
        for change in changes.iter() {
            let ObjectChange::Task(delta) = &change.object else { unreachable!("it writes tasks only") };
            let task = delta.new.as_ref().expect("it deletes no task");
            let is_placed = task.status.state == TaskState::Assigned;
            let node = task.node.filter(|_| is_placed);
            let result = node.ok_or_else(|| task.status.err.to_string());
            writes.push(Write { task: task.id, result });
        }
    }

    fn alarm(&mut self, alarm: u64, _bench: &mut Bench) {
        unreachable!("nobody has set alarm {alarm}");
    }
}

impl Player {
    pub(super) fn new(scene: &Scene, settings: &LoopSettings) -> Self {
        let reference = Reference {
            nodes: BTreeMap::new(),
            services: scene.services.clone(),
            tasks: Vec::new(),
            failures: Vec::new(),
            ties: settings.tie_breaker("scheduler"),
            now: SimTime::ZERO,
        };
        let mut player = Player { bench: Bench::new(&[LoopKind::Scheduler], settings), reference, slots: 0 };
        player.write(|transaction, reference, slots| {
            for node in &scene.nodes {
                let id = transaction.mint_node();
                reference.nodes.insert(id, *node);
                transaction.create_node(node.to_node(id))?;
            }
            for service in &scene.services {
                let id = transaction.mint_service();
                transaction.create_service(service.to_service(id))?;
            }
            for (service, node, stops) in &scene.residents {
                let mut task = new_task(*service, transaction, reference, slots);
                let node = NodeId(*node as u32);
                task.node = Some(node);
                task.status.state = TaskState::Running;
                if *stops {
                    task.desired_state = TaskState::Shutdown;
                }
                let known = reference.task(task.id);
                (known.node, known.active) = (Some(node), !stops);
                transaction.create_task(task)?;
            }
            Ok(())
        });
        player.bench.run_until(SimTime::ZERO, &mut Notes { foreign: 1, ..Notes::default() });
        player.bench.start();
        player
    }

    pub(super) fn store(&self) -> &Store {
        self.bench.store()
    }

    fn write(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>, &mut Reference, &mut u32) -> Result<(), StoreError>,
    ) {
        let Player { bench, reference, slots } = self;
        bench.transact(|transaction| work(transaction, reference, slots)).expect("all objects are known");
    }

    /// Lets time run until nothing is due, and answers what was written, by pass.
    pub(super) fn settle(&mut self) -> Vec<Vec<Write>> {
        let mut notes = Notes { foreign: usize::from(self.bench.commits() > 1), ..Notes::default() };
        self.bench.run_until(self.bench.now(), &mut notes);
        while let Some(due) = self.bench.next_time() {
            // All passes after an event lie within a second: no window of failures ends between them.
            self.reference.now = due;
            self.bench.run_until(due, &mut notes);
        }
        notes.passes.into_iter().map(|(_, writes)| writes).collect()
    }

    /// Lets something happen, and answers whether it asks for a tick. None if there is nothing that it could
    /// happen to.
    pub(super) fn happens(&mut self, event: SceneEvent) -> Option<bool> {
        let placed = self.reference.tasks.iter().filter(|task| task.node.is_some());
        let placed: Vec<TaskId> = placed.map(|task| task.id).collect();
        let nth = |number: usize| placed.get(number % placed.len().max(1)).copied();
        let node_count = self.reference.nodes.len();
        match event {
            SceneEvent::Create { service, count } => self.create(service, count, None),
            SceneEvent::CreateOn { service, node } => {
                self.create(service, 1, Some(NodeId((node % node_count) as u32)));
                return Some(false);
            }
            SceneEvent::End { task, fails } => {
                self.end(nth(task)?, fails);
            }
            SceneEvent::Stop { task } => {
                let id = nth(task)?;
                self.reference.task(id).active = false;
                self.change_task(id, |task| task.desired_state = TaskState::Shutdown);
                return Some(false);
            }
            SceneEvent::Delete { task } => {
                let id = nth(task)?;
                let held_something = !self.reference.task(id).unconfirmed;
                self.reference.tasks.retain(|task| task.id != id);
                self.write(|transaction, _, _| transaction.delete_task(id));
                return Some(held_something);
            }
            SceneEvent::Node { node, ready, availability } => {
                let id = NodeId((node % node_count) as u32);
                let known = self.reference.nodes.get_mut(&id).expect("nodes stay");
                (known.ready, known.availability) = (ready, availability);
                self.write(|transaction, _, _| {
                    let mut node = Node::clone(transaction.store().node(id).expect("nodes stay"));
                    node.status.state = state(ready);
                    Arc::make_mut(&mut node.spec).availability = availability;
                    transaction.update_node(node)
                });
            }
            SceneEvent::Join(node) => self.write(|transaction, reference, _| {
                let id = transaction.mint_node();
                reference.nodes.insert(id, node);
                transaction.create_node(node.to_node(id))
            }),
            SceneEvent::Wait { minutes } => {
                let later = self.bench.now() + SimDuration::from_secs(60 * minutes);
                self.bench.run_until(later, &mut Notes::default());
                return None;
            }
        }
        Some(true)
    }

    fn create(&mut self, service: usize, count: u32, node: Option<NodeId>) {
        let service = service % self.reference.services.len();
        self.write(|transaction, reference, slots| {
            for _ in 0..count {
                let mut task = new_task(service, transaction, reference, slots);
                task.node = node;
                let known = reference.task(task.id);
                known.node = node;
                (known.preassigned, known.unconfirmed) = (node.is_some(), node.is_some());
                transaction.create_task(task)?;
            }
            Ok(())
        });
    }

    fn end(&mut self, id: TaskId, fails: bool) {
        let task = self.reference.task(id).clone();
        if fails && !task.preassigned {
            let node = task.node.expect("only tasks with a node end");
            let now = self.bench.now();
            self.reference.failures.push((node, task.service, now));
        }
        self.reference.tasks.retain(|task| task.id != id);
        let state = if fails { TaskState::Failed } else { TaskState::Complete };
        self.change_task(id, |task| task.status.state = state);
    }

    fn change_task(&mut self, id: TaskId, change: impl FnOnce(&mut Task)) {
        self.write(|transaction, _, _| {
            let mut task = Task::clone(transaction.store().task(id).expect("known tasks are stored"));
            change(&mut task);
            transaction.update_task(task)
        });
    }
}

impl Reference {
    /// Notes what the scheduler wrote.
    pub(super) fn apply(&mut self, write: &Write) {
        let task = self.task(write.task);
        match &write.result {
            Ok(node) => {
                task.node = Some(*node);
                task.unconfirmed = false;
            }
            Err(err) => task.err.clone_from(err),
        }
    }
}

fn new_task(
    service: usize,
    transaction: &mut Transaction<'_>,
    reference: &mut Reference,
    slots: &mut u32,
) -> Task {
    *slots += 1;
    let id = transaction.mint_task();
    reference.tasks.push(ReferenceTask {
        id,
        service,
        slot: *slots,
        node: None,
        unconfirmed: false,
        preassigned: false,
        active: true,
        err: String::new(),
    });
    reference.services[service].to_task(id, ServiceId(service as u32), *slots, transaction.now())
}
