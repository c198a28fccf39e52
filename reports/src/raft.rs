//! What the managers agree about, over time: who leads, in which term, and what each log ends with.
use serde_json::{Value, json};
use sim_core::kernel::SimTime;
use sim_core::metrics::Names;
use sim_core::model::{HostId, RaftRole};
use sim_core::{RaftMember, View};

use crate::text::Text;
use crate::time;

/// Looks at the Raft cluster along a run, and remembers it whenever somebody's role, term, leader or voters changed.
#[derive(Debug, Default)]
pub struct RaftView {
    last: Vec<Position>,
    looks: Vec<Look>,
}

/// The Raft cluster whenever something about it changed, and at the end of the run.
#[derive(Debug)]
pub struct RaftHistory {
    looks: Vec<Look>,
}

/// All managers that ran at one time.
#[derive(Debug)]
struct Look {
    at: SimTime,
    members: Vec<RaftMember>,
}

/// What has to change before the cluster is shown again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    host: HostId,
    role: RaftRole,
    term: u64,
    leader: Option<HostId>,
    voters: Vec<HostId>,
}

impl RaftView {
    /// Looks at the cluster at the end of an instant.
    pub fn look(&mut self, now: SimTime, view: View<'_>) {
        let members = view.raft_members();
        let positions: Vec<Position> = members.iter().map(position).collect();
        if positions != self.last {
            self.last = positions;
            self.looks.push(Look { at: now, members });
        }
    }

    /// Everything that was seen, with the cluster at the end of the run.
    #[must_use]
    pub fn finish(mut self, now: SimTime, view: View<'_>) -> RaftHistory {
        self.looks.push(Look { at: now, members: view.raft_members() });
        RaftHistory { looks: self.looks }
    }
}

impl RaftHistory {
    /// One block a change, one line a manager.
    pub(crate) fn text(&self, names: &Names) -> Text {
        let mut text = Text::new();
        text.section("Raft, whenever a role, a term, a leader or the voters changed, and at the end");
        for Look { at, members } in &self.looks {
            text.section(&time::short(*at));
            for member in members {
                text.plain(format!("  {}", line(member, names)));
                text.end_line();
            }
            if members.is_empty() {
                text.plain("  no manager runs");
                text.end_line();
            }
        }
        text
    }

    /// The same for programs: a list, oldest first.
    pub(crate) fn json(&self, names: &Names) -> Value {
        let look = |Look { at, members }: &Look| {
            let members: Vec<Value> = members.iter().map(|member| object(member, names)).collect();
            json!({ "time_ns": at.as_nanos(), "managers": members })
        };
        self.looks.iter().map(look).collect()
    }
}

fn position(member: &RaftMember) -> Position {
    let RaftMember { host, role, term, leader, voters, .. } = member;
    Position { host: *host, role: *role, term: *term, leader: *leader, voters: voters.clone() }
}

fn line(member: &RaftMember, names: &Names) -> String {
    let name = |host: Option<HostId>| host.map_or("nobody", |host| names.host(host)).to_owned();
    let role = match member.role {
        RaftRole::Follower => format!("follows {}", name(member.leader)),
        RaftRole::Candidate => "asks for votes".to_owned(),
        RaftRole::Leader => "leads".to_owned(),
    };
    let tail: Vec<String> = member.log_tail.iter().map(|(term, index)| format!("{term}/{index}")).collect();
    format!(
        "{:<12} {role:<22} term {:<4} vote {:<12} commit {:<6} applied {:<6} voters {}  log ..{}",
        names.host(member.host),
        member.term,
        name(member.vote),
        member.commit,
        member.applied,
        member.voters.len(),
        tail.join(" ")
    )
}

fn object(member: &RaftMember, names: &Names) -> Value {
    let RaftMember { host, role, term, vote, leader, commit, applied, snapshot, log_first, log_tail, voters } =
        member;
    let name = |host: &HostId| names.host(*host).to_owned();
    let role = match role {
        RaftRole::Follower => "follower",
        RaftRole::Candidate => "candidate",
        RaftRole::Leader => "leader",
    };
    let entry = |(term, index): &(u64, u64)| json!({ "term": term, "index": index });
    json!({
        "host": name(host),
        "role": role,
        "term": term,
        "vote": vote.as_ref().map(name),
        "leader": leader.as_ref().map(name),
        "commit": commit,
        "applied": applied,
        "snapshot": snapshot,
        "log_first": log_first,
        "log_tail": log_tail.iter().map(entry).collect::<Vec<_>>(),
        "voters": voters.iter().map(name).collect::<Vec<_>>(),
    })
}
