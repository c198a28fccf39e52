//! How what comes from outside is applied to a cluster, and how faults heal.
use std::collections::VecDeque;
use std::sync::Arc;

use crate::cluster::{Clients, Cluster, Power};
use crate::kernel::SimDuration;
use crate::model::setup::{ClientCommand, Stimulus};
use crate::model::{Fact, FactId, Fault, HostId, NoEffect};
use crate::protocol::{Effects, NetworkOrder};
use crate::worker::Agent;

/// Applies one entry of the timeline.
pub(crate) fn stimulate(cluster: &mut Cluster, entry: usize, out: &mut Effects) {
    let setup = Arc::clone(&cluster.setup);
    out.set_cause(FactId::START);
    match &setup.timeline[entry].stimulus {
        Stimulus::Commands { host, commands } => run_commands(cluster, *host, commands, out),
        Stimulus::Fault(fault) => {
            let fact = strike(cluster, fault, None, out);
            cluster.struck.insert(entry, fact);
        }
        Stimulus::Healing { of, fault } => {
            let ended = cluster.struck[of];
            out.set_cause(ended);
            strike(cluster, fault, Some(ended), out);
        }
        Stimulus::Note(text) => {
            out.fact(Fact::Note { text: Arc::clone(text) });
        }
        Stimulus::Traffic(traffic) => cluster.begin_traffic(*traffic, out),
    }
    cluster.route_all(out);
    cluster.gossip_follows(out);
    cluster.traffic_follows_machines(out);
}

fn run_commands(cluster: &mut Cluster, host: Option<HostId>, commands: &[ClientCommand], out: &mut Effects) {
    let host = host.unwrap_or_else(|| cluster.default_client_host());
    let lives = cluster.host_mut(host).lives;
    out.enter(host, lives, FactId::START);
    let commands = commands.iter().cloned().collect();
    cluster.with_clients(host, out, |clients, site, out| clients.run(commands, site, out));
}

/// A fault strikes, or one ends that has lasted long enough.
fn strike(cluster: &mut Cluster, fault: &Arc<Fault>, ended: Option<FactId>, out: &mut Effects) -> FactId {
    let fact = out.fact(Fact::Fault { fault: Arc::clone(fault) });
    out.set_cause(fact);
    match &**fault {
        Fault::Crash { hosts } => each(cluster, hosts, fact, out, crash),
        Fault::Kill { hosts, containers_survive } => {
            let survive = *containers_survive;
            each(cluster, hosts, fact, out, |cluster, host, out| kill(cluster, host, survive, out));
        }
        Fault::LoseDisk { hosts } => each(cluster, hosts, fact, out, lose_disk),
        Fault::Stop { hosts } => each(cluster, hosts, fact, out, stop),
        Fault::Restart { hosts } => each(cluster, hosts, fact, out, restart),
        Fault::Freeze { hosts } => each(cluster, hosts, fact, out, freeze),
        Fault::Thaw { hosts } => each(cluster, hosts, fact, out, thaw),
        Fault::Cut { from, to, one_way }
        | Fault::Heal { from, to, one_way }
        | Fault::Slow { from, to, one_way, .. }
        | Fault::Loss { from, to, one_way, .. }
        | Fault::Block { from, to, one_way, .. }
        | Fault::GossipLoss { from, to, one_way, .. } => {
            if !cluster.apply_link_fault(fault, fact, ended, out) {
                without_effect(NoEffect::SameLink { from: *from, to: *to, one_way: *one_way }, out);
            }
        }
        Fault::KillTask { task } => kill_task(cluster, task, out),
        Fault::SlowDisk { hosts, by } => each(cluster, hosts, fact, out, |cluster, host, out| {
            slow_disk(cluster, host, *by, ended, out);
        }),
    }
    fact
}

fn each(
    cluster: &mut Cluster,
    hosts: &[HostId],
    fact: FactId,
    out: &mut Effects,
    mut act: impl FnMut(&mut Cluster, HostId, &mut Effects),
) {
    for host in hosts {
        let lives = cluster.host_mut(*host).lives;
        out.enter(*host, lives, fact);
        act(cluster, *host, out);
        cluster.follow_manager(*host);
    }
}

/// The fault finds things as it would make them. That is told, because the scenario's author meant something else.
fn without_effect(reason: NoEffect, out: &mut Effects) {
    out.fact(Fact::WithoutEffect(reason));
}

