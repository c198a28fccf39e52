//! `swarm-sim run`: one scenario, told as a story or as JSON.
use std::path::Path;

use reports::{
    CHARTS, Placement, RaftHistory, RaftView, Run, ScenarioInfo, metrics_csv, metrics_json, report, run_json,
    trace_header, trace_line,
};
use scenarios::runner::{Outcome, RunOptions, Spectator};
use scenarios::{NoSuchTask, Scenario};
use sim_core::View;
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{ExplainWish, FactRecord};
use sim_core::record::Keep;

use super::{describe, expectations, load, simulate};
use crate::arguments::{Format, RunArguments};
use crate::failure::Failure;
use crate::files::{NewFile, check_report, check_trace, remove, write};
use crate::progress::RunBar;
use crate::{Verdict, output};

const METRICS_JSON: &str = "metrics.json";
const METRICS_CSV: &str = "metrics.csv";

pub(crate) fn run(arguments: &RunArguments) -> Result<Verdict, Failure> {
    if let Some(path) = &arguments.trace {
        check_trace(path, arguments.force)?;
    }
    if let Some(folder) = &arguments.report {
        check_report(folder, &report_names(), arguments.force)?;
    }
    let (source, scenario) = load(&arguments.selection)?;
    let explain = match &arguments.explain {
        Some(task) => Some(explain_wish(&scenario, task)?),
        None => None,
    };
    let info = describe(&scenario, &source.label);
    let trace = match &arguments.trace {
        Some(path) => Some(NewFile::create(path)?),
        None => None,
    };
    let raft = arguments.raft.then(RaftView::default);
    let mut watcher = Watcher { trace, raft, bar: RunBar::new(scenario.setup.until) };
    watcher.write_line(|| trace_header(&info));
    let RunArguments { check, .. } = *arguments;
    let options = RunOptions { keep: Keep::Facts, check, hash_every_second: check, explain };
    let outcome = simulate(&scenario, &source.label, options, &mut watcher)?;
    let simulation = &outcome.simulation;
    let raft = watcher.finish()?.map(|raft| raft.finish(simulation.now(), simulation.view()));
    publish(arguments, &info, &outcome, raft.as_ref())?;
    Ok(if outcome.passed() { Verdict::Passed } else { Verdict::Failed })
}

/// What is to be explained. A task that no run of the scenario can have is a mistake.
fn explain_wish(scenario: &Scenario, task: &str) -> Result<ExplainWish, Failure> {
    scenario.explain_wish(task).map_err(|NoSuchTask { problem, help }| Failure::refused(problem, help))
}

/// Prints the result and writes the report.
fn publish(
    arguments: &RunArguments,
    info: &ScenarioInfo,
    outcome: &Outcome,
    raft: Option<&RaftHistory>,
) -> Result<(), Failure> {
    let expectations = expectations(outcome);
    let run = Run {
        scenario: info,
        recording: &outcome.recording,
        view: outcome.simulation.view(),
        trace_hash: outcome.simulation.trace_hash(),
        state_hashes: &outcome.state_hashes,
        expectations: &expectations,
        violations: outcome.simulation.violations(),
        placement: arguments
            .explain
            .as_deref()
            .map(|task| Placement { task, decisions: outcome.simulation.explanations() }),
        raft,
    };
    if let Some(folder) = &arguments.report {
        write_report(folder, &run)?;
    }
    match arguments.format {
        Format::Text => output::print(&report(&run)),
        Format::Json => output::print_plain(&run_json(&run)),
    }
}

fn report_names() -> Vec<&'static str> {
    [METRICS_JSON, METRICS_CSV].into_iter().chain(CHARTS.iter().map(|chart| chart.file)).collect()
}

fn write_report(folder: &Path, run: &Run<'_>) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, "write", error))?;
    write(&folder.join(METRICS_JSON), &metrics_json(run))?;
    write(&folder.join(METRICS_CSV), &metrics_csv(run.recording))?;
    for chart in CHARTS {
        let file = folder.join(chart.file);
        match chart.draw(run.recording, run.scenario) {
            Some(svg) => write(&file, &svg)?,
            // An earlier report may have had one.
            None => remove(&file)?,
        }
    }
    output::print_remark(&format!("the report is in {}", folder.display()));
    Ok(())
}

/// Writes the trace while the run goes on, and shows how far it is.
struct Watcher {
    trace: Option<NewFile>,
    raft: Option<RaftView>,
    bar: RunBar,
}

impl Watcher {
    fn write_line(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.write(&(line() + "\n"));
        }
    }

    fn finish(self) -> Result<Option<RaftView>, Failure> {
        self.bar.finish();
        self.trace.map_or(Ok(()), NewFile::finish)?;
        Ok(self.raft)
    }
}

impl Spectator for Watcher {
    fn fact(&mut self, record: &FactRecord, census: &Census) {
        self.write_line(|| trace_line(record, census));
    }

    fn instant_over(&mut self, time: SimTime, view: View<'_>) {
        if let Some(raft) = &mut self.raft {
            raft.look(time, view);
        }
    }

    fn reached(&mut self, time: SimTime) {
        self.bar.reached(time);
    }
}
