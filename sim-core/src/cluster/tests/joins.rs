//! Entering and leaving a swarm, from the command to the node that is ready.
use super::roles::{Log, docker_on, follow};
use super::*;
use crate::model::command::{JoinToken, RemoteAddress, SwarmCommand};
use crate::model::{Availability, DockerCommand, NodeId, NodeRole, NodeState};

/// Hosts without a swarm.
pub(super) fn engines(count: u8) -> Setup {
    let mut setup = setup(count, 0);
    setup.start = crate::model::setup::Start::Empty;
    setup
}

/// A swarm with further hosts that are not in it.
pub(super) fn with_guests(managers: u8, workers: u8, guests: u8) -> Setup {
    let mut setup = setup(managers, workers + guests);
    for number in 0..guests {
        let host = HostId(u32::from(managers + workers + number));
        setup.hosts.get_mut(host).expect("made above").part = SwarmPart::None;
    }
    setup
}

fn swarm(seconds: u64, host: u32, command: SwarmCommand) -> TimelineEntry {
    docker_on(seconds, Some(HostId(host)), DockerCommand::Swarm(command))
}

pub(super) fn init(seconds: u64, host: u32, force_new_cluster: bool) -> TimelineEntry {
    let (advertise, availability) = (None, Availability::Active);
    let change = Default::default();
    swarm(seconds, host, SwarmCommand::Init { advertise, availability, force_new_cluster, change })
}

pub(super) fn join(seconds: u64, host: u32, token: JoinToken, remote: u32) -> TimelineEntry {
    let remote = RemoteAddress { text: "manager".to_owned(), host: Some(HostId(remote)), port: 2377 };
    let availability = Availability::Active;
    swarm(seconds, host, SwarmCommand::Join { token, remote, advertise: None, availability })
}

fn worker_token() -> JoinToken {
    JoinToken::Current(NodeRole::Worker)
}

pub(super) fn manager_token() -> JoinToken {
    JoinToken::Current(NodeRole::Manager)
}

fn answer(log: &Log, second: u64) -> (u8, String, SimDuration) {
    let found = log.0.iter().find_map(|(_, fact)| {
        let Fact::Answer { command, exit, stdout, stderr, took } = fact else { return None };
        (u64::from(command.0) == second).then(|| (*exit, format!("{stdout}{stderr}"), *took))
    });
    found.expect("the command was answered")
}

fn states(simulation: &Simulation) -> Vec<NodeState> {
    let store = simulation.view().store().expect("a swarm");
    store.nodes().map(|node| node.status.state).collect()
}

#[test]
fn ca_001_mgr_001_clu_001_a_swarm_grows_from_one_engine() {
    // CA-001, MGR-001, MGR-011, CLU-001
    for seed in 0..10 {
        let mut setup = engines(4);
        setup.timeline.push(init(1, 0, false));
        setup.timeline.push(join(5, 1, manager_token(), 0));
        setup.timeline.push(join(10, 2, manager_token(), 1));
        setup.timeline.push(join(15, 3, worker_token(), 2));
        let (simulation, log) = follow(setup, seed, 60);
        for second in [1, 5, 10, 15] {
            let (exit, text, took) = answer(&log, second);
            assert_eq!(exit, 0, "seed {seed}: {text}");
            assert!(took < SimDuration::from_secs(2), "seed {seed}: {took}");
        }
        assert_eq!(states(&simulation), [NodeState::Ready; 4], "seed {seed}");
        assert_eq!((simulation.view().running_managers(), simulation.view().leader()), (3, Some(HostId(0))));
        for member in simulation.view().raft_members() {
            assert_eq!(member.leader, Some(HostId(0)), "seed {seed}: {member:?}");
            assert_eq!(member.voters, [HostId(0), HostId(1), HostId(2)], "seed {seed}: {member:?}");
        }
        let managers = simulation.view().node_listings().iter().filter(|node| node.manager.is_some()).count();
        assert_eq!(managers, 3);
    }
}

