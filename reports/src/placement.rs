//! Why a task is where it is: the decisions about it as tables, or as JSON.
use serde_json::{Value, json};
use sim_core::metrics::Census;
use sim_core::model::explanation::{NodeExplanation, PlacementOutcome, WonBy};
use sim_core::model::{Explanation, NodeId, Subject, TaskId, TaskState};

use crate::text::{Text, Tone};
use crate::why::waits;
use crate::{Run, time};

/// Lines of a table of nodes that are shown; JSON has all.
const TABLE_LINES_MAX: usize = 60;
/// Replicas that are listed for somebody who asked for one that never was.
const NAMES_MAX: usize = 12;

/// What somebody wants to know about the placement of a task.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// Name of the task, such as `web.2`.
    pub task: &'a str,
    /// Explanations of the run. Those of other tasks are left out.
    pub decisions: &'a [Explanation],
}

impl<'a> Placement<'a> {
    /// The decisions about the task. Those that say the same as the one before come with it, as times.
    fn decisions(&self, census: &Census) -> Vec<(&'a Explanation, Vec<String>)> {
        let mut decisions: Vec<(&Explanation, Vec<String>)> = Vec::new();
        for decision in self.decisions.iter().filter(|one| census.task_name(one.task) == self.task) {
            let repeats = |one: &&mut (&Explanation, Vec<String>)| {
                Explanation { time: one.0.time, ..decision.clone() } == *one.0
            };
            match decisions.last_mut().filter(repeats) {
                Some((_, again)) => again.push(time::seconds(decision.time)),
                None => decisions.push((decision, Vec::new())),
            }
        }
        decisions
    }

    /// Where it would go at the end of the run. For a task that lacks what the allocator gives, no node is looked for.
    fn now(&self, run: &Run<'_>) -> Option<Explanation> {
        let (newest, state) = self.newest(run)?;
        if state < TaskState::Pending { None } else { run.view.explain_now(newest, run.recording.ended) }
    }

    /// What it waits for at the end of the run before a node is looked for.
    fn waits(&self, run: &Run<'_>) -> Vec<String> {
        let unallocated = self.newest(run).filter(|(_, state)| *state < TaskState::Pending);
        unallocated.map_or_else(Vec::new, |(task, _)| waits::now(Subject::Task(task), run))
    }

    fn newest(&self, run: &Run<'_>) -> Option<(TaskId, TaskState)> {
        let census = &run.recording.census;
        let live = census.tasks().filter(|(id, task)| !task.removed && census.task_name(*id) == self.task);
        live.map(|(id, task)| (id, task.state)).last()
    }
}

/// The section of a report.
pub(crate) fn placement_text(placement: &Placement<'_>, run: &Run<'_>) -> Text {
    let mut text = Text::new();
    let census = &run.recording.census;
    let decisions = placement.decisions(census);
    if decisions.is_empty() {
        text.plain(format!("  {}", without_decision(placement.task, census)));
        text.end_line();
    }
    for (decision, again) in decisions {
        text.push(Tone::Faint, format!("  {}", time::seconds(decision.time)));
        text.plain(format!("  {}", placement.task));
        text.append(block(decision, census));
        if !again.is_empty() {
            text.push(Tone::Faint, format!("    the same again at {}", again.join(", ")));
            text.end_line();
        }
        text.end_line();
    }
    for sentence in placement.waits(run) {
        text.push(Tone::Faint, format!("  {}", time::seconds(run.recording.ended)));
        text.plain(format!("  {sentence}"));
        text.end_line();
    }
    if let Some(now) = placement.now(run) {
        text.push(Tone::Faint, format!("  {}", time::seconds(now.time)));
        text.plain(format!("  {}, if it had to be placed at the end of the run:", placement.task));
        text.append(block(&now, census));
    }
    text
}

/// What was decided, and the table below it.
fn block(decision: &Explanation, census: &Census) -> Text {
    let mut text = Text::new();
    let name_of = |node| census.node_name(node);
    let tone = match decision.outcome {
        PlacementOutcome::Placed { .. } | PlacementOutcome::Confirmed { .. } => Tone::Good,
        PlacementOutcome::Refused { .. } => Tone::Bad,
    };
    text.push(tone, format!(" {}", decision.decision(name_of)));
    text.end_line();
    let table = decision.table(name_of);
    for line in table.lines().take(TABLE_LINES_MAX) {
        let tone = if line.starts_with('>') { Tone::Good } else { Tone::Plain };
        text.push(tone, format!("    {line}"));
        text.end_line();
    }
    let hidden = table.lines().count().saturating_sub(TABLE_LINES_MAX);
    if hidden > 0 {
        text.push(Tone::Faint, format!("    ... and {hidden} more nodes"));
        text.end_line();
    }
    text
}

