//! What a docker client without `--detach` shows while it waits for a service.
//!
//! The client of `service create`, `update`, `scale` and `rollback` looks at the service five times a second, after
//! the API has answered, until all tasks have been running for the monitoring time of updates. Here it is an
//! observer: what it sees and when it ends follows exactly from the facts, but it sends no messages, so that nothing
//! in the simulation depends on whether somebody waits. Simpler because of that: its questions take no time, and it is
//! refused when nobody has led for ten seconds, whatever its own manager knows.
mod display;
mod screen;
mod standing;
mod wait;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::wait::Wait;
use crate::client::ClientError;
use crate::cluster::View;
use crate::kernel::{SimDuration, SimTime};
use crate::manager::api::find_service;
use crate::model::command::{DockerCommand, ServiceCommand};
use crate::model::setup::{Setup, Stimulus};
use crate::model::{CommandId, Fact, FactRecord, Fault, HostId, ServiceId};
use crate::store::Store;

/// What one client has shown while it waited for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The command whose client waited.
    pub command: CommandId,
    /// The service it waited for.
    pub service: ServiceId,
    /// When the API had answered and it began to wait.
    pub began: SimTime,
    /// When it stopped waiting and why; none while it waits.
    pub end: Option<(SimTime, ProgressEnd)>,
    /// The lines on its terminal, as they stood at last.
    pub lines: Vec<String>,
}

/// Why a client stopped waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressEnd {
    /// All tasks were running for the monitoring time.
    Converged,
    /// All completions of the job are there.
    JobComplete,
    /// The update was completed, but tasks do not run any more: the client ends without a word.
    UpdateOver,
    /// The client ended with exit code 1 and this text.
    Failed(String),
    /// The client died with its host.
    Lost,
}

/// What has become of a client after the API's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState<'a> {
    /// It waits for nothing, or not any more, and all that it waited for went well.
    Done,
    /// It still waits.
    Waiting,
    /// It has complained, and ended with exit code 1.
    Failed(&'a str),
    /// It died with its host.
    Lost,
}

/// All clients that wait.
#[derive(Clone, Debug)]
pub struct Clients {
    commands: BTreeMap<CommandId, Arc<DockerCommand>>,
    hosts: BTreeMap<CommandId, HostId>,
    waiting: Vec<Client>,
    over: Vec<Progress>,
    leaderless_since: Option<SimTime>,
    /// Somebody may lead, or lead no more.
    leader_unsure: bool,
}

/// A client that waits for one service after the other, for the first one now.
#[derive(Clone, Debug)]
struct Client {
    command: CommandId,
    host: HostId,
    waits: VecDeque<Wait>,
}

