//! The specs that services had at each time of a run.
//!
//! Facts carry numbers: what a service was like is looked up in the store when a fact says that it has changed. Who
//! asks later why requests failed needs what was in force then, and not what is at the end of the run.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::SimTime;
use crate::model::{Fact, FactRecord, Service, ServiceId, ServiceSpec};
use crate::store::Store;

/// The specs that all services have had.
#[derive(Clone, Debug, Default)]
pub struct SpecHistory(BTreeMap<ServiceId, Vec<Version>>);

/// What a service was like from some time on.
#[derive(Clone, Debug)]
struct Version {
    since: SimTime,
    /// None: it was removed.
    spec: Option<Arc<ServiceSpec>>,
}

/// What there was of a service at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence<'a> {
    /// Nothing yet.
    NotYet,
    /// It had this spec.
    Present(&'a ServiceSpec),
    /// It was removed before.
    Removed,
}

impl SpecHistory {
    /// Takes a fact in. `store` is asked only when a service appears or its spec changes.
    pub(super) fn learn<'a>(&mut self, record: &FactRecord, store: impl Fn() -> Option<&'a Store>) {
        let specify = |service: &Arc<Service>| (service.id, Some(Arc::clone(&service.spec)));
        if record.fact == Fact::Start {
            let services = store().into_iter().flat_map(Store::services).map(specify);
            services.for_each(|(service, spec)| self.change(service, record.time, spec));
        } else if let Fact::ServiceCreated { service } | Fact::ServiceUpdated { service } = record.fact {
            let stored = store().and_then(|store| store.service(service)).map(specify);
            stored.into_iter().for_each(|(service, spec)| self.change(service, record.time, spec));
        } else if let Fact::ServiceRemoved { service } = record.fact {
            self.change(service, record.time, None);
        }
    }

    fn change(&mut self, service: ServiceId, since: SimTime, spec: Option<Arc<ServiceSpec>>) {
        self.0.entry(service).or_default().push(Version { since, spec });
    }

    /// What there was at a time of the service that had a name last.
    #[must_use]
    pub fn at(&self, name: &str, time: SimTime) -> Existence<'_> {
        let latest = self.versions(name, time).last();
        latest.map_or(Existence::NotYet, |version| {
            version.spec.as_deref().map_or(Existence::Removed, Existence::Present)
        })
    }

    /// All specs up to a time of the service that had a name last, in order.
    pub fn until(&self, name: &str, time: SimTime) -> impl Iterator<Item = &ServiceSpec> {
        self.versions(name, time).filter_map(|version| version.spec.as_deref())
    }

    fn versions(&self, name: &str, time: SimTime) -> impl Iterator<Item = &Version> {
        let bears = |versions: &&Vec<Version>| {
            let first = versions.first().filter(|version| version.since <= time);
            first.and_then(|version| version.spec.as_ref()).is_some_and(|spec| spec.annotations.name == name)
        };
        let versions = self.0.values().rfind(bears).into_iter().flatten();
        versions.take_while(move |version| version.since <= time)
    }

    /// All services that existed at a time.
    pub fn present(&self, time: SimTime) -> impl Iterator<Item = &ServiceSpec> {
        self.0.values().filter_map(move |versions| {
            let latest = versions.iter().rfind(|version| version.since <= time)?;
            latest.spec.as_deref()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::SimDuration;
    use crate::model::FactId;

    fn replicas(existence: Existence<'_>) -> String {
        match existence {
            Existence::NotYet => "not yet".to_owned(),
            Existence::Present(spec) => format!("{:?}", spec.mode),
            Existence::Removed => "removed".to_owned(),
        }
    }

    #[test]
    fn each_time_has_the_spec_that_was_in_force_then() {
        let mut history = SpecHistory::default();
        let web = |replicas| Some(Arc::new(ServiceSpec::replicated("web", "web:1", replicas)));
        let seconds = SimTime::from_secs;
        history.change(ServiceId(0), seconds(1), web(1));
        history.change(ServiceId(0), seconds(2), web(2));
        history.learn(&record(3, Fact::ServiceRemoved { service: ServiceId(0) }), || None);
        history.change(ServiceId(1), seconds(4), web(4));
        let seen = [0, 1, 2, 3, 4, 5].map(|second| replicas(history.at("web", seconds(second))));
        assert_eq!(seen[0], "not yet");
        assert_eq!(seen[3], "removed");
        assert_eq!([1, 2, 4, 5].map(|place| seen[place].contains(&place.min(4).to_string())), [true; 4]);
        assert_eq!(history.at("other", seconds(5)), Existence::NotYet);
        assert_eq!(history.until("web", seconds(2)).count(), 2);
        assert_eq!([0, 2, 3, 5].map(|second| history.present(seconds(second)).count()), [0, 1, 0, 1]);
    }

    fn record(second: u64, fact: Fact) -> FactRecord {
        let time = SimTime::ZERO + SimDuration::from_secs(second);
        FactRecord { id: FactId(0), time, cause: FactId(0), commit: None, fact }
    }
}
