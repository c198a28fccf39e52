//! What would have saved lost requests: the flag of docker, or what the program or its clients have to do.
use sim_core::model::setup::Origin;
use sim_core::model::{ContainerEvent, Fact, Failure, TransportProtocol, UpdateOrder};
use sim_core::record::Existence;

use super::Reason;
use super::scene::Scene;

const MORE_REPLICAS: &str = "more than one replica: the others answer meanwhile";
const LATER_BEGIN: &str = "clients that begin when a task of the service takes connections";
const LATER_RETRY: &str = "a retry after a pause: no task was ready that these requests could have gone to";

/// None if nothing would: nobody waited for the answer any more, there was no service, or too little is known.
pub(super) fn advice(scene: &Scene<'_>) -> Option<String> {
    let advice = match scene.failure {
        Failure::PortClosed | Failure::NoBackend | Failure::NoAddress | Failure::NoName => {
            return no_backend(scene);
        }
        Failure::NotListening => not_listening(scene)?,
        Failure::WrongPort => return wrong_port(scene),
        Failure::Gone | Failure::Unreachable => stale(scene)?,
        Failure::DatagramLost => "a retry: no kernel sends a datagram again",
        Failure::FlowExpired => "a retry: what follows the dropped datagram goes to another backend",
        Failure::Ended | Failure::Unanswered => ended(scene),
        Failure::Expired => "a client that sends them again on a new connection",
        Failure::Idle => "a client that connects anew, or sends something at least every 15 minutes",
        Failure::TooSlow | Failure::QueueFull => return Some(overload(scene)),
        Failure::Hangs if scene.has_check() => {
            "a health check that asks the program itself: this one did not notice that it hangs"
        }
        Failure::Hangs => "`--health-cmd`: a task that hangs fails its check and is replaced",
        // A client in a task has no other node that it could send through.
        Failure::EntrySilent if !scene.is_outside() => return None,
        Failure::EntrySilent | Failure::EntryStopped => entry_down(scene),
        Failure::NoEntry if scene.lacked_tasks() => return no_backend(scene),
        Failure::NoEntry => "another node behind the load balancer in front",
        Failure::ClientGone => return None,
    };
    Some(advice.to_owned())
}

