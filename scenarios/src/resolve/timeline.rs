//! `timeline`: commands, faults, traffic and notes, in order of time.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_saphyr::Spanned;
use sim_core::kernel::SimTime;
use sim_core::model::command::{ServiceCommand, ServiceCreate};
use sim_core::model::setup::{ClientCommand, Origin, Stimulus, TimelineEntry, Traffic};
use sim_core::model::{CommandId, DockerCommand, Fault, ObjectId, TrafficId};

use super::cluster::ResolvedCluster;
use super::faults;
use super::names::PlaceNames;
use super::reader::{Pointer, Reader};
use super::server::Calls;
use super::traffic::{self, Target};
use crate::docker;
use crate::error::{Location, NameKind, Problem};
use crate::file::{EntryFile, Text, TextOrList, TrafficFile};
use crate::suggest;

/// The timeline, and what else the file says about it.
#[derive(Debug, Default)]
pub(super) struct ResolvedTimeline {
    pub(super) entries: Vec<TimelineEntry>,
    pub(super) command_names: BTreeMap<String, Vec<CommandId>>,
    /// Names of the services that commands create.
    pub(super) services: BTreeSet<String>,
    /// All sources of requests: those of programs first, then those of the timeline.
    pub(super) traffic: Vec<Traffic>,
    /// When each entry of the file happens, and where it is written.
    pub(super) times: Vec<(SimTime, Location)>,
    /// When the last fault is healed and the last traffic ends.
    pub(super) last: SimTime,
}

/// A stimulus before its place in the timeline is known.
#[derive(Debug)]
struct Draft {
    at: SimTime,
    /// The fault that it heals, by its place among the drafts.
    heals: Option<usize>,
    stimulus: Stimulus,
}

/// Reads one entry after the other.
#[derive(Debug)]
struct Timeline<'a> {
    names: &'a PlaceNames,
    drafts: Vec<Draft>,
    commands: u32,
    command_names: BTreeMap<String, Vec<CommandId>>,
    services: BTreeSet<String>,
    /// Further names of services on their networks.
    aliases: BTreeSet<String>,
    traffic: Vec<Traffic>,
    /// What requests are sent to.
    targets: Vec<Target>,
    times: Vec<(SimTime, Location)>,
    last: SimTime,
    /// Services that are named somewhere, to be looked for when all are known.
    mentioned: Vec<(String, Location)>,
}

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    entries: &[Spanned<EntryFile>],
    cluster: &ResolvedCluster,
    calls: Calls,
) -> ResolvedTimeline {
    let mut timeline = Timeline {
        names: &cluster.names,
        drafts: Vec::new(),
        commands: 0,
        command_names: BTreeMap::new(),
        services: BTreeSet::new(),
        aliases: BTreeSet::new(),
        traffic: Vec::new(),
        targets: calls.targets,
        times: Vec::new(),
        last: SimTime::ZERO,
        mentioned: Vec::new(),
    };
    let pointer = Pointer::default().key("timeline");
    for (index, entry) in entries.iter().enumerate() {
        timeline.add(reader, entry, &pointer.index(index));
    }
    for (name, at) in std::mem::take(&mut timeline.mentioned) {
        service(reader, &timeline.services, &name, &at);
    }
    for Target { service: name, at, .. } in &timeline.targets {
        if !timeline.aliases.contains(name) {
            service(reader, &timeline.services, name, at);
        }
    }
    let Timeline { drafts, command_names, services, mut traffic, times, last, .. } = timeline;
    traffic.extend(calls.traffic);
    ResolvedTimeline { entries: in_order(drafts), command_names, services, traffic, times, last }
}

/// Checks that a service of this name is created by some command.
pub(super) fn service(reader: &mut Reader<'_>, known: &BTreeSet<String>, name: &str, at: &Location) {
    if !known.contains(name) {
        let help = suggest::help(name, known.iter().map(String::as_str), "services created in the timeline");
        let problem = Problem::UnknownName { kind: NameKind::Service, name: name.to_owned() };
        reader.fail(reader.narrowed(at, name), problem, help);
    }
}

