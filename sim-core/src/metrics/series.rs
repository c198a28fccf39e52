//! A number per service that is sampled whenever it may have changed.
use super::{Label, Reading, Scene};
use crate::kernel::SimTime;
use crate::model::{IdMap, ServiceId};

/// The histories of one number.
#[derive(Debug, Default)]
pub(super) struct ServiceSeries {
    histories: IdMap<ServiceId, Vec<(SimTime, u64)>>,
}

impl ServiceSeries {
    /// Looks at the services that were touched at this instant.
    pub(super) fn sample(
        &mut self,
        time: SimTime,
        scene: Scene<'_>,
        value: impl Fn(&super::ServiceEntry) -> u64,
    ) {
        for id in scene.census.touched() {
            let Some(service) = scene.census.service(id) else { continue };
            let (history, value) = (self.histories.get_or_insert_with(id, Vec::new), value(service));
            if history.last().is_none_or(|(_, last)| *last != value) {
                history.push((time, value));
            }
        }
    }

    /// The last value of every service, with its history.
    pub(super) fn read(&self) -> Vec<Reading> {
        let reading = |(id, history): (ServiceId, &Vec<(SimTime, u64)>)| Reading {
            labels: vec![Label::Service(id)],
            value: history.last().map(|(_, value)| *value),
            history: history.clone(),
        };
        self.histories.iter().map(reading).collect()
    }
}
