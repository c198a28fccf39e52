//! How many tasks of a service failed.
use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;
use crate::model::{Fact, FactRecord, IdMap, ServiceId, TaskState};

pub(super) const KIND: MetricKind = MetricKind {
    name: "task_failures_total",
    meaning: "Tasks of the service that ended FAILED or REJECTED.",
    make: || Box::new(TaskFailures::default()),
};

#[derive(Debug, Default)]
struct TaskFailures(IdMap<ServiceId, u64>);

impl Metric for TaskFailures {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        if let Fact::ServiceCreated { service } = record.fact {
            self.0.insert(service, 0);
        }
        let Fact::TaskState { task, from, to, .. } = record.fact else { return };
        let failed = |state| matches!(state, TaskState::Failed | TaskState::Rejected);
        let service = scene.census.task(task).and_then(|task| task.service);
        if let (Some(service), false, true) = (service, failed(from), failed(to)) {
            *self.0.get_or_insert_with(service, || 0) += 1;
        }
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        self.0.iter().map(|(service, count)| Reading::new(vec![Label::Service(service)], *count)).collect()
    }
}