#[test]
fn ca_002_003_008_clu_039_tokens_decide_who_gets_in() {
    // CA-002, CA-003, CA-007, CA-008, CLU-039
    let rotate = SwarmCommand::JoinToken { role: NodeRole::Worker, rotate: true, quiet: true };
    let mut setup = with_guests(1, 1, 1);
    setup.timeline.push(swarm(10, 0, rotate));
    setup.timeline.push(join(20, 2, JoinToken::Previous(NodeRole::Worker), 0));
    setup.timeline.push(join(30, 2, JoinToken::Text("SWMTKN-1-short".to_owned()), 0));
    setup.timeline.push(join(40, 2, JoinToken::Foreign(NodeRole::Worker), 0));
    setup.timeline.push(join(60, 2, worker_token(), 0));
    let (simulation, log) = follow(setup, 1, 90);
    let (_, text, _) = answer(&log, 20);
    assert!(
        text.contains("code = InvalidArgument desc = A valid join token is necessary to join this cluster"),
        "{text}"
    );
    let (_, text, took) = answer(&log, 30);
    assert_eq!(
        (text.as_str(), took),
        ("Error response from daemon: invalid join token\n", SimDuration::ZERO)
    );
    let (_, text, took) = answer(&log, 40);
    assert!(text.contains("remote CA does not match fingerprint. Expected: "), "{text}");
    assert_eq!(took.as_secs(), 10, "five attempts, each with a pause");
    assert_eq!(answer(&log, 60).0, 0);
    assert_eq!(states(&simulation), [NodeState::Ready; 3]);
}

#[test]
fn clu_040_a_join_that_nobody_answers_ends_after_20_seconds() {
    // CLU-040
    let mut setup = with_guests(1, 0, 1);
    let (from, to) = (Place::Host(HostId(1)), Place::Host(HostId(0)));
    setup.timeline.push(at(5, Fault::Cut { from, to, one_way: false }));
    setup.timeline.push(join(10, 1, worker_token(), 0));
    setup.timeline.push(at(35, Fault::Heal { from, to, one_way: false }));
    let (before, log) = follow(setup.clone(), 1, 34);
    let (exit, text, took) = answer(&log, 10);
    assert_eq!((exit, took), (1, SimDuration::from_secs(20)));
    let expected = "Error response from daemon: Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the \"docker info\" command to see the current swarm status of your node.\n";
    assert_eq!(text, expected);
    assert_eq!(states(&before), [NodeState::Ready]);
    let (after, _) = follow(setup, 1, 60);
    assert_eq!(states(&after), [NodeState::Ready; 2], "the attempt has gone on in the background");
}

#[test]
fn clu_033_a_worker_that_leaves_tells_nobody_and_comes_back_as_another_node() {
    // CLU-033
    for seed in 0..10 {
        let mut setup = setup(1, 2);
        setup.timeline.push(swarm(30, 2, SwarmCommand::Leave { force: false }));
        setup.timeline.push(join(60, 2, worker_token(), 0));
        let (before, _) = follow(setup.clone(), seed, 38);
        assert_eq!(states(&before), [NodeState::Ready; 3], "seed {seed}");
        let (after, log) = follow(setup, seed, 90);
        assert_eq!(states(&after), [NodeState::Ready, NodeState::Ready, NodeState::Down, NodeState::Ready]);
        assert_eq!(answer(&log, 30).1, "Node left the swarm.\n");
    }
    for force in [false, true] {
        let mut setup = setup(1, 2);
        setup.timeline.push(swarm(30, 2, SwarmCommand::Leave { force: false }));
        setup.timeline.push(roles::remove(36, "worker-2", force));
        let (simulation, log) = follow(setup, 1, 38);
        let (exit, text, _) = answer(&log, 36);
        assert_eq!((exit == 0, states(&simulation).len()), (force, if force { 2 } else { 3 }), "{text}");
        assert_eq!(text.contains("is not down and can't be removed"), !force, "{text}");
    }
}

