//! Which requests were lost, during which update or after which fault, and what would have saved them.
//!
//! Facts tell of failures second by second. Here all of one source that failed in one way for one reason are one
//! entry: the reason is the update of the service that they were meant for, if they were sent while it went on and it is
//! to blame, and else the command or fault at which their chain of causes begins.
mod advice;
mod scene;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{
    Fact, FactId, FactRecord, Failure, HostId, ObjectId, RequestsFailed, ServiceId, TaskId, TrafficId,
};

use self::advice::advice;
use self::scene::Scene;
use crate::backends::{Known, StaleBackends, stale};
use crate::strikes::{Blow, blows};
use crate::text::{Text, Tone};
use crate::updates::{Update, origin_of, updates};
use crate::words::{Enumeration, enumerate, lost_requests, reason_of_command, reason_of_fault};
use crate::{Run, time};

/// The heads of a table's columns but the last.
const HEAD: [&str; 4] = ["source", "sent from", "lost", "cause"];

/// What lost requests have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    reason: Reason,
    traffic: TrafficId,
    failure: Failure,
    via: Option<TrafficId>,
}

impl Key {
    fn of(
        record: &FactRecord,
        failed: &RequestsFailed,
        updates: &[Update],
        blows: &[Blow],
        run: &Run<'_>,
    ) -> Self {
        let reason = match reason(record, failed, updates, run) {
            Reason::Origin(id) => Reason::Origin(blow_of(id, blows).map_or(id, |blow| blow.facts[0])),
            reason @ (Reason::Update(_) | Reason::Start) => reason,
        };
        Key { reason, traffic: failed.traffic, failure: failed.failure, via: failed.via }
    }

    /// The source whose request it was that went wrong: it may be a call behind those that were lost.
    fn culprit(&self) -> TrafficId {
        self.via.unwrap_or(self.traffic)
    }
}

/// Why requests were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// An update went on, by its place among all updates.
    Update(usize),
    /// The command or fault that it began with.
    Origin(FactId),
    /// The run began like that.
    Start,
}

/// Requests that were lost alike.
#[derive(Clone, Debug)]
struct Loss {
    count: u64,
    first_sent: SimTime,
    last_sent: SimTime,
    tasks: BTreeSet<TaskId>,
    entries: BTreeSet<HostId>,
    /// The backends that nodes should not have had any more, each with the time of the last request to it.
    stale: BTreeMap<Known, SimTime>,
    /// The last fact that tells of them.
    last: FactId,
}

/// All losses of a run.
struct Losses<'a> {
    run: &'a Run<'a>,
    updates: Vec<Update>,
    stale: StaleBackends,
    blows: Vec<Blow>,
    by_key: Vec<(Key, Loss)>,
}

/// For people: for each reason a table of the losses of all sources or of one, and below each line what would have
/// saved those requests. None if nothing was lost.
pub(crate) fn losses_text(run: &Run<'_>, of: Option<TrafficId>) -> Option<Text> {
    let mut losses = Losses::collect(run);
    losses.by_key.retain(|(key, _)| of.is_none_or(|traffic| key.traffic == traffic));
    let mut text = Text::new();
    let mut reasons: Vec<Reason> = Vec::new();
    for (key, _) in &losses.by_key {
        if !reasons.contains(&key.reason) {
            reasons.push(key.reason);
        }
    }
    for reason in reasons {
        let words = losses.reason(reason).unwrap_or_else(|| "with no command or fault behind it".to_owned());
        text.push(Tone::Faint, format!("  {words}"));
        text.end_line();
        let lost: Vec<&(Key, Loss)> = losses.by_key.iter().filter(|(key, _)| key.reason == reason).collect();
        losses.table(&lost, &mut text);
    }
    (!losses.by_key.is_empty()).then_some(text)
}

