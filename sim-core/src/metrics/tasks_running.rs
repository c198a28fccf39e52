//! How many tasks of a service run as wanted.
use super::series::ServiceSeries;
use super::{Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;

pub(super) const KIND: MetricKind = MetricKind {
    name: "tasks_running",
    meaning: "Tasks of the service that run and shall run, as far as the managers know.",
    make: || Box::new(TasksRunning::default()),
};

#[derive(Debug, Default)]
struct TasksRunning(ServiceSeries);

impl Metric for TasksRunning {
    fn instant_over(&mut self, time: SimTime, scene: Scene<'_>) {
        self.0.sample(time, scene, |service| service.counts.running);
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        self.0.read()
    }
}
