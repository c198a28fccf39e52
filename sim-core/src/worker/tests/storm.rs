//! A storm against one agent: random assignments, faults and managers. Then everything heals, all tasks shall
//! end, and all of them do.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::lab::{HERE, Lab, Manner};
use crate::kernel::{SimDuration, SimTime};
use crate::model::setup::{Exit, HealthBehaviour, ImageProfile, ImageSetup, Images};
use crate::model::spec::{ContainerSpec, HealthConfig};
use crate::model::{
    FactId, HostId, Network, NetworkAttachment, NetworkId, NetworkSpec, NodeId, Slot, Task, TaskId, TaskSpec,
    TaskState,
};
use crate::protocol::{Assignment, CallError, Status, StatusCode};

#[derive(Clone, Debug)]
enum Blow {
    Assign { image: usize, network: bool, desired: TaskState },
    Update { task: usize, desired: TaskState },
    Remove { task: usize },
    Complete,
    KillTask { task: usize },
    Crash,
    Kill { survive: bool },
    Stop,
    Start,
    Freeze,
    Thaw,
    Reset,
    Managers { sessions: u8, heartbeats: u8, reports: u8 },
    Pass { milliseconds: u64 },
}

fn blows() -> impl Strategy<Value = Vec<Blow>> {
    let desired = prop::sample::select(vec![
        TaskState::Ready,
        TaskState::Running,
        TaskState::Shutdown,
        TaskState::Remove,
    ]);
    let task = 0..30usize;
    let blow = prop_oneof![
        6 => (0..5usize, any::<bool>(), desired.clone())
            .prop_map(|(image, network, desired)| Blow::Assign { image, network, desired }),
        6 => (task.clone(), desired).prop_map(|(task, desired)| Blow::Update { task, desired }),
        2 => task.clone().prop_map(|task| Blow::Remove { task }),
        1 => Just(Blow::Complete),
        2 => task.prop_map(|task| Blow::KillTask { task }),
        1 => Just(Blow::Crash),
        2 => any::<bool>().prop_map(|survive| Blow::Kill { survive }),
        1 => Just(Blow::Stop),
        4 => Just(Blow::Start),
        1 => Just(Blow::Freeze),
        3 => Just(Blow::Thaw),
        1 => Just(Blow::Reset),
        2 => (0..3u8, 0..3u8, 0..3u8)
            .prop_map(|(sessions, heartbeats, reports)| Blow::Managers { sessions, heartbeats, reports }),
        8 => (0..6_000u64).prop_map(|milliseconds| Blow::Pass { milliseconds }),
    ];
    prop::collection::vec(blow, 1..60)
}

/// Images of every kind, by number.
fn images() -> Images {
    let second = SimDuration::from_secs(1);
    let crasher = ImageProfile { exit: Some(Exit { code: 1, after: second }), ..Default::default() };
    let absent = ImageProfile { cached: false, ..Default::default() };
    let stubborn = ImageProfile { ignores_stop: true, ..Default::default() };
    let health = HealthBehaviour {
        healthy_after: second.times(3),
        unhealthy_after: Some(second.times(8)),
        hangs: true,
        check: Some(HealthConfig {
            test: vec!["CMD".to_owned()],
            interval: Some(second),
            ..HealthConfig::default()
        }),
    };
    let sick = ImageProfile { health, ..Default::default() };
    let profiles = [ImageProfile::default(), crasher, absent, stubborn, sick];
    let listed = profiles
        .into_iter()
        .enumerate()
        .map(|(number, profile)| (number.to_string(), ImageSetup { profile, on: BTreeMap::new() }));
    Images { listed: listed.collect(), ..Images::default() }
}

fn manner(number: u8) -> Manner {
    match number {
        0 => Manner::Yes,
        1 => Manner::Silent,
        _ => Manner::Fails(CallError::Status(Status::new(StatusCode::InvalidArgument, "session invalid"))),
    }
}

struct Storm {
    lab: Lab,
    /// What the manager has assigned.
    tasks: BTreeMap<TaskId, Arc<Task>>,
    created: u32,
    runs: bool,
}

impl Storm {
    fn new() -> Self {
        let mut storm =
            Storm { lab: Lab::with_images(images()), tasks: BTreeMap::new(), created: 0, runs: false };
        storm.strike(&Blow::Start);
        storm
    }

