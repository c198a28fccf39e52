//! Requests of each source over time, those that failed by cause, and what happened to the tasks that serve them.
//!
//! A source has a panel with all its requests, and below it one with those that failed, which has a scale of its own:
//! three failures of two hundred would be a hair in the first one. Signs of tasks stand at the top of the first panel.
use plotters::prelude::*;
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::{Fact, FailureCause, ObjectId, ServiceId, TaskState, TrafficId};
use sim_core::traffic::{Counts, Tally};

use super::ChartKind;
use super::canvas::{Area, BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, VERMILION, drawn, left};
use super::frame::{Axes, Frame, LEFT};
use super::steps::seconds;
use crate::ScenarioInfo;
use crate::updates::{Update, updates};

pub(super) const KIND: ChartKind = ChartKind {
    file: "requests.svg",
    meaning: "Requests of each source, those that failed by cause, and tasks that start and stop meanwhile.",
    applies: |recording| recording.tallies.iter().any(|tally| tally.total().sent > 0),
    draw,
};

/// Sources that have panels; the first ones.
const SOURCES_MAX: usize = 8;
/// Half the width of a sign.
const SIGN: i32 = 4;
/// Above which part of a panel the signs stand.
const SIGNS_Y: i32 = 36;

/// What a panel shows of a source.
#[derive(Clone, Copy)]
enum Part {
    All,
    Failed,
}

/// A source that has sent something.
struct Shown<'a> {
    id: TrafficId,
    tally: &'a Tally,
    /// The service that it sends to.
    service: Option<ServiceId>,
}

/// Requests of a time, each number per second.
struct Bucket {
    from: f64,
    to: f64,
    counts: Counts,
    length: u64,
}

fn draw(recording: &Recording, scenario: &ScenarioInfo) -> String {
    let all: Vec<Shown<'_>> = sources(recording);
    let shown = &all[..all.len().min(SOURCES_MAX)];
    let panels: Vec<(&Shown<'_>, Part)> = shown
        .iter()
        .flat_map(|source| {
            let failed = (source.tally.total().failed() > 0).then_some((source, Part::Failed));
            std::iter::once((source, Part::All)).chain(failed)
        })
        .collect();
    let frame = Frame::new(recording, scenario, panels.len());
    let seed = format!("seed {}", scenario.seed);
    let subtitle = match all.len() - shown.len() {
        0 => seed,
        hidden => format!("{seed}; {hidden} more sources are not shown"),
    };
    frame.draw(&subtitle, draw_legend, |area, number| match panels.get(number) {
        Some((source, Part::All)) => draw_all(&frame, area, number, source, recording),
        Some((source, Part::Failed)) => draw_failed(&frame, area, number, source, recording),
        None => drawn(area.draw_text("Nobody sent a request.", &left(16, FAINT), (LEFT, 85))),
    })
}

fn sources(recording: &Recording) -> Vec<Shown<'_>> {
    let names = recording.census.names();
    let shown = recording.tallies.iter().enumerate().map(|(place, tally)| {
        let id = TrafficId::from_index(place);
        let services = recording.census.services().filter(|(_, one)| one.name == names.traffic_service(id));
        Shown { id, tally, service: services.map(|(service, _)| service).last() }
    });
    shown.filter(|source| source.tally.total().sent > 0).collect()
}

fn draw_legend(root: &Area<'_>) {
    drawn(root.draw(&Rectangle::new([(510, 44), (540, 57)], BLUE.mix(0.35).filled())));
    drawn(root.draw_text("sent", &left(14, INK), (548, 50)));
    drawn(root.draw(&Rectangle::new([(610, 44), (640, 57)], INK.mix(0.12).filled())));
    drawn(root.draw_text("update", &left(14, INK), (648, 50)));
    draw_start(root, (742, 50));
    drawn(root.draw_text("task runs", &left(14, INK), (752, 50)));
    draw_end(root, (852, 50));
    drawn(root.draw_text("task ends", &left(14, INK), (862, 50)));
}

fn draw_all(frame: &Frame<'_>, area: &Area<'_>, number: usize, source: &Shown<'_>, recording: &Recording) {
    let names = recording.census.names();
    let (name, service) = (names.traffic(source.id), names.traffic_service(source.id));
    let buckets = buckets(source.tally, frame);
    let most = buckets.iter().map(|bucket| bucket.rate(bucket.counts.sent)).max().unwrap_or(0);
    let title = format!("{name}: requests per second, sent to {service}");
    let top = most + (most / 4).max(1);
    let mut axes = frame.axes(area, number, &title, top);
    drawn(axes.draw_series(update_bands(frame, source, recording, top)));
    drawn(axes.draw_series(buckets.iter().map(|bucket| {
        let top = bucket.rate(bucket.counts.sent);
        Rectangle::new([(bucket.from, 0), (bucket.to, top)], BLUE.mix(0.35).filled())
    })));
    draw_task_signs(frame, area, source, recording);
}