/// The node that requests were sent to did not take them: what its clients do not do yet would help.
fn entry_down(scene: &Scene<'_>) -> &'static str {
    match (scene.is_checked(), scene.retries()) {
        (false, false) => "a load balancer in front that checks its nodes, or a retry through another node",
        (false, true) => "a load balancer in front that checks its nodes",
        (true, false) => "a retry through another node until the checks have failed",
        (true, true) => "one more retry, or checks that fail sooner",
    }
}

/// No task of the service took new connections.
fn no_backend(scene: &Scene<'_>) -> Option<String> {
    let is_unresolved = scene.failure == Failure::NoName;
    if scene.service == Existence::Removed {
        return None;
    }
    if scene.lacks_port() {
        return Some("`--publish-add`: the service did not publish this port".to_owned());
    }
    if let Some(missing) = scene.missing_network().filter(|_| is_unresolved) {
        let (name, of) = (missing.name, missing.of);
        return Some(format!("`--network-add {name}` for {of}, which is not on the network of that name"));
    }
    let plain = if scene.reason == Reason::Start || scene.service == Existence::NotYet {
        LATER_BEGIN
    } else if is_unresolved && scene.was_round_robin() && scene.has_virtual_address() {
        "a new service: this one began with `--endpoint-mode dnsrr`, and a virtual address gets its name only when a \
         node hears of the first backend"
    } else if scene.is_in_host_mode() {
        host_mode(scene)
    } else if scene.entry_has_left() {
        entry_down(scene)
    } else if let Some(advice) = update_order(scene) {
        return Some(advice);
    } else {
        match scene.replicas() {
            Some(0) => "`docker service scale`: there was to be no replica",
            Some(1) => MORE_REPLICAS,
            Some(_) | None if scene.has_other_entries() => {
                "a retry through another node, or after a pause: this one knew no task that was ready"
            }
            Some(_) | None => LATER_RETRY,
        }
    };
    Some(plain.to_owned())
}

/// The port led to the container of that node alone, whether it was ready, or there at all.
fn host_mode(scene: &Scene<'_>) -> &'static str {
    match (scene.is_checked(), scene.replicas() == Some(1)) {
        (_, true) => {
            "a port in ingress mode, and more than one replica: every node leads to one that is there"
        }
        (false, false) => {
            "a port in ingress mode, or a load balancer in front that checks its nodes: this port leads to the \
             node's own container alone"
        }
        (true, false) => "a port in ingress mode: this one leads to the node's own container alone",
    }
}

/// What an update or rollback could have done better. None: nothing, or there was none.
fn update_order(scene: &Scene<'_>) -> Option<String> {
    let (flag, config) = scene.update()?;
    match config.order {
        UpdateOrder::StopFirst => {
            Some(format!("`--{flag}-order start-first`: the new task answers before the old one leaves"))
        }
        UpdateOrder::StartFirst => {
            let is_many = config.parallelism != 1 && scene.replicas().is_none_or(|replicas| replicas > 1);
            is_many.then(|| format!("a smaller `--{flag}-parallelism`"))
        }
    }
}

/// The process was there, and did not take connections yet.
fn not_listening(scene: &Scene<'_>) -> Option<&'static str> {
    match (scene.is_in_host_mode(), scene.has_check()) {
        _ if scene.service == Existence::Removed => None,
        _ if scene.reason == Reason::Start => Some(LATER_BEGIN),
        (true, true) => Some(host_mode(scene)),
        (true, false) => Some(
            "a port in ingress mode with `--health-cmd`: a port in host mode leads to the container from its start",
        ),
        (false, true) => Some("a health check that passes only when the program listens"),
        (false, false) => {
            Some("`--health-cmd`: a task gets requests, and an update goes on, only when its check passes")
        }
    }
}

/// The backend was known, and not there any more or out of reach.
fn stale(scene: &Scene<'_>) -> Option<&'static str> {
    let is_gone = scene.failure == Failure::Gone;
    match scene.replicas() {
        _ if scene.service == Existence::Removed => None,
        _ if is_gone && scene.kept_the_address() => {
            Some("a client that looks the name up for each connection, or a virtual address")
        }
        Some(0 | 1) => Some(MORE_REPLICAS),
        Some(_) | None if scene.retries() => {
            Some("one more retry: the first one met a backend that was gone as well")
        }
        Some(_) | None if scene.source.sends_datagrams() => {
            Some("a short time-out and a retry: what comes from a new port goes to another backend")
        }
        Some(_) | None => {
            Some("a short connect time-out and a retry: the next connection goes to another backend")
        }
    }
}

/// The port that the program listens on, where the service has to lead to it.
fn wrong_port(scene: &Scene<'_>) -> Option<String> {
    let setup = scene.run.view.setup();
    let image = &scene.spec()?.task.container.image;
    let (host, _) = setup.hosts.iter().next()?;
    let ports = setup.images.profile(image, host).server.ports.as_ref()?;
    let (protocol, listens_on) = ports.iter().find(|(protocol, _)| *protocol == scene.source.protocol)?;
    Some(match scene.source.origin {
        Origin::Outside { .. } => {
            let published = scene.source.port;
            let suffix = if *protocol == TransportProtocol::Tcp { "" } else { "/udp" };
            format!("`--publish {published}:{listens_on}{suffix}`: the program listens on port {listens_on}")
        }
        Origin::Tasks { .. } | Origin::Calls { .. } => {
            format!("a client that asks for port {listens_on}, where the program listens")
        }
    })
}

/// Tasks had too much to do, or took longer than clients wait.
fn overload(scene: &Scene<'_>) -> String {
    let update = scene.update();
    let fewer = update.filter(|(_, config)| config.parallelism != 1).map(|(flag, _)| flag);
    match (fewer, update.is_some(), scene.failure) {
        (Some(flag), ..) => {
            format!(
                "a smaller `--{flag}-parallelism`, or more replicas: those that are left had too much to do"
            )
        }
        (None, true, _) => "more replicas: those that are left had too much to do".to_owned(),
        (None, false, Failure::QueueFull) => "more replicas: each had too much to do".to_owned(),
        (None, false, _) if scene.retries() => "clients that wait longer, or more replicas".to_owned(),
        (None, false, _) if scene.source.sends_datagrams() => {
            "a retry from a new port, clients that wait longer, or more replicas".to_owned()
        }
        (None, false, _) => {
            "a retry on a new connection, clients that wait longer, or more replicas".to_owned()
        }
    }
}

/// The process ended while it worked: because it was told to, because it was killed, or by itself.
fn ended(scene: &Scene<'_>) -> &'static str {
    let facts = &scene.run.recording.facts;
    let happened = |wanted: ContainerEvent| {
        facts.iter().any(|record| {
            matches!(&record.fact, Fact::Container { task, event, .. }
                if *event == wanted && scene.loss.tasks.contains(task))
        })
    };
    if happened(ContainerEvent::Killed) {
        "a longer `--stop-grace-period`: the program was killed before it had finished"
    } else if happened(ContainerEvent::StopSignal) {
        "a program that finishes its requests after the stop signal, within `--stop-grace-period`"
    } else if matches!(scene.reason, Reason::Origin(origin) if scene.run.recording.origins.strike(origin).is_some())
    {
        "a retry, if the request may be sent twice: the program was killed"
    } else {
        "a retry, if the request may be sent twice: the program ended by itself"
    }
}