    fn strike(&mut self, blow: &Blow) {
        match blow {
            Blow::Assign { image, network, desired } => {
                let mut task = self.new_task(*image);
                task.desired_state = *desired;
                if *network {
                    let network = Arc::new(Network::new(NetworkId(1), NetworkSpec::default()));
                    task.networks.push(NetworkAttachment::to(network));
                }
                self.assign(task);
            }
            Blow::Update { task, desired } => {
                if let Some(mut task) = self.task(*task) {
                    task.desired_state = task.desired_state.max(*desired);
                    self.assign(task);
                }
            }
            Blow::Remove { task } => {
                if let Some(task) = self.task(*task) {
                    self.tasks.remove(&task.id);
                    self.lab.assign(false, vec![Assignment::Remove { task: task.id, cause: FactId(0) }]);
                }
            }
            Blow::Complete => self.assign_all(),
            Blow::KillTask { task } => {
                if let Some(task) = self.task(*task) {
                    self.lab.enter();
                    self.lab.agent.kill_task(task.id, &mut self.lab.out);
                }
            }
            Blow::Crash => self.end(|lab| lab.agent.power_off(&mut lab.out)),
            Blow::Kill { survive } => self.end(|lab| lab.agent.kill(*survive, &mut lab.out)),
            Blow::Stop => self.end(|lab| lab.agent.stop(&mut lab.out)),
            Blow::Start => {
                if !std::mem::replace(&mut self.runs, true) {
                    self.lab.enter();
                    self.lab.agent.start(&mut self.lab.out);
                }
            }
            Blow::Freeze => self.lab.freeze(),
            Blow::Thaw => self.lab.thaw(),
            Blow::Reset => {
                self.lab.enter();
                self.lab.agent.reset(HostId(1), &mut self.lab.out);
            }
            Blow::Managers { sessions, heartbeats, reports } => {
                self.lab.sessions = manner(*sessions);
                self.lab.heartbeats = manner(*heartbeats);
                self.lab.reports = manner(*reports);
            }
            Blow::Pass { milliseconds } => {
                self.lab.pass(SimDuration::from_millis(*milliseconds));
            }
        }
        self.lab.work();
    }

    fn new_task(&mut self, image: usize) -> Task {
        self.created += 1;
        let container = ContainerSpec { image: image.to_string(), ..ContainerSpec::default() };
        let spec = Arc::new(TaskSpec { container, ..TaskSpec::default() });
        let mut task = Task::new(TaskId(self.created), spec, SimTime::ZERO);
        task.status.state = TaskState::Assigned;
        (task.slot, task.node) = (Slot(self.created), Some(NodeId(HERE.0)));
        task
    }

    fn task(&self, number: usize) -> Option<Task> {
        self.tasks.values().nth(number).map(|task| (**task).clone())
    }

    fn assign(&mut self, task: Task) {
        let task = Arc::new(task);
        self.tasks.insert(task.id, Arc::clone(&task));
        self.lab.assign(false, vec![Assignment::Update { task, cause: FactId(0) }]);
    }

    fn assign_all(&mut self) {
        let update = |task: &Arc<Task>| Assignment::Update { task: Arc::clone(task), cause: FactId(0) };
        self.lab.assign(true, self.tasks.values().map(update).collect());
    }

    fn end(&mut self, how: impl FnOnce(&mut Lab)) {
        if std::mem::replace(&mut self.runs, false) {
            self.lab.enter();
            how(&mut self.lab);
            self.lab.process_ended();
        }
    }

    /// Everything works again and every task shall end.
    fn heal(&mut self) {
        self.strike(&Blow::Thaw);
        self.strike(&Blow::Managers { sessions: 0, heartbeats: 0, reports: 0 });
        self.strike(&Blow::Start);
        self.strike(&Blow::Reset);
        self.strike(&Blow::Pass { milliseconds: 60_000 });
        for task in self.tasks.values_mut() {
            Arc::make_mut(task).desired_state = TaskState::Remove;
        }
        self.assign_all();
        self.strike(&Blow::Pass { milliseconds: 60_000 });
    }
}

proptest! {
    #[test]
    fn after_a_storm_every_task_ends_and_is_reported(blows in blows()) {
        let run = || {
            let mut storm = Storm::new();
            blows.iter().for_each(|blow| storm.strike(blow));
            storm.heal();
            storm
        };
        let storm = run();
        let unfinished: BTreeSet<TaskId> = storm
            .tasks
            .keys()
            .copied()
            .filter(|task| storm.lab.reported.get(task).is_none_or(|status| !status.state.is_terminal()))
            .collect();
        prop_assert_eq!(unfinished, BTreeSet::new());
        prop_assert_eq!(storm.lab.state_hash(), run().lab.state_hash());
    }

    #[test]
    fn after_a_storm_a_node_without_tasks_has_no_container(blows in blows()) {
        let mut storm = Storm::new();
        blows.iter().for_each(|blow| storm.strike(blow));
        storm.tasks.clear();
        storm.heal();
        storm.lab.enter();
        storm.lab.agent.leave(&mut storm.lab.out);
        prop_assert!(storm.lab.agent.has_left());
    }
}
