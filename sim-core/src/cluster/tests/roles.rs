//! Roles: promotion, demotion and removal of members, as the whole cluster goes through them.
use super::*;
use crate::model::command::{DockerCommand, NodeCommand, NodeReference};
use crate::model::setup::ClientCommand;
use crate::model::{CommandId, NodeId, NodeRole};

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

fn remove(seconds: u64, name: &str, force: bool) -> TimelineEntry {
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
fn role_006_node_004_mgr_031_a_removal_that_would_cost_the_quorum_is_refused() {
    // ROLE-006, NODE-004, MGR-031
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
fn node_006_the_last_manager_cannot_be_demoted() {
    // NODE-006
    let mut setup = setup(1, 1);
    setup.timeline.push(demote(30, "manager-1"));
    let (_, log) = follow(setup, 1, 40);
    assert!(log.complaints().contains("attempting to demote the last manager of the swarm"));
}

#[test]
fn node_009_clu_004_a_removed_node_is_refused_and_goes_on_through_another_manager() {
    // NODE-009, CLU-004 first half
    for seed in 0..10 {
        let mut setup = setup(3, 2);
        setup.timeline.push(remove(30, "worker-2", true));
        let (simulation, log) = follow(setup, seed, 60);
        assert_eq!(simulation.view().store().unwrap().nodes().count(), 4);
        let refused = log.0.iter().any(|(_, fact)| {
            matches!(fact, Fact::Session { host: HostId(4), event:
            crate::model::SessionEvent::Failed { error, .. } } if error.contains("was removed from swarm"))
        });
        let through_leader =
            log.0.iter().any(|(_, fact)| matches!(fact, Fact::Session { host: HostId(4), .. }));
        assert_eq!(refused, through_leader, "seed {seed}");
    }
}

#[test]
fn clu_035_a_lone_manager_leads_at_once_after_its_restart() {
    // CLU-035
    let mut setup = setup(1, 1);
    setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(0)] }));
    setup.timeline.push(at(60, Fault::Restart { hosts: vec![HostId(0)] }));
    let (_, elections) = run(setup, 3, 100);
    let after = elections.0[0].0.since(SimTime::from_secs(60));
    assert!(after < SimDuration::from_millis(50), "{after}");
}
