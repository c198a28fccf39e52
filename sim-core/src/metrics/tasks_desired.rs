//! How many tasks of a service shall run.
use super::series::ServiceSeries;
use super::{Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;

pub(super) const KIND: MetricKind = MetricKind {
    name: "tasks_desired",
    meaning: "Tasks of the service that shall run; 0 once it is removed.",
    make: || Box::new(TasksDesired::default()),
};

#[derive(Debug, Default)]
struct TasksDesired(ServiceSeries);

impl Metric for TasksDesired {
    fn instant_over(&mut self, time: SimTime, scene: Scene<'_>) {
        self.0.sample(time, scene, |service| service.desired());
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        self.0.read()
    }
}