/// For programs: an object for each.
pub(crate) fn losses_json(run: &Run<'_>) -> Vec<Value> {
    let losses = Losses::collect(run);
    let census = &run.recording.census;
    let object = |(key, loss): &(Key, Loss)| {
        let update = match key.reason {
            Reason::Update(place) => Some(&losses.updates[place]),
            Reason::Origin(_) | Reason::Start => None,
        };
        json!({
            "source": census.names().traffic(key.traffic),
            "update": update.map(|update| json!({
                "service": census.service_name(update.service),
                "began_ns": update.began.as_nanos(),
                "ended_ns": update.ended.map(SimTime::as_nanos),
            })),
            "because": losses.reason(key.reason),
            "cause": key.failure.cause().name(),
            "failure": key.failure.name(),
            "via": key.via.map(|via| census.names().traffic(via)),
            "requests": loss.count,
            "first_sent_ns": loss.first_sent.as_nanos(),
            "last_sent_ns": loss.last_sent.as_nanos(),
            "tasks": loss.tasks.iter().map(|task| census.task_name(*task)).collect::<Vec<_>>(),
            "nodes": loss.entries.iter().map(|host| census.names().host(*host)).collect::<Vec<_>>(),
            "saved_by": losses.advice(key, loss),
        })
    };
    losses.by_key.iter().map(object).collect()
}

/// Requests of a source that were lost alike, in words.
pub(crate) struct Incident {
    /// The last fact that tells of them.
    pub(crate) last: FactId,
    /// `105 requests of users, sent from 20.04 s to 25.96 s, are lost: black hole, web.2 could not be reached`
    pub(crate) sentence: String,
}

/// All that cost requests of a source, in order.
pub(crate) fn incidents(run: &Run<'_>, of: TrafficId) -> Vec<Incident> {
    let losses = Losses::collect(run);
    let source = run.recording.census.names().traffic(of);
    let incident = |(key, loss): &(Key, Loss)| {
        let cause = key.failure.cause().name().replace('_', " ");
        let why = format!("{cause}, {}", losses.what(key, loss));
        let sentence = lost_requests(loss.count, &format!("{source}, sent {},", loss.span()), &why);
        Incident { last: loss.last, sentence }
    };
    losses.by_key.iter().filter(|(key, _)| key.traffic == of).map(incident).collect()
}

impl<'a> Losses<'a> {
    fn collect(run: &'a Run<'a>) -> Self {
        let (updates, blows) = (updates(run.recording), blows(run.recording));
        let mut by_key = BTreeMap::<Key, Loss>::new();
        for record in &run.recording.facts {
            let Fact::RequestsFailed(failed) = &record.fact else { continue };
            let key = Key::of(record, failed, &updates, &blows, run);
            by_key.entry(key).or_insert_with(|| Loss::new(record, failed)).add(record, failed);
        }
        let mut by_key: Vec<(Key, Loss)> = by_key.into_iter().collect();
        by_key.sort_by_key(|(key, loss)| (loss.first_sent, *key));
        Losses { run, updates, stale: StaleBackends::of(run.recording, None), blows, by_key }
    }

