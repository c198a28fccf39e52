//! The plan of a storm: a small cluster, steps that disturb it, and what must be true afterwards.
use std::fmt::Write as _;

use sim_core::kernel::{SimDuration, SimTime, Stream};

use super::weather;

/// The time in which a healed cluster is whole again, if it has a leader after 40 s.
///
/// An election may take several rounds of 10 to 19 s, or many; after it the agents, whose attempts are up to 8 s apart, need
/// new sessions, nodes that lost tasks need the restart delay of 5 s, and a stop takes up to 13 s.
pub const CONVERGENCE_BOUND: SimDuration = SimDuration::from_secs(180);
/// How much longer a storm is waited for whose managers have not elected a leader soon enough. Each round of an election
/// that only one of three can win fails two times of three.
const LONG_ELECTION: SimDuration = SimDuration::from_secs(15 * 60);

/// When the last command is given, counted from the healing.
const LAST_COMMAND: SimDuration = SimDuration::from_secs(120);

/// When hosts that lost their disks try to join again, counted from the healing.
const RETURNS: [SimDuration; 3] =
    [SimDuration::from_secs(40), SimDuration::from_secs(80), SimDuration::from_secs(110)];

/// When those that are to join again leave first, counted from the healing. An engine that could not join while nobody
/// waited any more has to, and who joins at the very moment at which it leaves may be taken for its own predecessor, so
/// that its records are not let in (spec networking 8.4).
const LEAVES: SimDuration = SimDuration::from_secs(20);

/// For how long before the end every node must answer every request.
const LAST_REQUESTS: SimDuration = SimDuration::from_secs(20);

/// Which of the expectations of a storm is that all its nodes are Ready in the end.
pub(super) const READY_EXPECTATION: usize = 0;

/// A storm before it is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) managers: u32,
    pub(super) workers: u32,
    /// Lines of `cluster.settings`.
    pub(super) settings: String,
    /// A host that keeps its disk and takes tasks.
    pub(super) anchor: String,
    /// The service that must run in the end, and its replicas then.
    pub(super) replicas: u64,
    pub(super) steps: Vec<Step>,
    /// When everything is healed.
    pub(super) healed: SimTime,
    /// Managers go on alone, leave by force and begin swarms of their own. What is left in the end may be several
    /// swarms, or none, so only invariants are promised.
    pub(super) falls_apart: bool,
    /// How long the healed cluster is left alone before anything is asked of it.
    pub(super) rest: SimDuration,
    /// The end of a storm that was cut short after it failed. Nothing is expected of it any more.
    pub(super) cut_short: Option<SimTime>,
}

/// One thing that happens in a storm.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: SimTime,
    /// The rest of its entry in the timeline.
    pub(super) what: String,
    /// The host that loses its disk or leaves, and has to join again.
    pub(super) loses: Option<String>,
}

impl Plan {
    /// The storm of a seed, which rages for some minutes.
    #[must_use]
    pub fn drawn(seed: u64, minutes: u32) -> Self {
        let mut random = Stream::named(seed, "storm");
        let managers = 1 + random.below(7) as u32;
        let workers = random.below(5) as u32;
        let anchor = format!("manager-{}", 1 + random.below(u64::from(managers)));
        let (interval, kept) = [(10_000, 500), (10_000, 500), (100, 50), (20, 0)][random.below(4) as usize];
        let ties = ["by-id", "seeded"][random.below(2) as usize];
        let settings = format!("ties: {ties}, snapshot_interval: {interval}, slow_follower_entries: {kept}");
        let healed = SimTime::from_secs(60 * u64::from(minutes));
        let replicas = 1 + random.below(6);
        let mut plan = Plan {
            seed,
            managers,
            workers,
            settings,
            anchor,
            replicas,
            steps: Vec::new(),
            healed,
            falls_apart: false,
            rest: SimDuration::ZERO,
            cut_short: None,
        };
        plan.steps = weather::steps(&plan, &mut random);
        plan.steps.extend(weather::closed_ports(&plan, &mut Stream::named(seed, "storm/ports")));
        let mut random = Stream::named(seed, "storm/membership");
        plan.falls_apart = random.below(8) == 0;
        plan.steps.extend(weather::membership(&plan, &mut random));
        plan.steps.sort_by_key(|step| step.at);
        plan
    }

