//! A host enters a swarm (spec control-plane 8.3).
//!
//! ```text
//! root certificate ──▶ certificate requested ──▶ certificate ──▶ agent, manager ──▶ ready
//! 5 attempts, 2 s      5 attempts                waits
//! ```
//!
//! The client is told when the node is ready, or after 20 s that it is not: then the attempt goes on without it. The
//! swarm's root certificate and the token's digest of it are compared as texts.
use super::call::OpenCall;
use super::identity::Identity;
use super::{Host, LocalState};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::command::RemoteAddress;
use crate::model::token::{digest_of_swarm, digest_of_token, hexadecimal, is_well_formed};
use crate::model::{Availability, ClusterId, HostId, NodeId, NodeRole};
use crate::protocol::{
    Answer, CallError, CallId, CertificateRequest, Effects, EngineResponse, NodeTimer, Request, Response,
    Timer,
};
use crate::worker::Agent;

/// The port on which managers listen (spec control-plane 1.3).
const MANAGER_PORT: u16 = 2377;
/// How long one answer is waited for (spec control-plane 1.3).
const CALL_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Failures after which a join is given up (spec control-plane 1.3).
const ATTEMPTS: u32 = 5;
/// Pause after each failed download of the root certificate (spec control-plane 1.3).
const ROOT_PAUSE: SimDuration = SimDuration::from_secs(2);
/// How long the client is kept waiting (spec control-plane 1.3).
const CLIENT_PATIENCE: SimDuration = SimDuration::from_secs(20);
const TIMED_OUT: &str = "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the \"docker info\" command to see the current swarm status of your node.";

/// A host on its way into a swarm.
#[derive(Debug)]
pub(super) struct Join {
    /// The client that waits; none once it was told that it takes long.
    client: Option<CallId>,
    limit: Option<TimerId>,
    /// The end of a pause.
    retry: Option<TimerId>,
    token: String,
    /// The host with the address that was named, if there is one.
    remote: Option<HostId>,
    port: u16,
    availability: Availability,
    /// Failed attempts at the present step.
    failures: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The root certificate is asked for. Without a call nobody has that address.
    Root(Option<OpenCall>),
    /// The last attempt failed; the next one, or the end, follows.
    Pause(String),
    Issue(OpenCall),
    Status(OpenCall),
    /// The node has its certificate, and is to become ready.
    Components,
}

impl Join {
    pub(super) fn new(
        client: CallId,
        token: String,
        remote: &RemoteAddress,
        availability: Availability,
    ) -> Self {
        Join {
            client: Some(client),
            limit: None,
            retry: None,
            token,
            remote: remote.host,
            port: remote.port,
            availability,
            failures: 0,
            step: Step::Components,
        }
    }

    /// True while a client waits for it.
    pub(super) fn is_waited_for(&self) -> bool {
        self.client.is_some()
    }

    pub(super) fn open_call(&self) -> Option<&OpenCall> {
        match &self.step {
            Step::Root(call) => call.as_ref(),
            Step::Issue(call) | Step::Status(call) => Some(call),
            Step::Pause(_) | Step::Components => None,
        }
    }

    /// The process is over; the next one begins again, and no client waits.
    pub(super) fn end_process(&mut self) {
        (self.client, self.limit, self.retry, self.failures) = (None, None, None, 0);
        self.step = Step::Components;
    }

    /// It is over, one way or another. The client that still waits is returned.
    pub(super) fn close(self, out: &mut Effects) -> Option<CallId> {
        for timer in [self.limit, self.retry].into_iter().flatten() {
            out.cancel_timer(timer);
        }
        if let Some(call) = self.open_call() {
            call.give_up(out);
        }
        self.client
    }
}

impl Host {
    pub(super) fn begin_join(&mut self, mut join: Join, out: &mut Effects) {
        if !is_well_formed(&join.token) {
            let client = join.client.expect("a client has given the token");
            return self.node.refuse(client, "invalid join token");
        }
        join.limit = Some(out.set_timer(Timer::Node(NodeTimer::JoinTimeout), out.now() + CLIENT_PATIENCE));
        self.node.join = Some(join);
        self.ask_for_root(out);
    }

    /// A process that was ended before the node had a certificate begins again.
    pub(super) fn resume_join(&mut self, out: &mut Effects) {
        if self.node.join.is_some() && self.node.identity.is_none() {
            self.ask_for_root(out);
        }
    }

    fn ask_for_root(&mut self, out: &mut Effects) {
        let Some(join) = &mut self.node.join else { return };
        match join.remote {
            Some(remote) if join.port == MANAGER_PORT => {
                let call = OpenCall::make(remote, Request::RootCertificate, CALL_TIMEOUT, out);
                join.step = Step::Root(Some(call));
            }
            // The machine is there and nobody listens on the port.
            Some(_) => self.root_failed(&CallError::Refused.to_string(), out),
            None => {
                join.retry = Some(out.set_timer(Timer::Node(NodeTimer::JoinRetry), out.now() + CALL_TIMEOUT));
                join.step = Step::Root(None);
            }
        }
    }

    /// The pause after an attempt is over, or the answer of nobody was waited for long enough.
    pub(super) fn retry_join(&mut self, out: &mut Effects) {
        let Some(join) = &mut self.node.join else { return };
        match std::mem::replace(&mut join.step, Step::Components) {
            Step::Root(None) => self.root_failed(&CallError::TimedOut.to_string(), out),
            Step::Pause(error) if join.failures >= ATTEMPTS => self.fail_join(&error, out),
            Step::Pause(_) => self.ask_for_root(out),
            step @ (Step::Root(Some(_)) | Step::Issue(_) | Step::Status(_) | Step::Components) => {
                join.step = step;
            }
        }
    }

