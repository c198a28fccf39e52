//! From a [`ScenarioFile`] to a [`Scenario`]: the second of two steps, and the only one that can fail for a reason
//! in more than one place.
//!
//! Errors are collected, so that an author sees all of them at once. A part that is wrong is replaced by its
//! default and work goes on; the result is used only if there was no error.
mod cluster;
mod expectations;
mod faults;
mod images;
mod names;
mod parameters;
mod reader;
mod server;
mod settings;
mod timeline;
mod traffic;

use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::Setup;

use self::reader::{Pointer, Reader};
use crate::error::{Problem, ScenarioErrors};
use crate::file::{ScenarioFile, Text};
use crate::scenario::{Scenario, ScenarioOptions};
use crate::source::Source;

/// Time between the last thing in a file and the end of the run, if the file does not say otherwise.
const AFTERWARDS: SimDuration = SimDuration::from_secs(30);

pub(crate) fn resolve(
    file: &ScenarioFile,
    source: &Source<'_>,
    options: &ScenarioOptions,
) -> Result<Scenario, ScenarioErrors> {
    let mut reader = Reader::new(source);
    reader.parameters = parameters::resolve(&mut reader, &file.params, &options.sets);
    let root = Pointer::default();
    let name = reader.given(Some(&file.name), &root.key("name"), Reader::plain_name).unwrap_or_default();
    let about = reader.given(file.about.as_ref(), &root.key("about"), Reader::text).unwrap_or_default();
    let seed = reader.given(file.seed.as_ref(), &root.key("seed"), |reader, text, at| {
        reader.number(text, at, "seed", u64::MAX)
    });
    let settings = settings::resolve(&mut reader, file.cluster.value.settings.as_ref());
    let cluster = cluster::resolve(&mut reader, &file.cluster, &settings.settings);
    let mut calls = server::Calls::default();
    let mut images = images::resolve(&mut reader, &file.images, settings.image, &cluster.names, &mut calls);
    let calls_count = calls.traffic.len();
    let timeline = timeline::resolve(&mut reader, &file.timeline, &cluster, calls);
    // Sources of the timeline come first, as authors think of them first.
    images.put_calls_behind(timeline.traffic.len() - calls_count);
    let expectations = expectations::resolve(&mut reader, &file.expect, &cluster, &timeline);
    let last = expectations.iter().filter_map(|expectation| expectation.when.last()).max();
    let last = last.unwrap_or(SimTime::ZERO).max(timeline.last);
    let until = end_of_run(&mut reader, file, last);
    check_times(&mut reader, until, &timeline.times, &expectations);
    if !reader.errors.is_empty() {
        return Err(ScenarioErrors::new(reader.errors));
    }
    let setup = Setup {
        initial: sim_core::model::setup::Initial::default(),
        start: cluster.start,
        hosts: cluster.hosts,
        zones: cluster.zones,
        links: cluster.links,
        settings: settings.settings,
        images,
        traffic: timeline.traffic,
        timeline: timeline.entries,
        until: options.until.unwrap_or(until),
        sabotage: sim_core::model::Sabotage::default(),
    };
    let file_seed = seed.unwrap_or(0);
    Ok(Scenario {
        name,
        about,
        seed: options.seed.unwrap_or(file_seed),
        parameters: reader.parameters,
        setup,
        expectations,
        command_names: timeline.command_names,
        is_unchanged: options.sets.is_empty()
            && options.seed.is_none_or(|seed| seed == file_seed)
            && options.until.is_none_or(|time| time == until),
    })
}

fn end_of_run(reader: &mut Reader<'_>, file: &ScenarioFile, last: SimTime) -> SimTime {
    let pointer = Pointer::default().key("until");
    reader.given(file.until.as_ref(), &pointer, Reader::time).unwrap_or(last + AFTERWARDS)
}

/// Nothing that the file says may lie behind the end that the file gives itself.
fn check_times(
    reader: &mut Reader<'_>,
    until: SimTime,
    entries: &[(SimTime, crate::error::Location)],
    expectations: &[crate::expect::Expectation],
) {
    let expected =
        expectations.iter().filter_map(|expectation| Some((expectation.when.last()?, &expectation.at)));
    let all = entries.iter().map(|(time, at)| (*time, at)).chain(expected);
    let late: Vec<_> = all.filter(|(time, _)| *time > until).map(|(_, at)| at.clone()).collect();
    for at in late {
        let problem = Problem::AfterEnd { until: until.to_string() };
        reader.fail(at, problem, "make `until` later, or leave it out");
    }
}

/// The text of a value, without its place.
fn raw(text: &Text) -> &str {
    &text.value
}
