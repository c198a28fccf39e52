//! `swarm-sim conform`: how the simulation compares with recordings of the real system.
use conformance::{gossip, orchestration, scheduler, timelines};

use crate::arguments::{ConformArguments, RecordingSet};
use crate::failure::Failure;
use crate::{Verdict, output};

pub(crate) fn run(arguments: &ConformArguments) -> Result<Verdict, Failure> {
    let ConformArguments { set, paths, seeds } = arguments;
    let seeds = seeds.clone();
    let (text, passed) = match set {
        RecordingSet::Scheduler => {
            let report = scheduler::run(paths, &scheduler::Options { seeds }).map_err(unreadable)?;
            (report.to_string(), report.passed())
        }
        RecordingSet::Orchestration => {
            let report = orchestration::run(paths, &orchestration::Options { seeds }).map_err(unreadable)?;
            (report.to_string(), report.passed())
        }
        RecordingSet::Timelines => {
            let options =
                seeds.map_or_else(timelines::Options::default, |seeds| timelines::Options { seeds });
            let report = timelines::run(paths, &options).map_err(unreadable)?;
            (report.text(), report.passed())
        }
        RecordingSet::Gossip => {
            let all = gossip::Options::all();
            let options = gossip::Options { seeds: seeds.unwrap_or(all.seeds.clone()), ..all };
            let report = gossip::run(paths, &options).map_err(unreadable)?;
            (report.text(), report.passed())
        }
    };
    output::print_plain(&text)?;
    Ok(if passed { Verdict::Passed } else { Verdict::Failed })
}

fn unreadable(problem: impl ToString) -> Failure {
    Failure::refused(problem.to_string(), "the paths are recordings of this set, or folders of them")
}
