//! What a replay gave, in the facts that recordings are compared by.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sim_core::model::TaskState;

use super::case::Given;
use super::journal::{Journal, Place, TaskLife};
use super::replay::Observed;

/// Facts of a service by name, as they stand in recordings.
pub(super) type Facts = BTreeMap<String, Value>;

type Counts = BTreeMap<String, u64>;

/// The facts of all services.
pub(super) fn facts(given: &Given, observed: &Observed) -> BTreeMap<String, Facts> {
    let journal = &observed.journal;
    let with_tasks = journal.tasks.values().map(|task| &task.service);
    let services: BTreeSet<&String> = with_tasks.chain(journal.spec_images.keys()).collect();
    services.into_iter().map(|name| (name.clone(), facts_of(name, given, observed))).collect()
}

fn facts_of(service: &str, given: &Given, observed: &Observed) -> Facts {
    let journal = &observed.journal;
    let all: Vec<&TaskLife> = journal.tasks.values().filter(|task| task.service == service).collect();
    let left: Vec<&TaskLife> = all.iter().copied().filter(|task| !task.is_removed).collect();
    let running =
        |task: &&&TaskLife| task.observed == TaskState::Running && task.desired <= TaskState::Complete;
    let running: Vec<&TaskLife> = left.iter().filter(running).copied().collect();
    let on_node = count(running.iter().filter_map(|task| task.node.clone()));
    let by_slot = count(left.iter().map(|task| task.place.to_string()));
    let series = running_series(service, journal);
    let updates = || journal.updates.iter().filter(|row| row.service == service);
    let first = first_running(&all);
    let mut facts = Facts::new();
    let mut fact = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    fact("update_states", updates().map(|row| json!(row.state)).collect());
    fact(
        "update_timed",
        updates().map(|row| json!({"t": row.at_ms, "state": row.state, "msg": cut(&row.message)})).collect(),
    );
    fact("created", json!(all.len()));
    fact("created_by_image", json!(count(all.iter().map(|task| task.image.clone()))));
    fact("removed", json!(all.len() - left.len()));
    fact("remaining", json!(count(left.iter().map(|task| task.summary()))));
    fact("final_running", json!(count(running.iter().map(|task| task.image.clone()))));
    fact("final_nodes_sorted", json!(descending(&on_node)));
    fact("final_on_node", json!(on_node));
    fact("history_sorted", json!(descending(&by_slot)));
    fact("history_by_slot", json!(by_slot));
    let ended = all.iter().filter(|task| task.observed.is_terminal());
    fact("ever_state", json!(count(ended.map(|task| task.observed.name().to_owned()))));
    fact("running_series", series.iter().map(|(t, n)| json!({"t": t, "n": n})).collect());
    fact("running_sequence", series.iter().map(|(_, n)| json!(n)).collect());
    let timed = |batches: &BTreeMap<u64, u64>| -> Value {
        batches.iter().map(|(t, n)| json!({"t": t, "n": n})).collect()
    };
    fact("first_running", first.iter().map(|(image, batches)| (image.clone(), timed(batches))).collect());
    let sizes = |batches: &BTreeMap<u64, u64>| -> Value { batches.values().copied().collect() };
    fact(
        "first_running_batches",
        first.iter().map(|(image, batches)| (image.clone(), sizes(batches))).collect(),
    );
    fact("windows", windows(given, &series));
    fact("final_tasks", final_tasks(&left));
    fact("final_spec_image", json!(journal.spec_images.get(service).map_or("", String::as_str)));
    facts
}

/// Tasks observed RUNNING by image, whenever that changed.
fn running_series(service: &str, journal: &Journal) -> Vec<(u64, Counts)> {
    let mut running: BTreeMap<_, &str> = BTreeMap::new();
    let mut series: Vec<(u64, Counts)> = Vec::new();
    let rows: Vec<_> =
        journal.rows.iter().filter(|row| journal.tasks[&row.task].service == service).collect();
    for instant in rows.chunk_by(|one, other| one.at_ms == other.at_ms) {
        for row in instant {
            if row.observed == Some(TaskState::Running) {
                running.insert(row.task, &journal.tasks[&row.task].image);
            } else {
                running.remove(&row.task);
            }
        }
        let counts = count(running.values().map(|image| (*image).to_owned()));
        if series.is_empty() {
            series.push((instant[0].at_ms, Counts::new()));
        }
        if series.last().is_some_and(|(_, last)| *last != counts) {
            series.push((instant[0].at_ms, counts));
        }
    }
    series
}

/// For each image how many tasks ran for the first time, and when.
fn first_running(tasks: &[&TaskLife]) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut first: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    for task in tasks {
        if let Some(at_ms) = task.ran_at_ms {
            *first.entry(task.image.clone()).or_default().entry(at_ms).or_default() += 1;
        }
    }
    first
}

/// Least and greatest number of running tasks between two events of the timeline.
fn windows(given: &Given, series: &[(u64, Counts)]) -> Value {
    let mut times: Vec<u64> = given.timeline.iter().map(|event| event.at_ms).collect();
    times.push(given.end_ms);
    times.dedup();
    let total = |counts: &Counts| counts.values().sum::<u64>();
    let in_force =
        |at: u64| series.iter().rev().find(|(t, _)| *t <= at).map_or(0, |(_, counts)| total(counts));
    let stretches = times.windows(2).map(|stretch| {
        let (from, to) = (stretch[0], stretch[1]);
        let inside = series.iter().filter(|(t, _)| (from..=to).contains(t)).map(|(_, counts)| total(counts));
        let totals: Vec<u64> = inside.chain([in_force(from)]).collect();
        json!({"from": from, "to": to, "min": totals.iter().min(), "max": totals.iter().max()})
    });
    stretches.collect()
}

fn final_tasks(left: &[&TaskLife]) -> Value {
    let mut tasks = left.to_vec();
    tasks.sort_by_key(|task| (task.place.clone(), task.ordinal));
    let entries = tasks.into_iter().map(|task| {
        let mut entry = json!({
            "slot": task.place.to_value(),
            "ord": task.ordinal,
            "desired": task.desired.name(),
            "state": task.observed.name(),
            "image": task.image,
        });
        if !task.err.is_empty() {
            entry["err"] = json!(task.err);
        }
        entry
    });
    entries.collect()
}

fn count(keys: impl Iterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn descending(counts: &Counts) -> Vec<u64> {
    let mut sorted: Vec<u64> = counts.values().copied().collect();
    sorted.sort_by_key(|count| std::cmp::Reverse(*count));
    sorted
}

/// A message without the id of a task at its end.
fn cut(message: &str) -> &str {
    const BEFORE_ID: &str = " of task";
    message.find(BEFORE_ID).map_or(message, |place| &message[..place + BEFORE_ID.len()])
}

impl TaskLife {
    fn summary(&self) -> String {
        format!("{}/{}/{}", self.desired.name(), self.observed.name(), self.image)
    }
}

impl Place {
    pub(super) fn to_value(&self) -> Value {
        match self {
            Place::Slot(number) => json!(number),
            Place::Node(name) => json!(name),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Slot(number) => number.fmt(f),
            Place::Node(name) => name.fmt(f),
        }
    }
}
