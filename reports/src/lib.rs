//! What a run looks like from outside: a story, tables, JSON, CSV and charts, all as texts.
//!
//! Nothing here touches a file or a terminal, and nothing knows scenario files: whoever ran the simulation hands over
//! a [`Run`]. Equal runs give equal bytes. The words of the story are in `words`, the selection and grouping of what
//! is worth telling in `story`.
mod backends;
mod causes;
mod charts;
mod csv;
mod json;
mod losses;
mod placement;
mod raft;
mod run;
mod story;
mod strikes;
mod summary;
mod text;
mod time;
mod trace;
mod traffic;
mod updates;
mod why;
mod words;

#[cfg(test)]
mod tests;

pub use charts::{CHARTS, ChartKind, CostChart, CostCurve, CostPanel};
pub use csv::metrics_csv;
pub use json::{metrics_json, run_json};
pub use placement::Placement;
pub use raft::{RaftHistory, RaftView};
pub use run::{Expectation, Run, ScenarioInfo, Verdict};
pub use story::story;
pub use summary::{counted, expectation_lines, metrics_table, report};
pub use text::{Text, Tone};
pub use trace::{trace_header, trace_line};
pub use why::{Answer, UnknownSubject, why};