impl Clients {
    /// Nobody waits yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut commands = BTreeMap::new();
        for entry in &setup.timeline {
            let Stimulus::Commands { commands: typed, .. } = &entry.stimulus else { continue };
            for typed in typed {
                commands.insert(typed.id, Arc::clone(&typed.command));
            }
        }
        Clients {
            commands,
            hosts: BTreeMap::new(),
            waiting: Vec::new(),
            over: Vec::new(),
            leaderless_since: None,
            leader_unsure: true,
        }
    }

    /// A fact was told. All looks before its time saw what was there before it.
    pub(crate) fn fact(&mut self, record: &FactRecord, view: View<'_>) {
        self.look_before(record.time, view.seed());
        let fact = &record.fact;
        if !self.waiting.is_empty()
            && wait::may_concern(fact)
            && let Some(store) = view.store()
        {
            for wait in self.waiting.iter_mut().flat_map(|client| &mut client.waits) {
                wait.fact(fact, store, view.seed());
            }
        }
        self.leader_unsure |=
            matches!(fact, Fact::Leadership { .. } | Fact::Manager { .. } | Fact::Fault { .. });
        if let Fact::Command { command, host, .. } = fact {
            self.hosts.insert(*command, *host);
        } else if let Fact::Answer { command, exit, stdout, .. } = fact {
            self.begin(*command, *exit == 0, stdout, record.time, view);
        } else if let Fact::Fault { fault } = fact {
            self.strike(fault, record.time, view.seed());
        }
    }

    /// Nothing more happens at this instant: all look. True if one of them has ended.
    pub(crate) fn instant_over(&mut self, time: SimTime, view: View<'_>) -> bool {
        if std::mem::take(&mut self.leader_unsure) {
            self.leaderless_since = match view.leader() {
                Some(_) => None,
                None => self.leaderless_since.or(Some(time)),
            };
        }
        let ended = self.over.len();
        self.look_before(time + SimDuration::from_nanos(1), view.seed());
        self.over.len() > ended
    }

    /// What has become of the client of a command, as far as it has looked.
    #[must_use]
    pub fn state(&self, command: CommandId) -> ClientState<'_> {
        if self.waiting.iter().any(|client| client.command == command) {
            return ClientState::Waiting;
        }
        let ends = self.over.iter().filter(|one| one.command == command);
        let mut ends = ends.filter_map(|one| one.end.as_ref().map(|(_, end)| end));
        ends.find_map(|end| match end {
            ProgressEnd::Failed(text) => Some(ClientState::Failed(text)),
            ProgressEnd::Lost => Some(ClientState::Lost),
            ProgressEnd::Converged | ProgressEnd::JobComplete | ProgressEnd::UpdateOver => None,
        })
        .unwrap_or(ClientState::Done)
    }

    /// The run is over at a time, and all that happened then has been seen.
    pub(crate) fn finish(mut self, end: SimTime, seed: u64) -> Vec<Progress> {
        self.look_before(end + SimDuration::from_nanos(1), seed);
        for client in &self.waiting {
            self.over.push(progress(client.command, &client.waits[0], None));
        }
        self.over.sort_by_key(|progress| (progress.command, progress.began));
        self.over
    }

    /// The API has answered: a client without `--detach` begins to wait for what it has changed.
    fn begin(&mut self, command: CommandId, all_well: bool, stdout: &str, now: SimTime, view: View<'_>) {
        let (Some(typed), Some(host)) = (self.commands.get(&command), self.hosts.get(&command)) else {
            return;
        };
        let Some(store) = view.store() else { return };
        let services = awaited(typed, all_well, stdout, store, view.seed());
        let waits: VecDeque<Wait> =
            services.into_iter().map(|id| Wait::begin(id, now, store, view.seed())).collect();
        if !waits.is_empty() {
            self.waiting.push(Client { command, host: *host, waits });
        }
    }

    /// All looks before a time. A client whose wait is over goes on with its next service, or ends.
    fn look_before(&mut self, time: SimTime, seed: u64) {
        let (leaderless_since, over) = (self.leaderless_since, &mut self.over);
        self.waiting.retain_mut(|client| {
            while let Some(wait) = client.waits.front_mut() {
                let Some((at, end)) = wait.look_before(time, leaderless_since, seed) else { return true };
                over.push(progress(client.command, wait, Some((at, end))));
                client.waits.pop_front();
                if let Some(next) = client.waits.front_mut() {
                    next.begin_looking(at);
                }
            }
            false
        });
    }

    /// A host without its engine answers no client, and one without power has none.
    fn strike(&mut self, fault: &Fault, now: SimTime, seed: u64) {
        let (hosts, end) = if let Fault::Crash { hosts } | Fault::LoseDisk { hosts } = fault {
            (hosts, ProgressEnd::Lost)
        } else if let Fault::Kill { hosts, .. } | Fault::Stop { hosts } = fault {
            (hosts, ProgressEnd::Failed(ClientError::NoEngine.message(seed)))
        } else {
            return;
        };
        let over = &mut self.over;
        self.waiting.retain(|client| {
            let lives = !hosts.contains(&client.host);
            if !lives {
                over.push(progress(client.command, &client.waits[0], Some((now, end.clone()))));
            }
            lives
        });
    }
}

fn progress(command: CommandId, wait: &Wait, end: Option<(SimTime, ProgressEnd)>) -> Progress {
    Progress { command, service: wait.id(), began: wait.began(), end, lines: wait.lines() }
}

/// The services that a client waits for, in order: those that its command has changed, unless it is detached.
fn awaited(
    command: &DockerCommand,
    all_well: bool,
    stdout: &str,
    store: &Store,
    seed: u64,
) -> Vec<ServiceId> {
    let DockerCommand::Service(command) = command else { return Vec::new() };
    let named = |name: &str| find_service(store, name, seed).ok().map(|service| service.id);
    if let ServiceCommand::Scale { replicas, detach: false } = command {
        let is_scaled = |name: &str, to: u64| {
            stdout.lines().any(|line| line.strip_prefix(name) == Some(&format!(" scaled to {to}")))
        };
        let scaled = replicas.iter().filter(|(name, to)| is_scaled(name, *to));
        return scaled.filter_map(|(name, _)| named(name)).collect();
    }
    let changed = if let ServiceCommand::Create(create) = command {
        // Its name may be the manager's choice; what is printed is the id.
        (!create.detach).then(|| stdout.trim())
    } else if let ServiceCommand::Update { service, detach: false, .. }
    | ServiceCommand::Rollback { service, detach: false } = command
    {
        Some(service.as_str())
    } else {
        None
    };
    changed.filter(|_| all_well).and_then(named).into_iter().collect()
}
