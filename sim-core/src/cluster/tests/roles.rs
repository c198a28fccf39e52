//! Roles: promotion, demotion and removal of members, as the whole cluster goes through them.
use super::*;
use crate::model::command::{DockerCommand, NodeCommand, NodeReference};
use crate::model::setup::ClientCommand;
use crate::model::{CommandId, NodeId, NodeRole, NodeState, SessionEvent};

/// A docker command at a time; its number is that time.
pub(super) fn docker_on(seconds: u64, host: Option<HostId>, command: DockerCommand) -> TimelineEntry {
    let id = CommandId(seconds as u32);
    let command = ClientCommand { id, line: Arc::from("test"), command: Arc::new(command) };
    let stimulus = Stimulus::Commands { host, commands: vec![command] };
    TimelineEntry { at: SimTime::from_secs(seconds), stimulus }
}

/// `docker node ...` on the first manager.
fn docker(seconds: u64, command: NodeCommand) -> TimelineEntry {
    docker_on(seconds, None, DockerCommand::Node(command))
}

fn named(name: &str) -> Vec<NodeReference> {
    vec![NodeReference::Name(name.to_owned())]
}

pub(super) fn promote(seconds: u64, name: &str) -> TimelineEntry {
    docker(seconds, NodeCommand::Promote { nodes: named(name) })
}

pub(super) fn demote(seconds: u64, name: &str) -> TimelineEntry {
    docker(seconds, NodeCommand::Demote { nodes: named(name) })
}

pub(super) fn remove(seconds: u64, name: &str, force: bool) -> TimelineEntry {
    docker(seconds, NodeCommand::Remove { nodes: named(name), force })
}

/// What happened: who became what when, and the answers of commands.
#[derive(Default)]
pub(super) struct Log(pub(super) Vec<(SimTime, Fact)>);

impl Observer for Log {
    fn fact(&mut self, record: &FactRecord, _view: View<'_>) {
        self.0.push((record.time, record.fact.clone()));
    }

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}

impl Log {
    fn role_of(&self, id: NodeId, role: NodeRole) -> Option<SimTime> {
        self.0.iter().find_map(|(time, fact)| {
            matches!(fact, Fact::NodeRole { node, to, .. } if *node == id && *to == role).then_some(*time)
        })
    }

    fn manager_process(&self, id: HostId, starts: bool) -> Option<SimTime> {
        self.0.iter().find_map(|(time, fact)| {
            matches!(fact, Fact::Manager { host, running } if *host == id && *running == starts)
                .then_some(*time)
        })
    }

    fn complaints(&self) -> String {
        let stderr = self.0.iter().filter_map(|(_, fact)| {
            let Fact::Answer { stderr, .. } = fact else { return None };
            Some(stderr.to_string())
        });
        stderr.collect()
    }
}

pub(super) fn follow(setup: Setup, seed: u64, seconds: u64) -> (Simulation, Log) {
    let mut simulation = Simulation::new(Arc::new(setup), seed);
    simulation.check_invariants();
    let mut log = Log::default();
    simulation.run_until(SimTime::from_secs(seconds), &mut log);
    assert_eq!(simulation.violations(), []);
    (simulation, log)
}

fn count(simulation: &Simulation) -> (usize, usize) {
    let view = simulation.view();
    let listed = view.node_listings();
    let managers =
        listed.iter().filter(|listed| listed.manager.is_some_and(|status| status.reachable)).count();
    let store = view.store().expect("a swarm");
    let workers = store.nodes().filter(|node| node.role == NodeRole::Worker).count();
    assert!(store.nodes().all(|node| node.role == node.spec.desired_role && node.certificate.0 == node.role));
    assert_eq!(simulation.view().running_managers(), managers);
    (managers, workers)
}

#[test]
fn role_001_clu_034_a_demoted_follower_leaves_raft_first_and_changes_its_role_later() {
    // ROLE-001, CLU-034, CLU-005 first half
    for seed in 0..20 {
        let mut setup = setup(3, 1);
        setup.timeline.push(demote(30, "manager-3"));
        let (simulation, log) = follow(setup, seed, 120);
        let (off, role) = (
            log.manager_process(HostId(2), false).unwrap(),
            log.role_of(NodeId(2), NodeRole::Worker).unwrap(),
        );
        assert!(off.since(SimTime::from_secs(30)) < SimDuration::from_millis(50), "seed {seed}: {off}");
        let after = role.since(SimTime::from_secs(30));
        assert!(after <= SimDuration::from_millis(5_100), "seed {seed}: {after}");
        assert_eq!(count(&simulation), (2, 2), "seed {seed}");
    }
}