/// The host loses power: nobody is told, containers are lost, the disk is kept.
fn crash(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    let host = cluster.host_mut(id);
    if host.power == Power::Off {
        return without_effect(NoEffect::HasNoPower(id), out);
    }
    if let Some(agent) = &mut host.agent {
        agent.power_off(out);
    }
    host.end_process(Power::Off, out.cause());
    cluster.lose_servers(id, out);
    cluster.forget_connections(id);
    cluster.with_clients(id, out, |clients, site, out| clients.cut_off(site, out));
    out.silence_host(id);
}

/// The host loses power and its disk. When it runs again its engine is in no swarm (spec control-plane 3.1).
fn lose_disk(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    if cluster.host_mut(id).power != Power::Off {
        crash(cluster, id, out);
    }
    cluster.host_mut(id).lose_disk();
}

/// The engine process dies: the operating system resets its connections.
fn kill(cluster: &mut Cluster, id: HostId, containers_survive: bool, out: &mut Effects) {
    end_engine(cluster, id, out, |agent, out| agent.kill(containers_survive, out));
}

/// The engine is stopped in an orderly way: its containers first, then all that it has of the swarm's networks, as if
/// it left the swarm. Its node's ports are closed from then on, where an engine that dies leaves them to the kernel. To
/// managers it looks like its death.
fn stop(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    // A process that stands still says nothing, and tidies nothing up.
    let is_orderly = cluster.host_mut(id).power == Power::On && cluster.host_mut(id).frozen.is_none();
    if is_orderly {
        cluster.leave_gossip(id, out);
    }
    end_engine(cluster, id, out, Agent::stop);
    if is_orderly {
        out.order(NetworkOrder::LeaveSwarm);
    }
}

fn end_engine(
    cluster: &mut Cluster,
    id: HostId,
    out: &mut Effects,
    end: impl FnOnce(&mut Agent, &mut Effects),
) {
    let host = cluster.host_mut(id);
    if host.power != Power::On {
        return without_effect(NoEffect::EngineDown(id), out);
    }
    cluster.note_open_ports(id);
    let host = cluster.host_mut(id);
    if let Some(agent) = &mut host.agent {
        end(agent, out);
    }
    host.end_process(Power::EngineStopped, out.cause());
    cluster.with_clients(id, out, |clients, site, out| clients.cut_off(site, out));
    out.silence_host(id);
    cluster.broadcast_reset(id, out);
}

fn restart(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    let host = cluster.host_mut(id);
    if host.power == Power::On {
        return without_effect(NoEffect::EngineRuns(id), out);
    }
    out.enter(id, host.lives, out.cause());
    host.start_process(out);
    cluster.begin_networks(id, out);
    out.host_speaks(id);
}

fn freeze(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    let host = cluster.host_mut(id);
    if host.power != Power::On {
        return without_effect(NoEffect::EngineDown(id), out);
    }
    if host.frozen.is_some() {
        return without_effect(NoEffect::Frozen(id), out);
    }
    host.frozen = Some(VecDeque::new());
    out.silence_host(id);
}

fn thaw(cluster: &mut Cluster, id: HostId, out: &mut Effects) {
    let Some(backlog) = cluster.host_mut(id).frozen.take() else {
        return without_effect(NoEffect::NotFrozen(id), out);
    };
    out.host_speaks(id);
    cluster.replay(backlog, out);
    cluster.with_clients(id, out, Clients::engine_goes_on);
}

/// What the host's manager writes to its disk takes longer, and if it becomes a manager only later, then from there on.
fn slow_disk(cluster: &mut Cluster, id: HostId, by: SimDuration, ended: Option<FactId>, out: &mut Effects) {
    let slow = cluster.slow_disks.entry(id).or_default();
    match ended {
        Some(ended) => slow.retain(|(fact, _)| *fact != ended),
        None if by.is_zero() => slow.clear(),
        None => slow.push((out.cause(), by)),
    }
    let latest = slow.last().copied();
    let host = cluster.host_mut(id);
    host.slow_disk(latest.map_or(SimDuration::ZERO, |(_, by)| by));
    out.slow_disk(id, latest.map(|(fact, _)| fact));
    if host.manager.is_none() && host.manager_disk.is_none() {
        without_effect(NoEffect::NoManager(id), out);
    }
}

/// Ends the container of a task by its docker name. Managers may not have heard yet that it has ended by itself.
fn kill_task(cluster: &mut Cluster, name: &str, out: &mut Effects) {
    let is_killed = cluster.find_container(name).is_some_and(|(task, host)| {
        let machine = cluster.host_mut(host);
        out.enter(host, machine.lives, out.cause());
        machine.agent.as_mut().is_some_and(|agent| agent.kill_task(task, out))
    });
    if !is_killed {
        without_effect(NoEffect::NoContainer { task: name.to_owned() }, out);
    }
}
