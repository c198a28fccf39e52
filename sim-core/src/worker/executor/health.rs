//! When a container becomes healthy or unhealthy.
//!
//! The engine's checks follow a fixed rhythm and the program's answers are given by its image, so the moments are
//! computed and only they become events: a healthy container costs nothing. A check that passes is answered at
//! once; one that fails does so at once, or takes its time-out if the program hangs. The next interval begins when a
//! check is over.
use crate::kernel::SimDuration;
use crate::model::setup::HealthBehaviour;
use crate::model::spec::HealthConfig;

const INTERVAL_DEFAULT: SimDuration = SimDuration::from_secs(30);
const START_INTERVAL_DEFAULT: SimDuration = SimDuration::from_secs(5);
const TIMEOUT_DEFAULT: SimDuration = SimDuration::from_secs(30);
const RETRIES_DEFAULT: u32 = 3;

/// What the engine finds out about a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Healthy,
    Unhealthy,
}

/// A health check with all defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HealthCheck {
    pub(super) interval: SimDuration,
    timeout: SimDuration,
    start_interval: SimDuration,
    start_period: SimDuration,
    retries: u32,
}

impl HealthCheck {
    /// The check of a container: what the service says, and else what its image says. `NONE` switches it off.
    pub(super) fn of(service: Option<&HealthConfig>, image: Option<&HealthConfig>) -> Option<Self> {
        let (service, image) = (service.cloned().unwrap_or_default(), image.cloned().unwrap_or_default());
        let test = if service.test.is_empty() { &image.test } else { &service.test };
        if test.first().is_none_or(|kind| kind == "NONE") {
            return None;
        }
        let given = |span: Option<SimDuration>| span.filter(|span| !span.is_zero());
        let either = |one: Option<SimDuration>, other| given(one).or(given(other));
        let retries = [service.retries, image.retries].into_iter().find(|retries| *retries > 0);
        Some(HealthCheck {
            interval: either(service.interval, image.interval).unwrap_or(INTERVAL_DEFAULT),
            timeout: either(service.timeout, image.timeout).unwrap_or(TIMEOUT_DEFAULT),
            start_interval: either(service.start_interval, image.start_interval)
                .unwrap_or(START_INTERVAL_DEFAULT),
            start_period: either(service.start_period, image.start_period).unwrap_or_default(),
            retries: retries.unwrap_or(RETRIES_DEFAULT),
        })
    }

    /// The first verdict on a container, and the time from its start to it.
    ///
    /// Checks come more often in the start period, and their failures count only after it.
    pub(super) fn first_verdict(&self, behaviour: &HealthBehaviour) -> (SimDuration, Verdict) {
        let mut age = SimDuration::ZERO;
        let mut failures = 0;
        loop {
            age = age + if age < self.start_period { self.start_interval } else { self.interval };
            if passes(behaviour, age) {
                return (age, Verdict::Healthy);
            }
            failures += u32::from(age >= self.start_period);
            age = age + self.failure(behaviour);
            if failures == self.retries {
                return (age, Verdict::Unhealthy);
            }
        }
    }

    /// The age at which a container that became healthy at the age `since` becomes unhealthy, if it ever does.
    pub(super) fn decline(&self, behaviour: &HealthBehaviour, since: SimDuration) -> Option<SimDuration> {
        let failing = behaviour.unhealthy_after?;
        let healthy = failing.saturating_sub(since).as_nanos();
        let first = healthy.div_ceil(self.interval.as_nanos()).max(1);
        let (further, failure) = (u64::from(self.retries) - 1, self.failure(behaviour));
        Some(since + self.interval.times(first) + failure + (self.interval + failure).times(further))
    }

    /// How long a check takes that fails.
    fn failure(&self, behaviour: &HealthBehaviour) -> SimDuration {
        if behaviour.hangs { self.timeout } else { SimDuration::ZERO }
    }
}

