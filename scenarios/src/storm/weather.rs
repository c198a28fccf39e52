//! What happens in a storm: faults that end by themselves before everything is healed, and commands.
use sim_core::kernel::{SimDuration, SimTime, Stream};

use super::plan::{Plan, Step};

/// A storm begins after the cluster has had time to do what it was told first.
const CALM: SimTime = SimTime::from_secs(20);
/// The longest fault in seconds.
const LONGEST: u64 = 150;

/// Draws all steps of a storm, in order of time.
pub(super) fn steps(plan: &Plan, random: &mut Stream) -> Vec<Step> {
    let mut weather = Weather::new(plan, random);
    // Some storms leave time to recover between two faults, some do not.
    let gap = [15, 45, 120][weather.random.below(3) as usize];
    let mut steps = Vec::new();
    let mut at = CALM;
    loop {
        at += weather.random.span(SimDuration::from_millis(1), SimDuration::from_secs(2 * gap));
        if at + SimDuration::from_secs(2) >= plan.healed {
            return steps;
        }
        let step = weather.step(at);
        let is_fault = step.what.starts_with("fault");
        steps.push(step);
        // What is asked for in the middle of a disturbance is the hardest to keep.
        if is_fault && weather.random.below(2) == 0 {
            at += weather.random.span(SimDuration::from_millis(1), SimDuration::from_secs(12));
            let at = at.min(plan.healed);
            steps.push(Step { at, what: weather.command(), loses: None });
        }
    }
}

/// Draws firewalls that close single ports, and lost datagrams of gossip, in order of time. They have numbers of their
/// own, so that the other steps of a storm are the same with and without them.
pub(super) fn closed_ports(plan: &Plan, random: &mut Stream) -> Vec<Step> {
    const GAP: SimDuration = SimDuration::from_secs(150);
    let mut weather = Weather::new(plan, random);
    let (mut steps, mut at) = (Vec::new(), CALM);
    loop {
        at += weather.random.span(SimDuration::from_millis(1), GAP);
        if at + SimDuration::from_secs(2) >= plan.healed {
            return steps;
        }
        steps.push(Step { at, what: weather.closed_port(at), loses: None });
    }
}

/// Draws what becomes of the members of the swarm: workers leave and come back. Where everything may fall apart, managers
/// are demoted, go on alone and begin new swarms too. It has numbers of its own as well.
pub(super) fn membership(plan: &Plan, random: &mut Stream) -> Vec<Step> {
    const GAP: SimDuration = SimDuration::from_secs(500);
    let mut weather = Weather::new(plan, random);
    let (mut steps, mut at) = (Vec::new(), CALM);
    loop {
        at += weather.random.span(SimDuration::from_millis(1), GAP);
        if at + SimDuration::from_secs(2) >= plan.healed {
            return steps;
        }
        if plan.falls_apart && weather.random.below(3) > 0 {
            steps.push(Step { at, what: weather.upheaval(), loses: None });
        } else {
            steps.extend(weather.leave(at));
        }
    }
}

struct Weather<'a> {
    plan: &'a Plan,
    hosts: Vec<String>,
    /// How many managers may still lose their disks: a majority keeps them.
    disks_to_lose: u32,
    lost: Vec<String>,
    random: &'a mut Stream,
}

impl<'a> Weather<'a> {
    fn new(plan: &'a Plan, random: &'a mut Stream) -> Self {
        Weather {
            plan,
            hosts: plan.hosts(),
            disks_to_lose: (plan.managers - 1) / 2,
            lost: Vec::new(),
            random,
        }
    }

    fn closed_port(&mut self, at: SimTime) -> String {
        if self.random.below(2) == 0 {
            let port = [2377, 7946, 4789][self.random.below(3) as usize];
            return self.of_link("block", &format!("port: {port}, "), at);
        }
        let rate = 10 + self.random.below(91);
        self.of_link("gossip_loss", &format!("rate: {rate}%, "), at)
    }

    /// A worker leaves. It comes back when everything is healed.
    fn leave(&mut self, at: SimTime) -> Option<Step> {
        let host = self.host();
        if host.starts_with("manager") {
            return None;
        }
        let leave = if self.random.below(2) == 0 { "swarm leave" } else { "swarm leave --force" };
        let what = format!("on: {host}, docker: \"{leave}\"");
        Some(Step { at, what, loses: Some(host) })
    }

    /// What operators do in despair. Nobody is promoted who was demoted before: if its certificate is renewed too late, a
    /// demoted manager joins the Raft cluster once more, and then loses its log while it is a member. Nothing is
    /// promised of such a cluster, in reality neither (spec control-plane 3.3, 8.4).
    fn upheaval(&mut self) -> String {
        let (host, other) = (self.manager(), self.host());
        let (token, anchor) = (["worker", "manager"][self.random.below(2) as usize], &self.plan.anchor);
        let join = format!("swarm join --token {token}-token {anchor}:2377");
        match self.random.below(7) {
            0 | 1 => format!("on: {host}, docker: \"swarm init --force-new-cluster\""),
            2 => format!("on: {host}, docker: [\"swarm leave --force\", \"swarm init\"]"),
            3 => format!("on: {other}, docker: [\"swarm leave --force\", \"{join}\"]"),
            4 => format!("on: {other}, docker: \"swarm leave --force\""),
            5 if other.starts_with("worker") => format!("on: {host}, docker: \"node promote {other}\""),
            _ => format!("on: {host}, docker: \"node demote {}\"", self.manager()),
        }
    }