/// Why there is nothing to explain.
fn without_decision(task: &str, census: &Census) -> String {
    if census.tasks().any(|(id, _)| census.task_name(id) == task) {
        return format!("The scheduler has not looked at {task} in this run.");
    }
    let service = task.split_once('.').map_or(task, |(service, _)| service);
    let mut names: Vec<String> = Vec::new();
    for (id, entry) in census.tasks() {
        let name = census.task_name(id);
        let is_of_service = entry.service.is_some_and(|id| census.service_name(id) == service);
        if is_of_service && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return format!("There never was a task {task}, so none was placed: {service} never had a task.");
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("There never was a task {task}, so none was placed. {service} had {}{more}.", names.join(", "))
}

/// The same as an object; null if nobody asked.
pub(crate) fn placement_json(placement: Option<&Placement<'_>>, run: &Run<'_>) -> Value {
    let Some(placement) = placement else { return Value::Null };
    let census = &run.recording.census;
    let decisions = placement.decisions.iter().filter(|one| census.task_name(one.task) == placement.task);
    json!({
        "task": placement.task,
        "decisions": decisions.map(|one| decision(one, census)).collect::<Vec<_>>(),
        "at_end": placement.now(run).map(|now| decision(&now, census)),
    })
}

fn decision(explanation: &Explanation, census: &Census) -> Value {
    let Explanation { task: _, service: _, slot: _, time, filters, levels, nodes, outcome } = explanation;
    json!({
        "time_ns": time.as_nanos(),
        "outcome": outcome_json(outcome, census),
        "nodes": nodes.iter().map(|node| node_json(node, filters, levels, census)).collect::<Vec<_>>(),
    })
}

fn outcome_json(outcome: &PlacementOutcome, census: &Census) -> Value {
    match outcome {
        PlacementOutcome::Placed { node, won_by } => {
            let (reason, against) = reason(*won_by);
            json!({
                "kind": "placed",
                "node": census.node_name(*node),
                "reason": reason,
                "against": against.map(|node| census.node_name(node)),
            })
        }
        PlacementOutcome::Confirmed { node } => {
            json!({ "kind": "confirmed", "node": census.node_name(*node) })
        }
        PlacementOutcome::Refused { err } => json!({ "kind": "refused", "error": err }),
    }
}

/// The reason as a word, and the next best node.
fn reason(won_by: WonBy) -> (&'static str, Option<NodeId>) {
    match won_by {
        WonBy::OnlyNode => ("only-node", None),
        WonBy::OnlyNodeOfBranch => ("only-node-of-branch", None),
        WonBy::FewerFailures(other) => ("fewer-failures", Some(other)),
        WonBy::FewerTasksOfService(other) => ("fewer-tasks-of-service", Some(other)),
        WonBy::FewerTasks(other) => ("fewer-tasks", Some(other)),
        WonBy::Tie(other) => ("tie", Some(other)),
        WonBy::OrderOfGroup(other) => ("order-of-group", Some(other)),
        WonBy::ClassicStrategy => ("classic-strategy", None),
    }
}

fn node_json(
    explained: &NodeExplanation,
    filters: &[&'static str],
    levels: &[String],
    census: &Census,
) -> Value {
    let NodeExplanation { node, verdicts, recent_failures, ranked_failures, tasks_of_service, tasks, branch } =
        explained;
    let verdicts = filters.iter().zip(verdicts).map(
        |(filter, verdict)| json!({ "filter": filter, "passes": verdict.passes, "detail": verdict.detail }),
    );
    let branches = levels.iter().zip(branch).map(
        |(level, (value, tasks))| json!({ "preference": level, "value": value, "tasks_of_service": tasks }),
    );
    json!({
        "node": census.node_name(*node),
        "passes": explained.passes(),
        "filters": verdicts.collect::<Vec<_>>(),
        "rank": [ranked_failures, tasks_of_service, tasks],
        "recent_failures": recent_failures,
        "tasks_of_service": tasks_of_service,
        "tasks": tasks,
        "branches": branches.collect::<Vec<_>>(),
    })
}
