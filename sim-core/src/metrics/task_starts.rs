//! How many tasks of a service began to run.
use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;
use crate::model::{Fact, FactRecord, IdMap, ServiceId, TaskState};

pub(super) const KIND: MetricKind = MetricKind {
    name: "task_starts_total",
    meaning: "Tasks of the service that reached RUNNING.",
    make: || Box::new(TaskStarts::default()),
};

#[derive(Debug, Default)]
struct TaskStarts(IdMap<ServiceId, u64>);

impl Metric for TaskStarts {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        if let Fact::ServiceCreated { service } = record.fact {
            self.0.insert(service, 0);
        }
        let Fact::TaskState { task, from, to: TaskState::Running, .. } = record.fact else { return };
        let service = scene.census.task(task).and_then(|task| task.service);
        if let (Some(service), true) = (service, from < TaskState::Running) {
            *self.0.get_or_insert_with(service, || 0) += 1;
        }
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        self.0.iter().map(|(service, count)| Reading::new(vec![Label::Service(service)], *count)).collect()
    }
}