    /// Lines of equal columns.
    fn table(&self, lost: &[&(Key, Loss)], text: &mut Text) {
        let names = self.run.recording.census.names();
        let cells = |(key, loss): &&(Key, Loss)| {
            [
                names.traffic(key.traffic).to_owned(),
                format!("{} to {}", time::seconds(loss.first_sent), time::seconds(loss.last_sent)),
                format!("{} of {}", loss.count, self.sent(key, loss)),
                key.failure.cause().name().replace('_', " "),
            ]
        };
        let rows: Vec<[String; 4]> = lost.iter().map(cells).collect();
        let all = || std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().cloned());
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths @ [first, second, third, fourth] = [0, 1, 2, 3].map(width);
        let head = HEAD.iter().zip(widths).map(|(word, width)| format!("{word:<width$}")).collect::<Vec<_>>();
        text.plain(format!("    {}  why", head.join("  ")));
        text.end_line();
        for ((key, loss), [source, span, count, cause]) in lost.iter().zip(&rows) {
            text.plain(format!("    {source:<first$}  {span:<second$}  "));
            text.push(Tone::Bad, format!("{count:<third$}"));
            text.plain(format!("  {cause:<fourth$}  {}", self.what(key, loss)));
            text.end_line();
            // What would save a call is said where the call stands itself.
            let is_told = lost.iter().any(|(other, _)| Some(other.traffic) == key.via);
            if let Some(advice) = self.advice(key, loss).filter(|_| !is_told) {
                text.push(Tone::Good, format!("    {:first$}  saved by {advice}", ""));
                text.end_line();
            }
        }
    }

    /// How many requests of the source were sent in the seconds in which some of these were.
    fn sent(&self, key: &Key, loss: &Loss) -> u64 {
        let second = SimDuration::from_secs(1);
        let begin = SimTime::from_secs(loss.first_sent.as_nanos() / second.as_nanos());
        let tally = &self.run.recording.tallies[key.traffic.index()];
        tally.between(begin, loss.last_sent + SimDuration::from_nanos(1)).sent
    }

    /// What was wrong, and in which call if it was one behind these requests.
    fn what(&self, key: &Key, loss: &Loss) -> String {
        let call = key.via.map(|via| self.run.recording.census.names().traffic(via));
        let place = call.map_or_else(String::new, |call| format!("in the call {call}: "));
        place + &self.fault(key, loss)
    }

    fn fault(&self, key: &Key, loss: &Loss) -> String {
        let census = &self.run.recording.census;
        let Enumeration { text: tasks, distinct, .. } =
            enumerate(loss.tasks.iter().map(|task| census.task_name(*task)));
        let (do_not, listen, have, were, hang) = match distinct {
            0 | 1 => ("does not", "listens", "has", "was", "hangs"),
            _ => ("do not", "listen", "have", "were", "hang"),
        };
        let Enumeration { text: nodes, distinct, .. } =
            enumerate(loss.entries.iter().map(|host| census.names().host(*host).to_owned()));
        let (know, answer, engine, run) = if distinct > 1 {
            ("know", "do not answer", "engines", "do not run")
        } else {
            ("knows", "does not answer", "engine", "does not run")
        };
        match key.failure {
            Failure::PortClosed => format!("{nodes} {know} no backend"),
            Failure::EntryStopped => format!("the {engine} of {nodes} {run}"),
            Failure::NoBackend if sends_datagrams(key.culprit(), self.run) => {
                format!("no backend that {nodes} {know} takes new flows")
            }
            Failure::NoBackend => format!("no backend that {nodes} {know} takes new connections"),
            Failure::NotListening => format!("{tasks} {do_not} listen yet"),
            Failure::WrongPort => format!("{tasks} {listen} on other ports"),
            Failure::Gone if Scene::new(key, loss, self.run).kept_the_address() => {
                format!("{tasks} {were} gone, and the client had kept the address")
            }
            Failure::Gone => {
                let until = self.known_until(loss);
                format!("{tasks} {were} gone, and {nodes} had not heard of it{until}")
            }
            Failure::NoAddress => {
                let service = self.service(key);
                format!("nobody has the virtual address of {service} on {nodes}")
            }
            Failure::Unreachable => format!("{tasks} could not be reached{}", self.known_until(loss)),
            Failure::DatagramLost => format!("datagrams between {nodes} and {tasks} were lost on the way"),
            Failure::FlowExpired => format!("{nodes} dropped what found {tasks} gone"),
            Failure::Unanswered => format!("{tasks} ended in the middle, and nobody said so"),
            Failure::Ended => format!("{tasks} ended in the middle"),
            Failure::Expired => format!("the kept connection to {tasks} was forgotten"),
            Failure::Idle => format!("the kept connection to {tasks} was quiet for too long"),
            Failure::ClientGone => format!("{tasks}, which had sent them, {have} ended"),
            Failure::TooSlow => format!("{tasks} {were} too slow"),
            Failure::Hangs => format!("{tasks} {hang}"),
            Failure::QueueFull => format!("{tasks} had no room for more"),
            Failure::EntrySilent => format!("{nodes} {answer}"),
            Failure::NoEntry => "no node is taken for healthy".to_owned(),
            Failure::NoName => "the name is not known".to_owned(),
        }
    }

    /// The name of the service that requests were meant for.
    fn service(&self, key: &Key) -> &str {
        &self.run.view.setup().traffic[key.culprit().index()].service
    }

    /// Until when these backends got connections, if that is over.
    fn known_until(&self, loss: &Loss) -> String {
        let end = self.stale.last_end(&loss.stale);
        end.map_or_else(String::new, |end| format!(", a backend until {}", time::seconds(end)))
    }

    /// `during the update of web from 30.006 s to 38.871 s`, `because of the crash of w1 at 30 s`.
    fn reason(&self, reason: Reason) -> Option<String> {
        let recording = self.run.recording;
        match reason {
            Reason::Start => None,
            Reason::Update(place) => {
                let Update { service, began, ended, .. } = &self.updates[place];
                let name = recording.census.service_name(*service);
                let until =
                    ended.map_or_else(|| "on".to_owned(), |ended| format!("to {}", time::seconds(ended)));
                Some(format!("during the update of {name} from {} {until}", time::seconds(*began)))
            }
            Reason::Origin(id) => {
                let record = recording.fact(id)?;
                if let Fact::Command { line, .. } = &record.fact {
                    return Some(reason_of_command(line, record.time));
                }
                let blow = blow_of(id, &self.blows)?;
                Some(reason_of_fault(&blow.words(), blow.time))
            }
        }
    }

    fn advice(&self, key: &Key, loss: &Loss) -> Option<String> {
        advice(&Scene::new(key, loss, self.run))
    }
}

