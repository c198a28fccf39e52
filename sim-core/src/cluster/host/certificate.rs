//! The renewal of a node's certificate, which brings a new role (spec control-plane 8.4).
//!
//! It begins half a second after the agent has heard of another role that the node shall have. The certificate may
//! still bring the old one, because the role of the node object is written by somebody else; then it is renewed again
//! after a random pause that grows. Renewal because of age is absent: no run is that long.
use super::Host;
use super::call::OpenCall;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest, Stream};
use crate::model::{HostId, NodeRole};
use crate::protocol::{Answer, CallId, CertificateRequest, Effects, NodeTimer, Request, Response, Timer};

/// Pause before a renewal that was asked for (spec control-plane 11).
const RENEWAL_PAUSE: SimDuration = SimDuration::from_millis(500);
/// How long an answer is waited for (spec control-plane 1.3).
const CALL_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// A request is made so often before the renewal counts as failed.
const ATTEMPTS: u32 = 5;
/// The pause after a failure is below this and as much again, doubled for every further failure.
const BACKOFF: SimDuration = SimDuration::from_secs(5);
const BACKOFF_MAX: SimDuration = SimDuration::from_secs(3_600);

/// The renewal of one certificate.
#[derive(Debug)]
pub(super) struct Renewal {
    stream: Stream,
    /// The role that the node shall have, as last heard.
    expected: Option<NodeRole>,
    /// Renewals in a row that did not bring that role.
    failures: u32,
    step: Step,
    /// Asked for again while a request was under way.
    again: bool,
}

#[derive(Debug)]
enum Step {
    Idle,
    Paused(TimerId),
    Asking { call: OpenCall, attempt: u32 },
}

impl Renewal {
    pub(super) fn new(stream: Stream) -> Self {
        Renewal { stream, expected: None, failures: 0, step: Step::Idle, again: false }
    }

    /// The node has a certificate for this role, and nothing else was ever said.
    pub(super) fn expect(&mut self, role: NodeRole) {
        self.expected = Some(role);
    }

    pub(super) fn end_process(&mut self) {
        (self.step, self.failures, self.again) = (Step::Idle, 0, false);
    }

    /// The node is no node any more, or becomes another one: nothing is waited for.
    pub(super) fn cancel(&mut self, out: &mut Effects) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Idle => {}
            Step::Paused(timer) => out.cancel_timer(timer),
            Step::Asking { call, .. } => call.give_up(out),
        }
    }

    /// The call that is not answered.
    pub(super) fn open_call(&self) -> Option<&OpenCall> {
        match &self.step {
            Step::Asking { call, .. } => Some(call),
            Step::Idle | Step::Paused(_) => None,
        }
    }

    pub(super) fn is_for(&self, call: CallId) -> bool {
        self.open_call().is_some_and(|open| open.is(call))
    }

    /// Renews soon.
    pub(super) fn request(&mut self, out: &mut Effects) {
        match self.step {
            Step::Asking { .. } => self.again = true,
            Step::Paused(timer) => {
                out.cancel_timer(timer);
                self.pause(RENEWAL_PAUSE, out);
            }
            Step::Idle => self.pause(RENEWAL_PAUSE, out),
        }
    }

    fn pause(&mut self, pause: SimDuration, out: &mut Effects) {
        let timer = out.set_timer(Timer::Node(NodeTimer::Renew), out.now() + pause);
        self.step = Step::Paused(timer);
    }

    /// A renewal did not bring what it should: the next one follows later.
    fn failed(&mut self, out: &mut Effects) {
        let factor = 1u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        self.failures += 1;
        let bound =
            if factor > BACKOFF_MAX.as_secs() { BACKOFF_MAX } else { BACKOFF + BACKOFF.times(factor) };
        let pause = self.stream.span(SimDuration::ZERO, bound.min(BACKOFF_MAX));
        self.pause(pause, out);
    }
}

impl Host {
    /// The agent may have heard of another role that the node shall have.
    pub(super) fn observe_node(&mut self, out: &mut Effects) {
        let Some(object) = self.agent.as_ref().and_then(|agent| agent.node_object()) else { return };
        let desired = object.spec.desired_role;
        let certificate = &mut self.node.certificate;
        if certificate.expected != Some(desired) {
            certificate.expected = Some(desired);
            certificate.request(out);
        }
    }

    /// The pause is over.
    pub(super) fn renew(&mut self, out: &mut Effects) {
        self.request_certificate(0, out);
    }

    /// The first attempt goes to the own manager, if there is one; it may know less than others.
    fn request_certificate(&mut self, attempt: u32, out: &mut Effects) {
        let node = self.node.identity.expect("only a node renews its certificate").node;
        match self.contact(attempt > 0) {
            Some(manager) if attempt < ATTEMPTS => {
                let request = Request::IssueCertificate(CertificateRequest::Renew { node });
                self.ask_for_certificate(manager, request, attempt, out);
            }
            Some(_) | None => self.node.certificate.failed(out),
        }
    }

    fn ask_for_certificate(&mut self, manager: HostId, request: Request, attempt: u32, out: &mut Effects) {
        let call = OpenCall::make(manager, request, CALL_TIMEOUT, out);
        self.node.certificate.step = Step::Asking { call, attempt };
    }

    pub(super) fn certificate_answered(&mut self, answer: Answer, out: &mut Effects) {
        let Step::Asking { call, attempt } = self.node.certificate.step else { return };
        call.close(&answer, out);
        self.node.certificate.step = Step::Idle;
        match answer {
            Ok(Response::CertificateRequested { node }) => match self.contact(attempt > 0) {
                Some(manager) => {
                    self.ask_for_certificate(manager, Request::CertificateStatus { node }, attempt, out);
                }
                None => self.node.certificate.failed(out),
            },
            Ok(Response::Certificate { role }) => self.certified(role, out),
            Ok(response) => unreachable!("{response:?} is no answer about a certificate"),
            Err(_) => self.request_certificate(attempt + 1, out),
        }
    }

    /// A new certificate is here.
    fn certified(&mut self, role: NodeRole, out: &mut Effects) {
        let certificate = &mut self.node.certificate;
        if certificate.expected != Some(role) {
            certificate.failed(out);
        } else {
            certificate.failures = 0;
        }
        if std::mem::take(&mut certificate.again) {
            certificate.request(out);
        }
        self.node.identity.as_mut().expect("only a node renews its certificate").role = role;
        self.follow_role(out);
    }
}

impl StateDigest for Renewal {
    fn digest(&self, digest: &mut Digest) {
        let Self { stream, expected, failures, step, again } = self;
        stream.digest(digest);
        digest.u8(expected.map_or(0, |role| role as u8 + 1));
        digest.u32(*failures);
        match step {
            Step::Idle => digest.u8(0),
            Step::Paused(_) => digest.u8(1),
            Step::Asking { call, attempt } => {
                digest.u8(2);
                call.digest(digest);
                digest.u32(*attempt);
            }
        }
        digest.bool(*again);
    }
}
