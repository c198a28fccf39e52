//! `cluster.settings`: numbers that hold for the whole cluster.
use sim_core::kernel::SimDuration;
use sim_core::model::HEARTBEAT_EPSILON;
use sim_core::model::setup::{ImageProfile, PlacementStrategy, Settings, Ties};

use super::reader::{Pointer, Reader};
use crate::error::{Location, Problem};
use crate::file::SettingsFile;

/// The settings, and how images behave that say nothing about themselves.
#[derive(Debug, Default)]
pub(super) struct ResolvedSettings {
    pub(super) settings: Settings,
    pub(super) image: ImageProfile,
}

pub(super) fn resolve(reader: &mut Reader<'_>, file: Option<&SettingsFile>) -> ResolvedSettings {
    let mut resolved = ResolvedSettings::default();
    let Some(file) = file else { return resolved };
    let pointer = Pointer::default().key("cluster").key("settings");
    let ResolvedSettings { settings, image } = &mut resolved;
    let mut positive = |text, key, target: &mut SimDuration| {
        set(target, reader.given(text, &pointer.key(key), Reader::positive_duration));
    };
    positive(file.call_limit.as_ref(), "call_limit", &mut settings.call_limit);
    let period = reader.given(file.heartbeat.as_ref(), &pointer.key("heartbeat"), heartbeat);
    set(&mut settings.cluster.heartbeat_period, period);
    let mut duration = |text, key, target: &mut SimDuration| {
        set(target, reader.given(text, &pointer.key(key), Reader::duration));
    };
    duration(file.latency.as_ref(), "latency", &mut settings.latency_same_zone);
    let between = &mut settings.latency_between_zones;
    duration(file.latency_between_zones.as_ref(), "latency_between_zones", between);
    duration(file.pull.as_ref(), "pull", &mut image.pull);
    duration(file.prepare.as_ref(), "prepare", &mut image.prepare);
    duration(file.start.as_ref(), "start", &mut image.start);
    duration(file.stop.as_ref(), "stop", &mut image.stop);
    let history = reader.given(file.history.as_ref(), &pointer.key("history"), history);
    set(&mut settings.cluster.task_history_retention_limit, history);
    let interval = reader.given(
        file.snapshot_interval.as_ref(),
        &pointer.key("snapshot_interval"),
        |reader, text, at| reader.number(text, at, "number of entries between snapshots", u64::MAX),
    );
    set(&mut settings.cluster.raft.snapshot_interval, interval);
    let kept = reader.given(
        file.slow_follower_entries.as_ref(),
        &pointer.key("slow_follower_entries"),
        |reader, text, at| reader.number(text, at, "number of entries kept behind a snapshot", u64::MAX),
    );
    set(&mut settings.cluster.raft.log_entries_for_slow_followers, kept);
    let ties = reader.given(file.ties.as_ref(), &pointer.key("ties"), |reader, text, at| {
        reader.word(text, at, "rule for ties", &[("by-id", Ties::ById), ("seeded", Ties::Seeded)])
    });
    set(&mut settings.ties, ties);
    set(&mut settings.scheduler, reader.given(file.scheduler.as_ref(), &pointer.key("scheduler"), scheduler));
    persist(reader, file, &pointer.key("persist"), settings);
    resolved
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// A period that stays longer than nothing, by however much the dispatcher draws it shorter.
fn heartbeat(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<SimDuration> {
    let period = reader.positive_duration(text, at)?;
    if period <= HEARTBEAT_EPSILON {
        let problem = Problem::Contradiction("there would be no time between two heartbeats");
        let help =
            format!("the dispatcher draws each period up to {HEARTBEAT_EPSILON} shorter: write a longer one");
        reader.fail(at.clone(), problem, help);
        return None;
    }
    Some(period)
}

/// Tasks kept per slot; negative: all.
fn history(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<i64> {
    let number = text.parse().ok();
    if number.is_none() {
        let problem = Problem::Invalid { what: "number of tasks", text: text.to_owned() };
        reader.fail(at.clone(), problem, "write a whole number; a negative one keeps all tasks");
    }
    number
}

fn scheduler(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<PlacementStrategy> {
    let words = [
        ("swarmkit", PlacementStrategy::Swarmkit),
        ("classic-spread", PlacementStrategy::ClassicSpread),
        ("classic-binpack", PlacementStrategy::ClassicBinpack),
        ("classic-random", PlacementStrategy::ClassicRandom),
    ];
    reader.word(text, at, "scheduler", &words)
}

/// `persist: [0.5ms, 1.5ms]`: shortest and longest time.
fn persist(reader: &mut Reader<'_>, file: &SettingsFile, pointer: &Pointer, settings: &mut Settings) {
    let Some(list) = &file.persist else { return };
    let at = reader.place(list.referenced, pointer);
    let [min, max] = list.value.as_slice() else {
        let problem = Problem::WrongShape { expected: "a list of two durations".to_owned() };
        reader.fail(at, problem, "write the shortest and the longest time, such as `[0.5ms, 1.5ms]`");
        return;
    };
    let min = reader.given(Some(min), pointer, Reader::duration);
    let max = reader.given(Some(max), pointer, Reader::duration);
    if let (Some(min), Some(max)) = (min, max) {
        if min > max {
            reader.fail(at, Problem::EmptyInterval, "write the shortest time first");
        }
        (settings.persist_min, settings.persist_max) = (min, max);
    }
}
