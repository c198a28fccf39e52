//! The docker clients of one host, and the engine's side of their API calls (decisions: commands).
//!
//! A client asks its own engine, without delay. The engine of a manager passes the call to its manager component,
//! which answers it or passes it on to the leader; the engine waits for at most 20 s.
use std::collections::{BTreeMap, VecDeque};

use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::setup::ClientCommand;
use crate::model::{Fact, FactId, HostId};
use crate::protocol::{CallId, ClientTimer, Effects, Message};

/// The client processes of a host.
#[derive(Debug)]
pub(crate) struct Clients {
    call_limit: SimDuration,
    waiting: BTreeMap<CallId, Client>,
}

/// A client that waits for an answer.
#[derive(Debug)]
struct Client {
    command: ClientCommand,
    then: VecDeque<ClientCommand>,
    started: SimTime,
    cause: FactId,
    timeout: TimerId,
}

impl Clients {
    pub(crate) fn new(call_limit: SimDuration) -> Self {
        Clients { call_limit, waiting: BTreeMap::new() }
    }

    /// Runs commands one after the other.
    pub(crate) fn run(
        &mut self,
        _commands: &[ClientCommand],
        _engine_runs: bool,
        _has_manager: bool,
        _out: &mut Effects,
    ) {
    }

    pub(crate) fn hear(&mut self, _message: Message, _out: &mut Effects) {}

    pub(crate) fn fire(&mut self, _timer: ClientTimer, _out: &mut Effects) {}

    /// The engine is gone: whoever waits learns it at once.
    pub(crate) fn cut_off(&mut self, _out: &mut Effects) {}
}

impl StateDigest for Clients {
    fn digest(&self, digest: &mut Digest) {
        let Self { call_limit: _, waiting } = self;
        digest.u64(waiting.len() as u64);
    }
}