fn passes(behaviour: &HealthBehaviour, age: SimDuration) -> bool {
    let HealthBehaviour { healthy_after, unhealthy_after, .. } = behaviour;
    age >= *healthy_after && unhealthy_after.is_none_or(|failing| age < failing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: SimDuration = SimDuration::from_secs(1);

    fn config(test: &str) -> HealthConfig {
        HealthConfig { test: vec![test.to_owned(), "probe".to_owned()], ..HealthConfig::default() }
    }

    fn behaviour(healthy_after: u64, unhealthy_after: Option<u64>) -> HealthBehaviour {
        HealthBehaviour {
            healthy_after: SECOND.times(healthy_after),
            unhealthy_after: unhealthy_after.map(|seconds| SECOND.times(seconds)),
            hangs: false,
            check: None,
        }
    }

    fn check(interval: u64, start_period: u64, start_interval: u64) -> HealthCheck {
        let span = |seconds| Some(SECOND.times(seconds));
        let config = HealthConfig {
            interval: span(interval),
            start_period: span(start_period),
            start_interval: span(start_interval),
            ..config("CMD")
        };
        HealthCheck::of(Some(&config), None).unwrap()
    }

    #[test]
    fn the_service_overrides_the_image_and_none_switches_off() {
        assert_eq!(HealthCheck::of(None, None), None);
        assert_eq!(HealthCheck::of(Some(&config("NONE")), Some(&config("CMD"))), None);
        let image = HealthConfig { interval: Some(SECOND.times(7)), retries: 5, ..config("CMD") };
        let service = HealthConfig { retries: 2, ..HealthConfig::default() };
        let merged = HealthCheck::of(Some(&service), Some(&image)).unwrap();
        assert_eq!((merged.interval, merged.retries), (SECOND.times(7), 2));
    }

    #[test]
    fn the_first_check_comes_one_interval_after_the_start() {
        let defaults = HealthCheck::of(Some(&config("CMD")), None).unwrap();
        assert_eq!(defaults.first_verdict(&behaviour(0, None)), (SECOND.times(30), Verdict::Healthy));
        assert_eq!(check(3, 0, 0).first_verdict(&behaviour(12, None)), (SECOND.times(9), Verdict::Unhealthy));
        assert_eq!(check(5, 0, 0).first_verdict(&behaviour(12, None)), (SECOND.times(15), Verdict::Healthy));
    }

    #[test]
    fn failures_in_the_start_period_do_not_count() {
        let check = check(10, 20, 2);
        assert_eq!(check.first_verdict(&behaviour(13, None)), (SECOND.times(14), Verdict::Healthy));
        // The checks at 20 s, 30 s and 40 s count.
        assert_eq!(check.first_verdict(&behaviour(100, None)), (SECOND.times(40), Verdict::Unhealthy));
    }

    #[test]
    fn a_check_of_a_program_that_hangs_fails_after_its_timeout() {
        let timeout = Some(SECOND.times(2));
        let config = HealthConfig { interval: Some(SECOND.times(5)), timeout, ..config("CMD") };
        let check = HealthCheck::of(Some(&config), None).unwrap();
        let hanging = |healthy_after, unhealthy_after| HealthBehaviour {
            hangs: true,
            ..behaviour(healthy_after, unhealthy_after)
        };
        // Checks begin at 5 s, 12 s and 19 s, and each takes 2 s.
        assert_eq!(check.first_verdict(&hanging(100, None)), (SECOND.times(21), Verdict::Unhealthy));
        assert_eq!(check.decline(&hanging(0, Some(60)), SECOND.times(5)), Some(SECOND.times(76)));
    }

    #[test]
    fn the_last_of_so_many_failures_in_a_row_makes_a_container_unhealthy() {
        let check = check(5, 0, 0);
        let declines = |failing| check.decline(&behaviour(0, failing), SECOND.times(5));
        assert_eq!(declines(None), None);
        // It hangs at 60 s: the checks at 60 s, 65 s and 70 s fail.
        assert_eq!(declines(Some(60)), Some(SECOND.times(70)));
        assert_eq!(declines(Some(61)), Some(SECOND.times(75)));
        assert_eq!(declines(Some(0)), Some(SECOND.times(20)));
    }
}
