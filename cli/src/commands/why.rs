//! `swarm-sim why`: why a task, node, service or command is as it is, and what it waits for.
use reports::{Run, why};
use scenarios::runner::{NoSpectator, RunOptions};
use scenarios::suggest;
use sim_core::record::Keep;

use super::{describe, load, simulate};
use crate::arguments::{Format, WhyArguments};
use crate::failure::Failure;
use crate::{Verdict, output};

/// The run ends at the time in question, so that its end is what is asked about.
pub(crate) fn run(arguments: &WhyArguments) -> Result<Verdict, Failure> {
    let (source, mut scenario) = load(&arguments.selection)?;
    let until = scenario.setup.until;
    let at = arguments.at.unwrap_or(until);
    if at > until {
        let problem = format!("{at} is after the end of the run at {until}");
        return Err(Failure::refused(problem, "use --until to let the run go on"));
    }
    scenario.setup.until = at;
    let options = RunOptions { keep: Keep::Facts, ..RunOptions::default() };
    let outcome = simulate(&scenario, &source.label, options, &mut NoSpectator)?;
    let run = Run {
        scenario: &describe(&scenario, &source.label),
        recording: &outcome.recording,
        view: outcome.simulation.view(),
        trace_hash: outcome.simulation.trace_hash(),
        state_hashes: &outcome.state_hashes,
        expectations: &[],
        violations: outcome.simulation.violations(),
        placement: None,
        raft: None,
    };
    let answer = why(&run, &arguments.subject).map_err(|unknown| {
        let known = unknown.known.iter().map(String::as_str);
        let help = suggest::help(&unknown.name, known, "there is something to tell about");
        Failure::refused(format!("{unknown} until {at}"), help)
    })?;
    match arguments.format {
        Format::Text => output::print(&answer.text())?,
        Format::Json => output::print_plain(&answer.json())?,
    }
    Ok(Verdict::Passed)
}