    fn root_failed(&mut self, error: &str, out: &mut Effects) {
        let Some(join) = &mut self.node.join else { return };
        join.failures += 1;
        join.step = Step::Pause(error.to_owned());
        join.retry = Some(out.set_timer(Timer::Node(NodeTimer::JoinRetry), out.now() + ROOT_PAUSE));
    }

    /// The answer to a call of [`Join::open_call`].
    pub(super) fn join_step_answered(&mut self, answer: Answer, out: &mut Effects) {
        let Some(join) = &mut self.node.join else { return };
        if let Some(call) = join.open_call() {
            call.close(&answer, out);
        }
        match (std::mem::replace(&mut join.step, Step::Components), answer) {
            (Step::Root(..), Ok(Response::RootCertificate(swarm))) => self.compare_root(swarm, out),
            (Step::Root(..), Err(error)) => self.root_failed(&error.to_string(), out),
            (Step::Issue(_), Ok(Response::CertificateRequested { node })) => self.ask_for_status(node, out),
            (Step::Issue(_), Err(error)) => {
                join.failures += 1;
                if join.failures < ATTEMPTS {
                    self.ask_for_certificate_to_join(out);
                } else {
                    self.fail_join(&error.to_string(), out);
                }
            }
            (Step::Status(_), Ok(Response::Certificate { role })) => self.admitted(role, out),
            (Step::Status(_), Err(_)) => {
                let node = self.node.requested.expect("a certificate was requested");
                self.ask_for_status(node, out);
            }
            (step, answer) => unreachable!("{answer:?} is no answer in {step:?}"),
        }
    }

    fn compare_root(&mut self, swarm: ClusterId, out: &mut Effects) {
        let Some(join) = &mut self.node.join else { return };
        let expected = digest_of_token(&join.token);
        if expected != digest_of_swarm(swarm, self.node.seed) {
            let error = format!("remote CA does not match fingerprint. Expected: {}", hexadecimal(expected));
            return self.root_failed(&error, out);
        }
        join.failures = 0;
        self.ask_for_certificate_to_join(out);
    }

    fn ask_for_certificate_to_join(&mut self, out: &mut Effects) {
        let host = self.node.host;
        let Some(join) = &mut self.node.join else { return };
        let request =
            CertificateRequest::Join { host, token: join.token.clone(), availability: join.availability };
        let remote = join.remote.expect("it has given its root certificate");
        join.step =
            Step::Issue(OpenCall::make(remote, Request::IssueCertificate(request), CALL_TIMEOUT, out));
    }

    fn ask_for_status(&mut self, node: NodeId, out: &mut Effects) {
        self.node.requested = Some(node);
        let Some(join) = &mut self.node.join else { return };
        let remote = join.remote.expect("it has given its root certificate");
        join.step =
            Step::Status(OpenCall::make(remote, Request::CertificateStatus { node }, CALL_TIMEOUT, out));
    }

    /// The host is a node: its agent starts, and its manager too, if the token was one for managers.
    fn admitted(&mut self, role: NodeRole, out: &mut Effects) {
        let node = self.node.requested.take().expect("a certificate was requested");
        let remote = self.node.join.as_ref().and_then(|join| join.remote).expect("a manager was asked");
        self.node.settle(Identity { node, role });
        self.node.join_address = Some(remote);
        self.agent = Some(self.node.new_agent(node, false, &[remote]));
        self.start_components(out);
    }

    /// The node is ready when its agent has a session, and its manager, if it has one, serves requests. What went
    /// wrong before is over.
    pub(super) fn finish_join(&mut self, out: &mut Effects) {
        let Some(identity) = self.node.identity else { return };
        let registered = self.agent.as_ref().is_some_and(Agent::is_registered);
        let complete = identity.role == NodeRole::Worker || self.manager_serves();
        if !registered || !complete {
            return;
        }
        (self.node.error, self.node.is_ready) = (None, true);
        let Some(join) = self.node.join.take() else { return };
        if let Some(client) = join.close(out) {
            self.node.answer(client, Ok(EngineResponse::Joined(identity.role)));
        }
    }

    /// The client is told that it takes long, and that the attempt goes on.
    pub(super) fn join_takes_long(&mut self) {
        let client = self.node.join.as_mut().and_then(|join| join.client.take());
        if let Some(client) = client {
            self.node.refuse(client, TIMED_OUT);
        }
    }

    /// The host does not get in. A client that still waits is told why, and nothing is left of the attempt; without
    /// one the engine remembers the error.
    pub(super) fn fail_join(&mut self, error: &str, out: &mut Effects) {
        let Some(join) = self.node.join.take() else { return };
        let client = join.close(out);
        self.clear_swarm_state(out);
        match client {
            Some(client) => self.node.refuse(client, error),
            None => self.node.error = Some(error.to_owned()),
        }
        debug_assert!(matches!(self.local_state(), LocalState::Inactive | LocalState::Error));
    }
}

impl StateDigest for Join {
    fn digest(&self, digest: &mut Digest) {
        let Self { client, limit: _, retry: _, token, remote, port, availability, failures, step } = self;
        digest.u64(client.map_or(0, |client| client.number));
        digest.text(token);
        remote.digest(digest);
        digest.u32(u32::from(*port));
        digest.u8(*availability as u8);
        digest.u32(*failures);
        match step {
            Step::Root(call) => {
                digest.u8(0);
                call.digest(digest);
            }
            Step::Pause(error) => {
                digest.u8(1);
                digest.text(error);
            }
            Step::Issue(call) => {
                digest.u8(2);
                call.digest(digest);
            }
            Step::Status(call) => {
                digest.u8(3);
                call.digest(digest);
            }
            Step::Components => digest.u8(4),
        }
    }
}
