//! Explanations as tables for people: a line a node, the ones that could have got the task first.
use std::fmt::Write as _;

use super::{Explanation, NodeExplanation, PlacementOutcome, WonBy};
use crate::model::NodeId;

/// Columns before those of preferences and filters.
const RANK_COLUMNS: [&str; 4] = ["NODE", "FAILURES", "OF SERVICE", "IN ALL"];
/// Spaces between two columns.
const GAP: usize = 2;

impl Explanation {
    /// Everything: when, the table, and what was decided.
    #[must_use]
    pub fn text(&self, name_of: impl Fn(NodeId) -> String) -> String {
        let Explanation { service, slot, time, .. } = self;
        let mut text = format!("{service}.{} at {time}\n", slot.0);
        for line in self.table(&name_of).lines() {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  {}", self.decision(&name_of));
        text
    }

    /// A line a node: recent failures of this version of the service, its active tasks, all active tasks, then
    /// the branch of each preference and the verdict of each filter. The nodes that pass all filters come
    /// first, best rank first; `>` marks the one that got the task.
    #[must_use]
    pub fn table(&self, name_of: impl Fn(NodeId) -> String) -> String {
        let chosen = match self.outcome {
            PlacementOutcome::Placed { node, .. } | PlacementOutcome::Confirmed { node } => Some(node),
            PlacementOutcome::Refused { .. } => None,
        };
        let mut rows = vec![self.headers()];
        for node in self.by_rank() {
            let mark = if Some(node.node) == chosen { ">" } else { " " };
            rows.push(node.cells(format!("{mark} {}", name_of(node.node))));
        }
        aligned(&rows)
    }

    /// What was decided, and why: `goes to w1: fewer tasks of the service than w2`.
    #[must_use]
    pub fn decision(&self, name_of: impl Fn(NodeId) -> String) -> String {
        match &self.outcome {
            PlacementOutcome::Placed { node, won_by } => {
                format!("goes to {}: {}", name_of(*node), won_by.text(&name_of))
            }
            PlacementOutcome::Confirmed { node } => {
                format!("goes to {}, the node that it came with", name_of(*node))
            }
            PlacementOutcome::Refused { err } => format!("waits: {err}"),
        }
    }

    fn headers(&self) -> Vec<String> {
        let mut headers: Vec<String> = RANK_COLUMNS.map(str::to_owned).into();
        headers[0] = format!("  {}", headers[0]);
        headers.extend(self.levels.iter().cloned());
        headers.extend(self.filters.iter().map(|filter| filter.to_uppercase()));
        headers
    }

    /// The nodes in the order in which the scheduler prefers them, those that fail a filter behind.
    fn by_rank(&self) -> Vec<&NodeExplanation> {
        let mut nodes: Vec<&NodeExplanation> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| {
            (!node.passes(), node.ranked_failures, node.tasks_of_service, node.tasks, node.node)
        });
        nodes
    }
}

impl NodeExplanation {
    fn cells(&self, name: String) -> Vec<String> {
        let NodeExplanation { recent_failures, tasks_of_service, tasks, branch, verdicts, .. } = self;
        let mut cells = vec![name];
        cells.extend([*recent_failures, *tasks_of_service, *tasks].map(|count| count.to_string()));
        cells.extend(branch.iter().map(|(value, tasks)| match value.as_str() {
            "" => format!("(none): {tasks}"),
            value => format!("{value}: {tasks}"),
        }));
        cells.extend(verdicts.iter().map(|verdict| {
            let word = if verdict.passes { "ok" } else { "FAILS" };
            format!("{word}: {}", verdict.detail)
        }));
        cells
    }
}

impl WonBy {
    fn text(self, name_of: impl Fn(NodeId) -> String) -> String {
        match self {
            WonBy::OnlyNode => "no other node passes the filters".to_owned(),
            WonBy::OnlyNodeOfBranch => {
                "its branch was to get a task and has no other node that passes the filters".to_owned()
            }
            WonBy::FewerFailures(other) => format!("fewer recent failures than {}", name_of(other)),
            WonBy::FewerTasksOfService(other) => {
                format!("fewer tasks of the service than {}", name_of(other))
            }
            WonBy::FewerTasks(other) => {
                format!("as many tasks of the service as {}, fewer in all", name_of(other))
            }
            WonBy::Tie(other) => format!("a tie with {}", name_of(other)),
            WonBy::OrderOfGroup(other) => {
                format!("its turn in the order of the group, although {} has fewer tasks now", name_of(other))
            }
            WonBy::ClassicStrategy => "first by the strategy of standalone Swarm".to_owned(),
        }
    }
}

/// Rows of equal length as lines; the last column is not padded.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
