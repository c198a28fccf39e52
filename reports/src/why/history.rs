//! What happened to the subject, a line for each thing that happened: what is repeated soon is told once.
use sim_core::Recording;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{Fact, FactRecord, Subject};

use crate::story::patience;
use crate::time;
use crate::words::{
    Enumeration, Family, Telling, Weight, enumerate, lost_requests, subject_name, tell, with_detail,
};

/// How far apart things may be that are told in one line.
const WINDOW: SimDuration = SimDuration::from_secs(1);
/// The same for requests that are lost alike, which are told second by second.
const REQUESTS_WINDOW: SimDuration = SimDuration::from_secs(2);

/// Facts of one kind that follow each other.
pub(super) struct Happening<'a> {
    pub(super) first: &'a FactRecord,
    last: SimTime,
    family: Family,
    detail: String,
    subjects: Vec<Subject>,
    /// Failed requests.
    requests: u64,
}

/// All facts, in the order of the first one of each line.
pub(super) fn happenings<'a>(facts: &[&'a FactRecord], recording: &Recording) -> Vec<Happening<'a>> {
    let mut happenings: Vec<Happening<'_>> = Vec::new();
    for record in facts {
        let Telling { family, subject, detail } = tell(record, &recording.census);
        let count = if let Fact::RequestsFailed(failed) = &record.fact { failed.count } else { 0 };
        let window = if family == Family::RequestsFailed { REQUESTS_WINDOW } else { WINDOW };
        let patience = patience(family, window);
        let is_more = |one: &&mut Happening<'_>| {
            one.family == family && one.detail == detail && record.time.since(one.last) <= patience
        };
        // What comes from the timeline is told one by one, and so is what changes the course of things.
        let groups = family.weight() == Weight::Line && family != Family::WithoutEffect;
        match happenings.iter_mut().rev().find(is_more).filter(|_| groups) {
            Some(open) => {
                open.last = record.time;
                open.subjects.push(subject);
                open.requests += count;
            }
            None => happenings.push(Happening {
                first: record,
                last: record.time,
                family,
                detail,
                subjects: vec![subject],
                requests: count,
            }),
        }
    }
    happenings
}

impl Happening<'_> {
    /// True if it stands for more than one fact.
    pub(super) fn is_group(&self) -> bool {
        self.subjects.len() > 1
    }

    /// What happened to whom, how often and until when.
    pub(super) fn sentence(&self, recording: &Recording) -> String {
        let census = &recording.census;
        let Enumeration { text, distinct, total } =
            enumerate(self.subjects.iter().map(|subject| subject_name(*subject, census)));
        let sentence = if self.family == Family::RequestsFailed {
            lost_requests(self.requests, &text, &self.detail)
        } else {
            let words = format!("{text} {}", self.family.phrase(distinct > 1));
            with_detail(self.family, &words, &self.detail)
        };
        let is_counted = total > distinct && self.family != Family::RequestsFailed;
        let is_long = time::seconds(self.last) != time::seconds(self.first.time);
        let times = is_counted.then(|| format!("{total} times"));
        let until = is_long.then(|| format!("until {}", time::seconds(self.last)));
        let extent: Vec<String> = times.into_iter().chain(until).collect();
        if extent.is_empty() { sentence } else { format!("{sentence} ({})", extent.join(", ")) }
    }
}