    /// `storm-44`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("storm-{}", self.seed)
    }

    /// When hosts that lost their disks first need a leader.
    pub(super) fn leader_needed(&self) -> SimTime {
        self.healed + self.rest + RETURNS[0]
    }

    /// The same storm with more time for an election. None: it had that time already.
    pub(super) fn with_rest(&self) -> Option<Plan> {
        self.rest.is_zero().then(|| Plan { rest: LONG_ELECTION, ..self.clone() })
    }

    /// All hosts by name, managers first.
    pub(super) fn hosts(&self) -> Vec<String> {
        let managers = (1..=self.managers).map(|number| format!("manager-{number}"));
        managers.chain((1..=self.workers).map(|number| format!("worker-{number}"))).collect()
    }

    /// The storm as a scenario file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a text takes everything");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Plan { seed, managers, workers, settings, .. } = self;
        writeln!(text, "name: {}", self.name())?;
        writeln!(text, "about: A storm, drawn from a seed. Run it with --check.")?;
        writeln!(text, "seed: {seed}")?;
        writeln!(
            text,
            "cluster: {{ managers: {managers}, workers: {workers}, settings: {{ {settings} }} }}"
        )?;
        writeln!(text, "images: {{ flaky: {{ exit: {{ code: 1, after: 40s }} }} }}")?;
        writeln!(text, "timeline:")?;
        writeln!(
            text,
            "  - {{ at: 1s, on: {}, docker: \"service create --name web --publish 8080:80 app:1\" }}",
            self.anchor
        )?;
        let lasts = millis(self.healed);
        let users =
            format!("name: users, to: \"web:8080\", through: all, rate: 5/s, retries: 1, for: {lasts}");
        writeln!(text, "  - {{ at: 2s, traffic: {{ {users} }} }}")?;
        for Step { at, what, .. } in &self.steps {
            writeln!(text, "  - {{ at: {}, {what} }}", millis(*at))?;
        }
        match self.cut_short {
            Some(end) => writeln!(text, "until: {}", millis(end)),
            None if self.falls_apart => writeln!(text, "until: {}", millis(self.healed + CONVERGENCE_BOUND)),
            None => self.write_end(text),
        }
    }

    /// The last command and what must be true in the end. The command replaces all tasks: one that found no node when
    /// its service was scaled waits for ever otherwise, as in reality (spec scheduler, a task without a suitable node).
    fn write_end(&self, text: &mut String) -> std::fmt::Result {
        let hosts = self.hosts();
        let leaders: Vec<&str> =
            hosts.iter().map(String::as_str).filter(|host| host.starts_with("manager")).collect();
        self.write_returns(text)?;
        let rested = self.healed + self.rest;
        let (end, replicas) = (millis(rested + CONVERGENCE_BOUND), self.replicas);
        let last = millis(rested + LAST_COMMAND);
        // All at a time: slot by slot it could take a minute.
        let line = format!("service update --force --update-parallelism 0 --replicas {replicas} web");
        writeln!(text, "  - {{ at: {last}, id: last, on: {}, docker: \"{line}\" }}", self.anchor)?;
        let (late, lasts) = (
            millis(rested + CONVERGENCE_BOUND.saturating_sub(LAST_REQUESTS)),
            millis(SimTime::ZERO + LAST_REQUESTS),
        );
        let after = format!("name: after, to: \"web:8080\", through: all, rate: 20/s, for: {lasts}");
        writeln!(text, "  - {{ at: {late}, traffic: {{ {after} }} }}")?;
        writeln!(text, "until: {end}")?;
        writeln!(text, "expect:")?;
        writeln!(text, "  - {{ at: {end}, cluster: {{ ready: {} }} }}", hosts.len())?;
        writeln!(text, "  - {{ at: {end}, cluster: {{ leader: [{}] }} }}", leaders.join(", "))?;
        writeln!(text, "  - {{ at: {end}, service: web, running: {replicas} }}")?;
        writeln!(text, "  - {{ at: {end}, traffic: after, failed: 0, ok: {{ min: 390 }} }}")?;
        writeln!(text, "  - {{ command: last, succeeds: true }}")
    }

    /// Those who lost their disks or have left join again. Further attempts are for those that found no leader.
    fn write_returns(&self, text: &mut String) -> std::fmt::Result {
        let at = millis(self.healed + self.rest + LEAVES);
        let mut lost: Vec<&String> = Vec::new();
        for host in self.steps.iter().filter_map(|step| step.loses.as_ref()) {
            if !lost.contains(&host) {
                lost.push(host);
            }
        }
        for host in &lost {
            writeln!(text, "  - {{ at: {at}, on: {host}, docker: \"swarm leave --force\" }}")?;
        }
        for after in RETURNS {
            let at = millis(self.healed + self.rest + after);
            for host in &lost {
                let role = host.split('-').next().expect("a name begins with the role");
                let line = format!("swarm join --token {role}-token {}:2377", self.anchor);
                writeln!(text, "  - {{ at: {at}, on: {host}, docker: \"{line}\" }}")?;
            }
        }
        Ok(())
    }
}

fn millis(time: SimTime) -> String {
    format!("{}ms", time.as_nanos() / 1_000_000)
}
