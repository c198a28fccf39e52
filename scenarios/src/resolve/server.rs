//! `server`: how the program of an image serves requests.
use serde_saphyr::Spanned;
use sim_core::model::setup::{ServerBehaviour, SlowStart, Traffic};
use sim_core::model::{ObjectId, TrafficId, TransportProtocol};

use super::reader::{Pointer, Reader};
use super::traffic::{self, Target};
use crate::error::Problem;
use crate::file::{ServerFile, SlowStartFile, Text};

/// Most requests that a program works on, or that wait for it.
const REQUESTS_MAX: u64 = 1_000_000;
/// Most times that a program is slower at first.
const SLOWER_MAX: u64 = 1_000_000;

/// What the programs of all images ask for, with the targets that are to be checked.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) traffic: Vec<Traffic>,
    pub(super) targets: Vec<Target>,
}

/// Sets what the file says. `image` is absent on single hosts: what a program asks for is the same everywhere.
pub(super) fn change(
    reader: &mut Reader<'_>,
    server: &mut ServerBehaviour,
    file: &Spanned<ServerFile>,
    image: Option<&str>,
    calls: &mut Calls,
    pointer: &Pointer,
) {
    let at = reader.place(file.referenced, pointer);
    let ServerFile { ports, listens_after, takes, at_once, queue, hangs_after, slow_start, calls: wanted } =
        &file.value;
    if let Some(ports) = ports {
        server.ports = Some(read_ports(reader, ports, &pointer.key("ports")));
    }
    let listens = reader.given(listens_after.as_ref(), &pointer.key("listens_after"), Reader::duration);
    server.listens_after = listens.unwrap_or(server.listens_after);
    if let Some(takes) = takes {
        server.takes = traffic::spread(reader, takes, &pointer.key("takes")).unwrap_or(server.takes);
    }
    let at_once = reader.given(at_once.as_ref(), &pointer.key("at_once"), |reader, text, at| {
        traffic::positive(reader, text, at, "number of requests", REQUESTS_MAX)
    });
    server.at_once = at_once.or(server.at_once);
    let room = reader.given(queue.as_ref(), &pointer.key("queue"), |reader, text, at| {
        reader.number(text, at, "number of requests", REQUESTS_MAX)
    });
    server.queue = room.map_or(server.queue, |room| room as u32);
    let hangs = reader.given(hangs_after.as_ref(), &pointer.key("hangs_after"), Reader::duration);
    server.hangs_after = hangs.or(server.hangs_after);
    if let Some(file) = slow_start {
        server.slow_start = read_slow_start(reader, file, &pointer.key("slow_start"));
    }
    let Some(image) = image else {
        if !wanted.is_empty() {
            let reason = "what a program asks for is the same on all hosts";
            reader.fail(
                at,
                Problem::KeyNotAllowed { key: "calls".to_owned(), reason },
                "say it one level above",
            );
        }
        return;
    };
    let pointer = pointer.key("calls");
    for (index, call) in wanted.iter().enumerate() {
        if let Some((plan, target)) = traffic::call(reader, call, image, index + 1, &pointer.index(index)) {
            server.calls.push(TrafficId::from_index(calls.traffic.len()));
            calls.traffic.push(plan);
            calls.targets.push(target);
        }
    }
}

/// The ports that a program listens on: at least one.
fn read_ports(
    reader: &mut Reader<'_>,
    file: &Spanned<Vec<Text>>,
    pointer: &Pointer,
) -> Vec<(TransportProtocol, u16)> {
    if file.value.is_empty() {
        let at = reader.place(file.referenced, pointer);
        let problem = Problem::Contradiction("a program that listens on no port serves nobody");
        reader.fail(
            at,
            problem,
            "name its ports, such as `[80, 53/udp]`, or leave `ports` out: it listens on all",
        );
    }
    let ports = file.value.iter().enumerate();
    let read = |(index, port)| reader.given(Some(port), &pointer.index(index), traffic::listened_port);
    ports.filter_map(read).collect()
}

fn read_slow_start(reader: &mut Reader<'_>, file: &SlowStartFile, pointer: &Pointer) -> Option<SlowStart> {
    let times = reader.given(Some(&file.times), &pointer.key("times"), |reader, text, at| {
        traffic::positive(reader, text, at, "factor", SLOWER_MAX)
    });
    let lasts = reader.given(Some(&file.lasts), &pointer.key("for"), Reader::positive_duration);
    Some(SlowStart { times: times?, lasts: lasts? })
}
