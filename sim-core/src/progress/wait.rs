//! One client that waits for one service: what it looks at, and when it has seen enough.
use std::sync::Arc;

use super::ProgressEnd;
use super::display::{Display, Scene};
use super::screen::Screen;
use super::standing::Table;
use crate::client::ClientError;
use crate::kernel::{SimDuration, SimTime};
use crate::manager::forward::NO_LEADER;
use crate::model::spec::DEFAULT_MONITOR;
use crate::model::{Fact, Service, ServiceId, Subject, UpdateState};
use crate::store::Store;

/// Time between two looks of a client.
const POLL: SimDuration = SimDuration::from_millis(200);
/// How long a manager lets calls hang that need a leader before it refuses them (spec control-plane 3.6).
const LEADERLESS: SimDuration = SimDuration::from_secs(10);
/// Looks without a change after which a client that waits for tasks sees nothing new before the next change.
const LOOKS_UNTIL_SETTLED: u32 = 2;

/// True for facts about services, tasks and nodes: others change nothing of what a client sees.
pub(super) fn may_concern(fact: &Fact) -> bool {
    matches!(fact.subject(), Subject::Service(_) | Subject::Task(_) | Subject::Node(_))
}

/// A client that waits for a service.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    id: ServiceId,
    /// None once it was removed.
    service: Option<Arc<Service>>,
    table: Table,
    display: Option<Display>,
    screen: Screen,
    began: SimTime,
    next_look: SimTime,
    looks_since_change: u32,
    converged: bool,
    converged_at: Option<SimTime>,
    monitor: SimDuration,
    rolling_back: bool,
    /// What is left to say when all tasks run.
    last_word: Option<String>,
}

impl Wait {
    /// The service is followed from now on.
    pub(super) fn begin(id: ServiceId, now: SimTime, store: &Store, seed: u64) -> Self {
        let mut wait = Wait {
            id,
            service: None,
            table: Table::default(),
            display: None,
            screen: Screen::default(),
            began: now,
            next_look: now,
            looks_since_change: 0,
            converged: false,
            converged_at: None,
            monitor: DEFAULT_MONITOR,
            rolling_back: false,
            last_word: None,
        };
        wait.read_service(store, seed);
        wait
    }

    /// The client has waited for another service, and looks at this one now.
    pub(super) fn begin_looking(&mut self, now: SimTime) {
        (self.began, self.next_look) = (now, now);
    }

    pub(super) fn id(&self) -> ServiceId {
        self.id
    }

    pub(super) fn began(&self) -> SimTime {
        self.began
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.screen.lines().collect()
    }

    /// A fact was told; the store is what it led to.
    pub(super) fn fact(&mut self, fact: &Fact, store: &Store, seed: u64) {
        if let Fact::ServiceUpdated { service }
        | Fact::ServiceUpdateStatus { service, .. }
        | Fact::ServiceRemoved { service } = fact
            && *service == self.id
        {
            self.read_service(store, seed);
        }
        let Some(service) = &self.service else { return };
        if let Fact::TaskCreated { task, .. }
        | Fact::TaskAssigned { task, .. }
        | Fact::TaskState { task, .. }
        | Fact::TaskDesired { task, .. }
        | Fact::TaskRemoved { task } = fact
        {
            if self.table.refresh(*task, service, store, seed) {
                self.looks_since_change = 0;
            }
        } else if let Fact::NodeStatus { node, .. }
        | Fact::NodeUpdated { node }
        | Fact::NodeRemoved { node } = fact
        {
            self.table.refresh_node(*node, service, store, seed);
            self.looks_since_change = 0;
        }
    }

    fn read_service(&mut self, store: &Store, seed: u64) {
        let before = std::mem::replace(&mut self.service, store.service(self.id).cloned());
        self.looks_since_change = 0;
        let Some(service) = &self.service else { return };
        if before.is_none_or(|before| before.spec_version != service.spec_version) {
            self.table.rebuild(service, store, seed);
        }
    }