#[test]
fn role_002_a_promoted_worker_gets_its_role_at_once_and_joins_raft_by_itself() {
    // ROLE-002, CLU-006; CA-004: a renewal needs no token, and brings the role of the node object.
    for seed in 0..20 {
        let mut setup = setup(3, 1);
        setup.timeline.push(promote(30, "worker-1"));
        let (_, log) = follow(setup.clone(), seed, 40);
        let role = log.role_of(NodeId(3), NodeRole::Manager).unwrap().since(SimTime::from_secs(30));
        let on = log.manager_process(HostId(3), true).unwrap().since(SimTime::from_secs(30));
        assert!(role < SimDuration::from_millis(50), "seed {seed}: {role}");
        assert!((500..=600).contains(&on.as_millis()), "seed {seed}: {on}");
        setup.timeline.push(demote(60, "worker-1"));
        let (simulation, _) = follow(setup, seed, 150);
        assert_eq!(count(&simulation), (3, 1), "seed {seed}");
    }
}

#[test]
fn role_007_clu_003_a_demoted_leader_hands_over_before_it_is_removed() {
    // ROLE-007, CLU-003, CLU-007 first half
    for seed in 0..20 {
        let mut setup = setup(3, 1);
        setup.timeline.push(demote(30, "manager-1"));
        let (simulation, log) = follow(setup, seed, 150);
        let elections: Vec<SimTime> = log
            .0
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::RaftRole { role: RaftRole::Leader, .. }))
            .map(|(time, _)| *time)
            .collect();
        assert_eq!(elections.len(), 1, "seed {seed}");
        assert!(elections[0].since(SimTime::from_secs(30)) < SimDuration::from_millis(100), "seed {seed}");
        assert_eq!(count(&simulation), (2, 2), "seed {seed}");
    }
}

#[test]
fn clu_005_007_008_roles_go_forth_and_back() {
    // CLU-005, CLU-007, CLU-008
    let cases = [
        ([demote(30, "manager-2"), promote(90, "manager-2")], (3, 1)),
        ([demote(30, "manager-1"), promote(90, "manager-1")], (3, 1)),
        ([demote(30, "manager-1"), demote(90, "manager-2")], (1, 3)),
    ];
    for (changes, expected) in cases {
        for seed in 0..5 {
            let mut setup = setup(3, 1);
            setup.timeline.extend(changes.clone());
            let (simulation, log) = follow(setup, seed, 200);
            assert_eq!(count(&simulation), expected, "seed {seed}: {}", log.complaints());
        }
    }
}

#[test]
fn clu_009_a_manager_that_is_demoted_while_it_is_down_comes_back_as_a_worker() {
    // CLU-009
    for seed in 0..10 {
        let mut setup = setup(3, 0);
        setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(2)] }));
        setup.timeline.push(demote(60, "manager-3"));
        setup.timeline.push(at(90, Fault::Restart { hosts: vec![HostId(2)] }));
        let (simulation, _) = follow(setup, seed, 200);
        assert_eq!(count(&simulation), (2, 1), "seed {seed}");
    }
}

#[test]
fn node_004_a_removal_that_would_cost_the_quorum_is_refused() {
    // NODE-004
    let mut setup = setup(3, 0);
    setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(2)] }));
    setup.timeline.push(demote(40, "manager-2"));
    setup.timeline.push(remove(50, "manager-3", true));
    let (simulation, log) = follow(setup, 1, 60);
    let complaints = log.complaints();
    assert!(complaints.contains("this would result in a loss of quorum"), "{complaints}");
    assert!(complaints.contains("is a member of the raft cluster. It must be demoted"), "{complaints}");
    assert_eq!(simulation.view().store().unwrap().nodes().count(), 3);
}

#[test]
fn mgr_031_with_two_of_three_down_nobody_can_be_removed() {
    // MGR-031: the leader still leads, because it looks for its quorum every ten ticks only.
    for seed in 0..10 {
        let mut setup = setup(3, 0);
        setup
            .timeline
            .push(at(30, Fault::Kill { hosts: vec![HostId(1), HostId(2)], containers_survive: true }));
        for (second, name) in [(33, "manager-1"), (34, "manager-2"), (35, "manager-3")] {
            setup.timeline.push(demote(second, name));
        }
        let (simulation, log) = follow(setup, seed, 36);
        let complaints = log.complaints();
        let refused = "can't remove member from the raft: this would result in a loss of quorum";
        assert_eq!(complaints.matches(refused).count(), 3, "seed {seed}: {complaints}");
        assert_eq!(simulation.view().raft_members()[0].voters.len(), 3, "seed {seed}");
    }
}