impl Loss {
    fn new(record: &FactRecord, failed: &RequestsFailed) -> Self {
        let RequestsFailed { first_sent, last_sent, .. } = *failed;
        let (tasks, entries) = (BTreeSet::new(), BTreeSet::new());
        Loss { count: 0, first_sent, last_sent, tasks, entries, stale: BTreeMap::new(), last: record.id }
    }

    /// `from 20.04 s to 25.96 s`: when they were sent.
    fn span(&self) -> String {
        let (first, last) = (time::seconds(self.first_sent), time::seconds(self.last_sent));
        if first == last { format!("at {first}") } else { format!("from {first} to {last}") }
    }

    fn add(&mut self, record: &FactRecord, failed: &RequestsFailed) {
        self.last = record.id;
        self.count += failed.count;
        self.first_sent = self.first_sent.min(failed.first_sent);
        self.last_sent = self.last_sent.max(failed.last_sent);
        self.tasks.extend(failed.task);
        self.entries.extend(failed.entry);
        if let Some(known) = stale(failed) {
            let sent = self.stale.entry(known).or_insert(failed.first_sent);
            *sent = failed.first_sent.max(*sent);
        }
    }
}

fn reason(record: &FactRecord, failed: &RequestsFailed, updates: &[Update], run: &Run<'_>) -> Reason {
    let service = service_of(failed.via.unwrap_or(failed.traffic), run);
    let origin = origin_of(run.recording, record.id);
    let is_fault = |id| run.recording.fact(id).is_some_and(|cause| matches!(cause.fact, Fact::Fault { .. }));
    // Those that are left have more to do meanwhile.
    let is_slow = failed.failure == Failure::TooSlow && !is_fault(record.cause);
    let is_for_lack = is_slow || failed.failure == Failure::QueueFull;
    let is_to_blame = |update: &Update| is_for_lack || origin.is_some_and(|origin| update.is_of(origin));
    let concerns = |update: &Update| update.concerns(service, failed) && is_to_blame(update);
    match updates.iter().position(concerns) {
        Some(place) => Reason::Update(place),
        None => origin.map_or(Reason::Start, Reason::Origin),
    }
}

/// The faults that struck with one, if it is a fault.
fn blow_of(id: FactId, blows: &[Blow]) -> Option<&Blow> {
    blows.iter().find(|blow| blow.facts.contains(&id))
}

/// True if requests are datagrams.
fn sends_datagrams(traffic: TrafficId, run: &Run<'_>) -> bool {
    run.view.setup().traffic[traffic.index()].sends_datagrams()
}

/// The service that a source sends to.
fn service_of(traffic: TrafficId, run: &Run<'_>) -> Option<ServiceId> {
    let name = &run.view.setup().traffic[traffic.index()].service;
    let services = run.recording.census.services();
    services.filter(|(_, service)| service.name == *name).map(|(id, _)| id).last()
}
