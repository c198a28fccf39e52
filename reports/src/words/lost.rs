//! Lost requests in words: how many, what went wrong, and with whom.
use sim_core::metrics::Census;
use sim_core::model::{Failure, HostId, RequestsFailed};

/// `12 requests of users are lost: refused, web.1 does not listen yet`.
pub(crate) fn lost_requests(count: u64, sources: &str, why: &str) -> String {
    let (requests, are) = if count == 1 { ("request", "is") } else { ("requests", "are") };
    format!("{count} {requests} of {sources} {are} lost: {why}")
}

/// What went wrong with requests, and with whom.
pub(super) fn requests_failed(failed: &RequestsFailed, census: &Census) -> String {
    let host = |host: Option<HostId>| host.map_or("a node", |host| census.names().host(host));
    let entry = host(failed.entry);
    let task = failed.task.map_or_else(|| "its backend".to_owned(), |task| census.task_name(task));
    let address = failed.address.filter(|address| !address.is_unspecified());
    let at = address.map_or_else(String::new, |address| format!(" at {address}"));
    let what = match failed.failure {
        Failure::PortClosed => format!("{entry} knows no backend"),
        Failure::EntryStopped => format!("the engine of {entry} does not run"),
        Failure::NoBackend => format!("no backend that {entry} knows takes anything new"),
        Failure::NotListening => format!("{task} does not listen yet"),
        Failure::WrongPort => format!("{task} listens on other ports"),
        Failure::Gone => format!("{task}{at} is gone, and {entry} does not know it"),
        Failure::NoAddress => format!("nobody has the virtual address on {entry}"),
        Failure::Unreachable => format!("{task}{at} on {} cannot be reached from {entry}", host(failed.host)),
        Failure::DatagramLost => format!("datagrams between {entry} and {task} were lost on the way"),
        Failure::FlowExpired => format!("{entry} dropped what found {task}{at} gone"),
        Failure::Unanswered => format!("{task} ended in the middle, and nobody said so"),
        Failure::Ended => format!("{task} ended in the middle"),
        Failure::Expired => format!("{entry} has forgotten the connection to {task}"),
        Failure::Idle => format!("{entry} has forgotten the quiet connection to {task}"),
        Failure::ClientGone => format!("{task} ended, which had sent them"),
        Failure::TooSlow => format!("{task} took too long"),
        Failure::Hangs => format!("{task} hangs"),
        Failure::QueueFull => format!("{task} has no room for more"),
        Failure::EntrySilent => format!("{entry} does not answer"),
        Failure::NoEntry => "no node is taken for healthy".to_owned(),
        Failure::NoName => format!("the name is not known on {entry}"),
    };
    let cause = failed.failure.cause().name().replace('_', " ");
    match failed.via {
        Some(call) => format!("{cause} in the call {}, {what}", census.names().traffic(call)),
        None => format!("{cause}, {what}"),
    }
}
