//! What the managers agree about, over time: who leads, in which term, and what each log ends with.
use std::fmt::Write as _;

use sim_core::kernel::SimTime;
use sim_core::model::{HostId, RaftRole};
use sim_core::{RaftMember, View};

use crate::time;

/// Looks at the Raft cluster along a run, and shows it whenever somebody's role, term, leader or voters changed.
#[derive(Debug, Default)]
pub struct RaftView {
    last: Vec<Position>,
    text: String,
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
            self.show(now, &members, view);
        }
    }

    /// Everything that was seen, with the cluster at the end of the run.
    #[must_use]
    pub fn finish(mut self, now: SimTime, view: View<'_>) -> String {
        self.show(now, &view.raft_members(), view);
        format!(
            "Raft, whenever a role, a term, a leader or the voters changed, and at the end\n{}",
            self.text
        )
    }

    fn show(&mut self, now: SimTime, members: &[RaftMember], view: View<'_>) {
        let _ = writeln!(self.text, "\n{}", time::short(now));
        for member in members {
            let name = |host: Option<HostId>| host.map_or("nobody", |host| view.host_name(host)).to_owned();
            let role = match member.role {
                RaftRole::Follower => format!("follows {}", name(member.leader)),
                RaftRole::Candidate => "asks for votes".to_owned(),
                RaftRole::Leader => "leads".to_owned(),
            };
            let tail: Vec<String> =
                member.log_tail.iter().map(|(term, index)| format!("{term}/{index}")).collect();
            let _ = writeln!(
                self.text,
                "  {:<12} {role:<22} term {:<4} vote {:<12} commit {:<6} applied {:<6} voters {}  log ..{}",
                view.host_name(member.host),
                member.term,
                name(member.vote),
                member.commit,
                member.applied,
                member.voters.len(),
                tail.join(" ")
            );
        }
        if members.is_empty() {
            self.text.push_str("  no manager runs\n");
        }
    }
}

fn position(member: &RaftMember) -> Position {
    let RaftMember { host, role, term, leader, voters, .. } = member;
    Position { host: *host, role: *role, term: *term, leader: *leader, voters: voters.clone() }
}