/// The stimuli in order of time. At one instant, what ends comes before what begins.
fn in_order(drafts: Vec<Draft>) -> Vec<TimelineEntry> {
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|index| (drafts[*index].at, drafts[*index].heals.is_none(), *index));
    let mut places = vec![0; drafts.len()];
    for (place, index) in order.iter().enumerate() {
        places[*index] = place;
    }
    let mut entries: Vec<(usize, TimelineEntry)> = Vec::new();
    for (index, Draft { at, heals, stimulus }) in drafts.into_iter().enumerate() {
        let stimulus = match (heals, stimulus) {
            (Some(draft), Stimulus::Fault(fault)) => Stimulus::Healing { of: places[draft], fault },
            (_, stimulus) => stimulus,
        };
        entries.push((places[index], TimelineEntry { at, stimulus }));
    }
    entries.sort_by_key(|(place, _)| *place);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

impl Timeline<'_> {
    fn add(&mut self, reader: &mut Reader<'_>, entry: &Spanned<EntryFile>, pointer: &Pointer) {
        let EntryFile { at, id, on, docker, fault, traffic, note } = &entry.value;
        let place = reader.place(entry.referenced, pointer);
        let time = self.time(reader, at, pointer);
        let things = [
            ("docker", docker.is_some()),
            ("fault", fault.is_some()),
            ("traffic", traffic.is_some()),
            ("note", note.is_some()),
        ];
        let help = "every entry does one thing; make it several entries";
        if reader.exactly_one(&things, &place, help).is_none() {
            return;
        }
        if docker.is_none() {
            for (key, text) in [("id", id), ("on", on)] {
                if let Some(text) = text {
                    let reason = "it belongs to `docker`";
                    let at = reader.place(text.referenced, &pointer.key(key));
                    reader.fail(at, Problem::KeyNotAllowed { key: key.to_owned(), reason }, "");
                }
            }
        }
        if let Some(lines) = docker {
            self.add_commands(reader, time, lines, id.as_ref(), on.as_ref(), pointer);
        }
        if let Some(fault) = fault {
            self.add_faults(reader, time, fault, &pointer.key("fault"));
        }
        if let Some(traffic) = traffic {
            self.add_traffic(reader, time, traffic, &pointer.key("traffic"));
        }
        if let Some(text) = reader.given(note.as_ref(), &pointer.key("note"), Reader::text) {
            self.push(time, None, Stimulus::Note(text.into()));
        }
    }

    /// The time of an entry, which is not earlier than that of the one before.
    fn time(&mut self, reader: &mut Reader<'_>, at: &Text, pointer: &Pointer) -> SimTime {
        let pointer = pointer.key("at");
        let before = self.times.last().map_or(SimTime::ZERO, |(time, _)| *time);
        let Some(time) = reader.given(Some(at), &pointer, Reader::time) else { return before };
        let place = reader.place(at.referenced, &pointer);
        if time < before {
            let problem = Problem::OutOfOrder { after: before.to_string() };
            reader.fail(place, problem, "entries of the timeline stand in order of time");
            return before;
        }
        self.times.push((time, place));
        time
    }

    fn push(&mut self, at: SimTime, heals: Option<usize>, stimulus: Stimulus) {
        self.last = self.last.max(at);
        self.drafts.push(Draft { at, heals, stimulus });
    }

    fn add_commands(
        &mut self,
        reader: &mut Reader<'_>,
        time: SimTime,
        lines: &TextOrList<Text>,
        id: Option<&Text>,
        on: Option<&Text>,
        pointer: &Pointer,
    ) {
        let host = reader.given(on, &pointer.key("on"), |reader, text, at| reader.host(self.names, text, at));
        let mut commands = Vec::new();
        for text in lines.texts() {
            let command = reader
                .given(Some(text), &pointer.key("docker"), |reader, line, at| self.command(reader, line, at));
            commands.extend(command);
        }
        if let TextOrList::List(list) = lines
            && list.value.is_empty()
        {
            let at = reader.place(list.referenced, &pointer.key("docker"));
            reader.fail(at, Problem::Contradiction("this list of commands is empty"), "");
        }
        let ids: Vec<CommandId> = commands.iter().map(|command| command.id).collect();
        self.push(time, None, Stimulus::Commands { host, commands });
        let Some(id) = id else { return };
        let at = reader.place(id.referenced, &pointer.key("id"));
        let Some(name) = reader.given(Some(id), &pointer.key("id"), Reader::plain_name) else { return };
        if self.command_names.insert(name.clone(), ids).is_some() {
            let problem = Problem::DuplicateName { kind: NameKind::Command, name };
            reader.fail(at, problem, "an `id` names one entry");
        }
    }

    fn command(&mut self, reader: &mut Reader<'_>, line: &str, at: &Location) -> Option<ClientCommand> {
        let command = match docker::parse_simulated(line, &|text| self.names.host_or_address(text)) {
            Ok(command) => command,
            Err(error) => {
                let at = reader.narrowed(at, &error.part);
                reader.fail(at, Problem::Command(error.problem), error.help);
                return None;
            }
        };
        if let DockerCommand::Service(ServiceCommand::Create(create)) = &command {
            self.add_service(create);
        }
        let id = CommandId(self.commands);
        self.commands += 1;
        Some(ClientCommand { id, line: line.into(), command: Arc::new(command) })
    }

    /// A fault, which may strike several pairs of places, each with its own healing.
    fn add_faults(
        &mut self,
        reader: &mut Reader<'_>,
        time: SimTime,
        file: &Spanned<faults::FaultFile>,
        pointer: &Pointer,
    ) {
        let Some(resolved) = faults::resolve(reader, file, self.names, pointer) else { return };
        for fault in resolved.faults {
            if let Fault::KillTask { task } = &fault {
                let at = reader.place(file.referenced, pointer);
                let at =
                    file.value.kill_task.as_ref().map_or(at, |text| reader.place(text.referenced, pointer));
                match super::expectations::task_name(reader, task, &at, self.names) {
                    Some(name) => self.mentioned.push((name.service, at)),
                    None => return,
                }
            }
            let healing = resolved.lasts.and_then(|span| Some((span, faults::healing(&fault)?)));
            let place = self.drafts.len();
            self.push(time, None, Stimulus::Fault(Arc::new(fault)));
            if let Some((span, healing)) = healing {
                self.push(time + span, Some(place), Stimulus::Fault(Arc::new(healing)));
            }
        }
    }

    fn add_traffic(
        &mut self,
        reader: &mut Reader<'_>,
        time: SimTime,
        file: &Spanned<TrafficFile>,
        pointer: &Pointer,
    ) {
        let at = reader.place(file.value.name.referenced, &pointer.key("name"));
        let Some((traffic, target)) = traffic::source(reader, file, self.names, pointer) else { return };
        if self.traffic.iter().any(|known| known.name == traffic.name) {
            let problem = Problem::DuplicateName { kind: NameKind::Traffic, name: traffic.name.clone() };
            reader.fail(at.clone(), problem, "every source of traffic needs a name of its own");
        }
        if let Origin::Tasks { service } = &traffic.origin {
            let from = file
                .value
                .from
                .as_ref()
                .map_or(at, |from| reader.place(from.referenced, &pointer.key("from")));
            self.mentioned.push((service.clone(), from));
        }
        self.targets.push(target);
        self.last = self.last.max(time + traffic.lasts);
        let id = TrafficId::from_index(self.traffic.len());
        self.traffic.push(traffic);
        self.push(time, None, Stimulus::Traffic(id));
    }

    /// Notes the names that a command gives to a service.
    fn add_service(&mut self, create: &ServiceCreate) {
        self.services.insert(create.spec.annotations.name.clone());
        self.aliases.extend(create.networks.iter().flat_map(|network| network.aliases.iter().cloned()));
    }
}