    fn step(&mut self, at: SimTime) -> Step {
        let mut loses = None;
        let what = match self.random.below(20) {
            0..=2 => self.of_host("crash", at),
            3 => {
                let containers = ["survive", "die"][self.random.below(2) as usize];
                let host = self.host();
                format!("fault: {{ kill: {host}, containers: {containers}, for: {} }}", self.lasts(at))
            }
            4 => self.of_host("stop", at),
            5 | 6 => self.of_host("freeze", at),
            7 => {
                loses = self.host_without_disk();
                match &loses {
                    Some(host) => format!("fault: {{ lose_disk: {host}, for: {} }}", self.lasts(at)),
                    None => self.of_host("crash", at),
                }
            }
            8..=10 => self.of_link("cut", "", at),
            11 => {
                let rate = 1 + self.random.below(60);
                self.of_link("loss", &format!("rate: {rate}%, "), at)
            }
            12 => {
                let by = self.random.below(2_500);
                self.of_link("slow", &format!("by: {by}ms, "), at)
            }
            13 => {
                let (host, by) = (self.host(), self.random.below(4_000));
                format!("fault: {{ slow_disk: {host}, by: {by}ms, for: {} }}", self.lasts(at))
            }
            14 => format!("fault: {{ kill_task: web.{} }}", 1 + self.random.below(6)),
            _ => self.command(),
        };
        Step { at, what, loses }
    }

    fn host(&mut self) -> String {
        self.hosts[self.random.below(self.hosts.len() as u64) as usize].clone()
    }

    fn manager(&mut self) -> String {
        format!("manager-{}", 1 + self.random.below(u64::from(self.plan.managers)))
    }

    /// A host whose disk may go: managers only as long as a majority keeps theirs, and never the anchor.
    fn host_without_disk(&mut self) -> Option<String> {
        let host = self.host();
        if host == self.plan.anchor || self.lost.contains(&host) {
            return None;
        }
        if host.starts_with("manager") {
            self.disks_to_lose = self.disks_to_lose.checked_sub(1)?;
        }
        self.lost.push(host.clone());
        Some(host)
    }

    fn of_host(&mut self, fault: &str, at: SimTime) -> String {
        let host = self.host();
        format!("fault: {{ {fault}: {host}, for: {} }}", self.lasts(at))
    }

    /// A fault between two hosts, between one and all others, or between two halves of the cluster.
    fn of_link(&mut self, fault: &str, strength: &str, at: SimTime) -> String {
        let one = self.host();
        let other = self.host();
        if self.hosts.len() == 1 {
            return self.of_host("freeze", at);
        }
        let sides = match self.random.below(3) {
            0 if one != other => format!("[{one}, {other}]"),
            2 if self.hosts.len() > 2 => {
                let mut hosts = self.hosts.clone();
                self.random.shuffle(&mut hosts);
                let half = 1 + self.random.below(hosts.len() as u64 - 1) as usize;
                format!("[[{}], [{}]]", hosts[..half].join(", "), hosts[half..].join(", "))
            }
            _ => format!("[{one}, all]"),
        };
        let one_way = self.random.below(3) == 0;
        format!("fault: {{ {fault}: {sides}, {strength}one_way: {one_way}, for: {} }}", self.lasts(at))
    }

    /// How long a fault lasts: it is over when everything is healed.
    fn lasts(&mut self, at: SimTime) -> String {
        let longest = SimDuration::from_secs([5, 30, LONGEST][self.random.below(3) as usize]);
        let longest = longest.min(self.plan.healed.since(at));
        let span = self.random.span(SimDuration::from_millis(1), longest);
        format!("{}ms", (span.as_nanos() / 1_000_000).max(1))
    }

    /// A command on any manager. It may fail; what it was told to be done must not be lost.
    fn command(&mut self) -> String {
        let manager = 1 + self.random.below(u64::from(self.plan.managers));
        let line = match self.random.below(8) {
            0..=2 => format!("service scale web={}", 1 + self.random.below(8)),
            3 => format!("service update --image app:{} web", 1 + self.random.below(3)),
            4 => "service update --force web".to_owned(),
            5 => format!("service create --name more-{} --replicas 2 flaky", self.random.below(3)),
            6 => format!("service rm more-{}", self.random.below(3)),
            _ => {
                let host = self.host();
                let host = if host == self.plan.anchor { format!("manager-{manager}") } else { host };
                let wish = ["active", "drain", "pause"][self.random.below(3) as usize];
                let wish = if host == self.plan.anchor { "active" } else { wish };
                format!("node update --availability {wish} {host}")
            }
        };
        format!("on: manager-{manager}, docker: \"{line}\"")
    }
}