#[test]
fn clu_031_032_a_manager_that_leaves_by_force_stays_a_member() {
    // CLU-031, CLU-032
    let mut setup = setup(3, 0);
    setup.timeline.push(swarm(30, 2, SwarmCommand::Leave { force: false }));
    setup.timeline.push(swarm(35, 2, SwarmCommand::Leave { force: true }));
    let (simulation, log) = follow(setup, 1, 60);
    let (exit, text, _) = answer(&log, 30);
    assert!(exit == 1 && !text.contains("Without a Raft quorum"), "{text}");
    assert_eq!(answer(&log, 35).0, 0);
    let status = simulation.view().manager_status(NodeId(2)).expect("it is a member");
    assert!(!status.reachable && !status.leader);
    assert_eq!(simulation.view().running_managers(), 2);
}

#[test]
fn mgr_016_clu_043_one_manager_goes_on_alone_and_gets_company() {
    // MGR-016, CLU-043
    for seed in 0..10 {
        let mut setup = with_guests(3, 1, 2);
        setup.timeline.push(managers::values(20, 2));
        setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(1), HostId(2)] }));
        setup.timeline.push(init(60, 0, true));
        setup.timeline.push(join(100, 4, manager_token(), 0));
        setup.timeline.push(join(110, 5, manager_token(), 0));
        setup.timeline.push(managers::values(120, 2));
        let (simulation, log) = follow(setup, seed, 150);
        assert_eq!(managers::services(&simulation), 4, "seed {seed}: old and new values are there");
        assert!(managers::all_applied_the_same(&simulation), "seed {seed}");
        for member in simulation.view().raft_members() {
            assert_eq!(member.voters, [HostId(0), HostId(4), HostId(5)], "seed {seed}: {member:?}");
        }
        for second in [60, 100, 110] {
            let (exit, text, _) = answer(&log, second);
            assert_eq!(exit, 0, "seed {seed}: {text}");
        }
        let listed = simulation.view().node_listings();
        let managers: Vec<bool> = listed.iter().map(|node| node.manager.is_some()).collect();
        assert_eq!(managers, [true, false, false, false, true, true], "seed {seed}");
        assert_eq!(states(&simulation)[1..3], [NodeState::Down; 2], "seed {seed}");
    }
}

#[test]
fn a_host_that_leaves_while_its_components_wait_for_their_restart_can_join_again() {
    // Its place among the members is gone: it fails to get a new one, again and again, with pauses between.
    let mut errors = 0;
    for second in (170..200).step_by(3) {
        let mut setup = setup(3, 0);
        setup.timeline.push(at(30, Fault::Crash { hosts: vec![HostId(1), HostId(2)] }));
        setup.timeline.push(init(60, 0, true));
        setup.timeline.push(roles::remove(100, "manager-3", false));
        setup.timeline.push(at(110, Fault::Restart { hosts: vec![HostId(2)] }));
        setup.timeline.push(docker_on(second, Some(HostId(2)), DockerCommand::Info));
        setup.timeline.push(swarm(second + 1, 2, SwarmCommand::Leave { force: true }));
        setup.timeline.push(join(second + 2, 2, worker_token(), 0));
        let (simulation, log) = follow(setup, 1, second + 60);
        assert_eq!(answer(&log, second + 2).0, 0, "left at {second} s");
        assert_eq!(states(&simulation).last(), Some(&NodeState::Ready), "left at {second} s");
        let (_, info, _) = answer(&log, second);
        let failed = " Swarm: error\n";
        let why = "Error: manager stopped: can't initialize raft node: ";
        errors += usize::from(info.contains(failed) && info.contains(why));
    }
    assert!(errors > 0, "no engine told why its components fail");
}

#[test]
fn clu_041_a_worker_joins_raft_through_another_manager_when_the_one_it_joined_through_is_gone() {
    // CLU-041
    for seed in 0..10 {
        let mut setup = with_guests(3, 0, 1);
        setup.timeline.push(join(10, 3, worker_token(), 2));
        setup.timeline.push(roles::demote(40, "manager-3"));
        setup.timeline.push(roles::promote(80, "worker-1"));
        let (simulation, _) = follow(setup, seed, 120);
        assert_eq!(simulation.view().running_managers(), 3, "seed {seed}");
        assert_eq!(states(&simulation), [NodeState::Ready; 4], "seed {seed}");
    }
}