fn draw_failed(frame: &Frame<'_>, area: &Area<'_>, number: usize, source: &Shown<'_>, recording: &Recording) {
    let name = recording.census.names().traffic(source.id);
    let buckets = buckets(source.tally, frame);
    let most = buckets.iter().map(|bucket| bucket.rate(bucket.counts.failed())).max().unwrap_or(0);
    let title = format!("{name}: failed per second");
    let top = most + (most / 8).max(1);
    let mut axes = frame.axes(area, number, &title, top);
    drawn(axes.draw_series(update_bands(frame, source, recording, top)));
    let failed = |cause: &FailureCause| source.tally.total().failed_by(*cause) > 0;
    let causes: Vec<FailureCause> = FailureCause::ALL.into_iter().filter(failed).collect();
    draw_stack(&mut axes, &buckets, &causes);
    let mut x = LEFT + 24 + 7 * title.chars().count() as i32;
    for cause in causes {
        let words = format!("{} {}", cause.name().replace('_', " "), source.tally.total().failed_by(cause));
        drawn(area.draw(&Rectangle::new([(x, 10), (x + 14, 22)], colour(cause).filled())));
        drawn(area.draw_text(&words, &left(14, INK), (x + 20, 16)));
        x += 34 + 13 * words.len() as i32 / 2;
    }
}

/// The times in which the service of a source is updated.
fn update_bands<'a>(
    frame: &'a Frame<'_>,
    source: &'a Shown<'_>,
    recording: &Recording,
    top: u64,
) -> impl Iterator<Item = Rectangle<(f64, u64)>> + 'a {
    let of_service = move |update: &Update| Some(update.service) == source.service;
    updates(recording).into_iter().filter(of_service).map(move |update| {
        let until = update.ended.unwrap_or(frame.end());
        Rectangle::new([(seconds(update.began), 0), (seconds(until), top)], INK.mix(0.12).filled())
    })
}

/// Causes on top of each other, in the order of the words above the panel.
fn draw_stack(axes: &mut Axes<'_, '_>, buckets: &[Bucket], causes: &[FailureCause]) {
    for (place, cause) in causes.iter().enumerate() {
        let bars = buckets.iter().filter(|bucket| bucket.counts.failed_by(*cause) > 0).map(|bucket| {
            let below: u64 = causes[..place].iter().map(|one| bucket.counts.failed_by(*one)).sum();
            let (low, high) = (bucket.rate(below), bucket.rate(below + bucket.counts.failed_by(*cause)));
            Rectangle::new([(bucket.from, low), (bucket.to, high)], colour(*cause).filled())
        });
        drawn(axes.draw_series(bars));
    }
}

/// Where tasks of the service begin to run and end. Of many in one place one is drawn.
fn draw_task_signs(frame: &Frame<'_>, area: &Area<'_>, source: &Shown<'_>, recording: &Recording) {
    let (mut last_start, mut last_end) = (i32::MIN, i32::MIN);
    for record in &recording.facts {
        let Fact::TaskState { task, from, to, .. } = record.fact else { continue };
        let Some(entry) = recording.census.task(task) else { continue };
        if entry.service.is_none() || entry.service != source.service || !entry.has_run {
            continue;
        }
        let x = frame.x(record.time);
        if to == TaskState::Running && x > last_start + SIGN {
            draw_start(area, (x, SIGNS_Y));
            last_start = x;
        } else if to > TaskState::Running && from <= TaskState::Running && x > last_end + SIGN {
            draw_end(area, (x, SIGNS_Y));
            last_end = x;
        }
    }
}

/// A triangle that points upwards.
fn draw_start(area: &Area<'_>, (x, y): (i32, i32)) {
    let corners = [(x - SIGN, y + SIGN), (x + SIGN, y + SIGN), (x, y - SIGN)];
    drawn(area.draw(&Polygon::new(corners, GREEN.filled())));
}

/// A triangle that points downwards.
fn draw_end(area: &Area<'_>, (x, y): (i32, i32)) {
    let corners = [(x - SIGN, y - SIGN), (x + SIGN, y - SIGN), (x, y + SIGN)];
    drawn(area.draw(&Polygon::new(corners, VERMILION.filled())));
}

/// The seconds of a source, several of them together where a second is thinner than a column.
fn buckets(tally: &Tally, frame: &Frame<'_>) -> Vec<Bucket> {
    let length = (frame.end().as_nanos() / 1_000_000_000).div_ceil(frame.columns()).max(1);
    let mut buckets: Vec<Bucket> = Vec::new();
    for (begins, counts) in tally.seconds() {
        let begins = begins.as_nanos() / 1_000_000_000 / length * length;
        match buckets.last_mut().filter(|bucket| bucket.from == begins as f64) {
            Some(bucket) => bucket.counts.add(counts),
            None => {
                let from = SimTime::from_secs(begins);
                let to = SimTime::from_secs(begins + length).min(frame.end());
                buckets.push(Bucket { from: seconds(from), to: seconds(to), counts: *counts, length });
            }
        }
    }
    buckets
}

impl Bucket {
    fn rate(&self, count: u64) -> u64 {
        count.div_ceil(self.length)
    }
}

fn colour(cause: FailureCause) -> RGBColor {
    match cause {
        FailureCause::Refused => VERMILION,
        FailureCause::BlackHole => INK,
        FailureCause::Reset => ORANGE,
        FailureCause::Timeout => PURPLE,
        FailureCause::EntryDown => FAINT,
        FailureCause::Unresolved => GREEN,
    }
}