#[test]
fn role_006_a_demotion_that_would_cost_the_quorum_waits_until_it_does_not() {
    // ROLE-006: the leader dies between the wish and the removal. The next one reaches nobody but the manager that is
    // to go, and tries again every 5 s.
    let mut came_to_it = 0;
    for step in 0..30 {
        let mut setup = setup(3, 0);
        setup.timeline.push(demote(30, "manager-2"));
        let crash = SimTime::from_secs(30) + SimDuration::from_micros(250 * step);
        let fault = Fault::Crash { hosts: vec![HostId(0)] };
        setup.timeline.push(TimelineEntry { at: crash, stimulus: Stimulus::Fault(Arc::new(fault)) });
        setup.timeline.push(at(150, Fault::Restart { hosts: vec![HostId(0)] }));
        let (before, _) = follow(setup.clone(), 1, 149);
        let view = before.view();
        let wish = view.store().and_then(|store| Some(store.node(NodeId(1))?.spec.desired_role));
        if view.manager_status(NodeId(1)).is_none() || wish != Some(NodeRole::Worker) {
            continue;
        }
        came_to_it += 1;
        let (after, log) = follow(setup, 1, 220);
        assert_eq!(after.view().manager_status(NodeId(1)), None, "step {step}");
        let off = log.manager_process(HostId(1), false).expect("it is removed");
        let since = off.since(SimTime::from_secs(150));
        assert!(since <= SimDuration::from_secs(30), "step {step}: {since}");
        assert_eq!(count(&after), (2, 1), "step {step}");
    }
    assert!(came_to_it > 0, "no run came to it");
}

#[test]
fn node_006_the_last_manager_cannot_be_demoted() {
    // NODE-006
    let mut setup = setup(1, 1);
    setup.timeline.push(demote(30, "manager-1"));
    let (_, log) = follow(setup, 1, 40);
    assert!(log.complaints().contains("attempting to demote the last manager of the swarm"));
}

#[test]
fn node_009_the_leader_refuses_a_removed_node_which_goes_on_through_another_manager() {
    // NODE-009. What another manager passes on, the leader does not look at again, as recorded.
    let mut refusals = 0;
    for seed in 0..10 {
        let mut setup = setup(3, 2);
        setup.timeline.push(remove(30, "worker-2", true));
        let (simulation, log) = follow(setup, seed, 60);
        assert_eq!(simulation.view().store().unwrap().nodes().count(), 4);
        let id = NodeId(4).text(seed);
        let denied = format!(
            "rpc error: code = PermissionDenied desc = Permission denied: node {id} was removed from swarm"
        );
        let expected = format!(
            "rpc error: code = PermissionDenied desc = Permission denied: unauthorized peer role: {denied}"
        );
        for (_, fact) in &log.0 {
            let Fact::Session { host: HostId(4), event: SessionEvent::Failed { error, .. } } = fact else {
                continue;
            };
            assert_eq!(error.to_string(), expected, "seed {seed}");
            refusals += 1;
        }
    }
    assert!((1..10).contains(&refusals), "{refusals} of 10 had a session through the leader");
}

#[test]
fn clu_004_after_all_changes_there_are_three_managers_and_no_worker() {
    // CLU-004: the leader is demoted, the worker removed by force, and the old leader promoted again.
    for seed in 0..5 {
        let mut setup = setup(3, 1);
        setup.timeline.push(demote(30, "manager-1"));
        setup.timeline.push(remove(90, "worker-1", true));
        let (simulation, log) = follow(setup.clone(), seed, 120);
        assert_eq!(count(&simulation), (2, 1), "seed {seed}: {}", log.complaints());
        setup.timeline.push(promote(121, "manager-1"));
        let (simulation, log) = follow(setup, seed, 180);
        assert_eq!(count(&simulation), (3, 0), "seed {seed}: {}", log.complaints());
    }
}

#[test]
fn clu_035_a_lone_manager_leads_at_once_after_its_restart() {
    // CLU-035: who does not come back is Unknown from then on, and Down 27 to 33 s later.
    for seed in 0..10 {
        let mut setup = setup(1, 2);
        setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(0), HostId(2)] }));
        setup.timeline.push(at(60, Fault::Restart { hosts: vec![HostId(0)] }));
        let (_, log) = follow(setup, seed, 100);
        let leads = log.0.iter().find_map(|(time, fact)| {
            matches!(fact, Fact::RaftRole { role: RaftRole::Leader, .. }).then_some(*time)
        });
        let after = leads.expect("it leads").since(SimTime::from_secs(60));
        assert!(after < SimDuration::from_millis(50), "seed {seed}: {after}");
        let became = |id: u32| -> Vec<(NodeState, SimDuration)> {
            let of_node = log.0.iter().filter_map(|(time, fact)| {
                let Fact::NodeStatus { node, to, .. } = fact else { return None };
                (*node == NodeId(id)).then(|| (*to, time.since(SimTime::from_secs(60))))
            });
            of_node.collect()
        };
        let alive = became(1);
        assert_eq!(
            alive.iter().map(|(state, _)| *state).collect::<Vec<_>>(),
            [NodeState::Unknown, NodeState::Ready]
        );
        let dead = became(2);
        assert_eq!(
            dead.iter().map(|(state, _)| *state).collect::<Vec<_>>(),
            [NodeState::Unknown, NodeState::Down]
        );
        let down = dead[1].1.as_millis();
        assert!((27_000..33_200).contains(&down), "seed {seed}: {down} ms");
    }
}
