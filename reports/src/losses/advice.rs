//! What would have saved lost requests: the flag of docker, or what the program or its clients have to do.
use std::collections::BTreeSet;

use sim_core::model::setup::{Origin, Traffic};
use sim_core::model::{
    ContainerEvent, Fact, Failure, ObjectId, Service, ServiceMode, TaskId, TrafficId, UpdateOrder,
};

use super::{keeps_addresses, service_of};
use crate::Run;

const MORE_REPLICAS: &str = "more than one replica: the others answer meanwhile";

/// None if nothing would: nobody waited for the answer any more, or too little is known.
pub(super) fn advice(
    failure: Failure,
    traffic: TrafficId,
    in_update: bool,
    tasks: &BTreeSet<TaskId>,
    run: &Run<'_>,
) -> Option<String> {
    let advice = match failure {
        Failure::PortClosed if !is_published(traffic, run) => {
            "`--publish-add`: in the end the service does not publish this port"
        }
        Failure::PortClosed | Failure::NoBackend | Failure::NoAddress | Failure::NoName => {
            no_backend(traffic, in_update, run)
        }
        Failure::NotListening => {
            "`--health-cmd`: a task gets requests, and an update goes on, only when its check passes"
        }
        Failure::WrongPort => return wrong_port(traffic, run),
        Failure::Gone if keeps_addresses(traffic, run) => {
            "a client that looks the name up for each connection, or a virtual address"
        }
        Failure::Gone | Failure::Unreachable if is_single(tasks, run) => MORE_REPLICAS,
        Failure::Gone | Failure::Unreachable if plan(traffic, run).client.retries > 0 => {
            "one more retry: the first one met a backend that was gone as well"
        }
        Failure::Gone | Failure::Unreachable => {
            "a short connect time-out and a retry: the next connection goes to another backend"
        }
        Failure::Ended => ended(tasks, run),
        Failure::Expired => "a client that sends them again on a new connection",
        Failure::Idle => "a client that connects anew, or sends something at least every 15 minutes",
        Failure::TooSlow | Failure::QueueFull if in_update => {
            "a smaller `--update-parallelism`, or more replicas: those that are left had too much to do"
        }
        Failure::TooSlow => "a retry on a new connection, clients that wait longer, or more replicas",
        Failure::Hangs => "`--health-cmd`: a task whose check fails is replaced",
        Failure::QueueFull => "more replicas: each had too much to do",
        Failure::EntrySilent | Failure::EntryStopped => entry_down(plan(traffic, run)),
        Failure::NoEntry => "another node behind the load balancer in front",
        Failure::ClientGone => return None,
    };
    Some(advice.to_owned())
}

fn plan<'a>(traffic: TrafficId, run: &Run<'a>) -> &'a Traffic {
    &run.view.setup().traffic[traffic.index()]
}

/// The node that requests were sent to did not take them: what its clients do not do yet would help.
fn entry_down(plan: &Traffic) -> &'static str {
    let is_checked = matches!(plan.origin, Origin::Outside { check: Some(_), .. });
    match (is_checked, plan.client.retries > 0) {
        (false, false) => "a load balancer in front that checks its nodes, or a retry through another node",
        (false, true) => "a load balancer in front that checks its nodes",
        (true, false) => "a retry through another node until the checks have failed",
        (true, true) => "one more retry, or checks that fail sooner",
    }
}

/// No task of the service took new connections.
fn no_backend(traffic: TrafficId, in_update: bool, run: &Run<'_>) -> &'static str {
    let store = run.view.store();
    let service = service_of(traffic, run).and_then(|id| store?.service(id));
    let order = service.and_then(|service| service.spec.update).unwrap_or_default().order;
    match (in_update, order) {
        (true, UpdateOrder::StopFirst) => {
            "`--update-order start-first`: the new task answers before the old one leaves"
        }
        (true, UpdateOrder::StartFirst) => "a smaller `--update-parallelism`",
        (false, _) if service.is_some_and(|service| has_one_replica(service)) => MORE_REPLICAS,
        (false, _) => "a retry later, or through another node: this one knew no task that was ready",
    }
}

/// True unless requests come from outside to a port that the service does not publish when the run ends.
fn is_published(traffic: TrafficId, run: &Run<'_>) -> bool {
    let plan = plan(traffic, run);
    let service = service_of(traffic, run).and_then(|id| run.view.store()?.service(id));
    let ports = service.and_then(|service| service.endpoint.as_ref()).map(|endpoint| &endpoint.ports);
    let is_outside = matches!(plan.origin, Origin::Outside { .. });
    !is_outside || ports.is_none_or(|ports| ports.iter().any(|port| port.published_port == plan.port))
}

/// The port that the program listens on, where the service has to lead to it.
fn wrong_port(traffic: TrafficId, run: &Run<'_>) -> Option<String> {
    let (setup, plan) = (run.view.setup(), plan(traffic, run));
    let service = run.recording.census.service(service_of(traffic, run)?)?;
    let (host, _) = setup.hosts.iter().next()?;
    let listens_on = *setup.images.profile(&service.image, host).server.ports.as_ref()?.first()?;
    Some(match plan.origin {
        Origin::Outside { .. } => {
            let published = plan.port;
            format!("`--publish {published}:{listens_on}`: the program listens on port {listens_on}")
        }
        Origin::Tasks { .. } | Origin::Calls { .. } => {
            format!("a client that asks for port {listens_on}, where the program listens")
        }
    })
}

/// True if the tasks belong to a service with one replica.
fn is_single(tasks: &BTreeSet<TaskId>, run: &Run<'_>) -> bool {
    let census = &run.recording.census;
    let services = tasks.iter().filter_map(|task| census.task(*task)?.service);
    let mut services = services.filter_map(|service| run.view.store()?.service(service));
    services.any(|service| has_one_replica(service))
}

fn has_one_replica(service: &Service) -> bool {
    matches!(service.spec.mode, ServiceMode::Replicated { replicas: 0 | 1 })
}

/// The process ended while it worked: because it was told to, because it was killed, or by itself.
fn ended(tasks: &BTreeSet<TaskId>, run: &Run<'_>) -> &'static str {
    let happened = |wanted: ContainerEvent| {
        run.recording.facts.iter().any(|record| {
            matches!(&record.fact, Fact::Container { task, event, .. }
                if *event == wanted && tasks.contains(task))
        })
    };
    if happened(ContainerEvent::Killed) {
        "a longer `--stop-grace-period`: the program was killed before it had finished"
    } else if happened(ContainerEvent::StopSignal) {
        "a program that finishes its requests after the stop signal, within `--stop-grace-period`"
    } else {
        "a retry, if the request may be sent twice: the program ended by itself"
    }
}