    /// All looks before a time, up to the one that ends the wait.
    pub(super) fn look_before(
        &mut self,
        time: SimTime,
        leaderless_since: Option<SimTime>,
        seed: u64,
    ) -> Option<(SimTime, ProgressEnd)> {
        while self.next_look < time {
            let now = self.next_look;
            if let Some(since) = leaderless_since
                && now >= since + LEADERLESS
            {
                let text = format!("rpc error: code = Unknown desc = {NO_LEADER}");
                return Some((now, ProgressEnd::Failed(ClientError::Engine(text).message(seed))));
            }
            self.next_look = now + POLL;
            if let Some(end) = self.look(now, seed) {
                return Some((now, end));
            }
            self.looks_since_change += 1;
            if self.is_idle() && leaderless_since.is_none() {
                self.skip_looks_before(time);
            }
        }
        None
    }

    /// True if further looks see what the last one saw.
    fn is_idle(&self) -> bool {
        !self.converged && self.looks_since_change >= LOOKS_UNTIL_SETTLED
    }

    fn skip_looks_before(&mut self, time: SimTime) {
        let left = time.since(self.next_look.min(time)).as_nanos();
        let looks = left.div_ceil(POLL.as_nanos());
        self.next_look += SimDuration::from_nanos(looks * POLL.as_nanos());
    }

    /// One look at the service.
    fn look(&mut self, now: SimTime, seed: u64) -> Option<ProgressEnd> {
        let Some(service) = self.service.clone() else {
            let text = format!("service {} not found", self.id.text(seed));
            return Some(ProgressEnd::Failed(ClientError::Engine(text).message(seed)));
        };
        if let Some(monitor) = service.spec.update.and_then(|update| update.monitor) {
            self.monitor = monitor;
        }
        if let Some(end) = self.look_at_update(&service) {
            return Some(end);
        }
        if self.converged && self.converged_at.is_some_and(|at| now.since(at) >= self.monitor) {
            self.screen.write("verify", format!("Service {} converged", self.id.text(seed)));
            if let Some(word) = self.last_word.take() {
                self.screen.write("rollback", word);
            }
            return Some(ProgressEnd::Converged);
        }
        let display = self.display.get_or_insert_with(|| Display::new(service.spec.mode));
        let scene = Scene { service: &service, table: &self.table, seed, rolling_back: self.rolling_back };
        self.converged = display.draw(&scene, &mut self.screen);
        if self.converged && service.job_status.is_some() {
            self.screen.write("", "job complete");
            return Some(ProgressEnd::JobComplete);
        }
        self.verify(now);
        None
    }

    /// What the state of an update means for who waits.
    fn look_at_update(&mut self, service: &Service) -> Option<ProgressEnd> {
        let status = service.update_status.as_ref()?;
        match status.state {
            UpdateState::Updating => self.rolling_back = false,
            UpdateState::Completed if !self.converged => return Some(ProgressEnd::UpdateOver),
            UpdateState::Completed => {}
            UpdateState::Paused => {
                return Some(ProgressEnd::Failed(format!("service update paused: {}", status.message)));
            }
            UpdateState::RollbackStarted => {
                if !self.rolling_back && !status.message.is_empty() {
                    self.screen.write("rollback", &*status.message);
                }
                self.rolling_back = true;
            }
            UpdateState::RollbackPaused => {
                return Some(ProgressEnd::Failed(format!("service rollback paused: {}", status.message)));
            }
            UpdateState::RollbackCompleted => {
                if !self.converged {
                    self.last_word = Some(status.message.to_string());
                }
                self.rolling_back = true;
            }
        }
        None
    }

    /// All tasks run, or they have done so and do no more.
    fn verify(&mut self, now: SimTime) {
        if !self.converged {
            if self.converged_at.take().is_some() {
                self.screen.write("verify", "Detected task failure");
            }
            return;
        }
        let since = *self.converged_at.get_or_insert(now);
        let stable = now.since(since);
        if stable <= self.monitor {
            let seconds = (self.monitor.as_nanos() - stable.as_nanos()) / 1_000_000_000 + 1;
            let text = format!("Waiting {seconds} seconds to verify that tasks are stable...");
            self.screen.write("verify", text);
        }
    }
}
