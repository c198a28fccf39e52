//! The certificate authority of a leading manager (spec control-plane 8.3, 8.4).
//!
//! A request makes or changes a node object; signing is a second write, made on sight of the first. Whoever asks for
//! the certificate meanwhile waits for that. A certificate is nothing but a role here: keys, expiry and the rotation
//! of the root are absent, and so is the retry of a signature that failed.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::loops::{Context, ControlLoop, Heard, MAIN_STRAND, Outcome, Step, WriteError};
use crate::kernel::{Digest, StateDigest};
use crate::model::node::IssuanceState;
use crate::model::{Availability, FactId, HostId, Node, NodeId, NodeRole, NodeSpec, ObjectId};
use crate::protocol::{
    Answer, CallError, CertificateRequest, LoopTimer, Message, ReplyTo, Request, Response, Status, StatusCode,
};
use crate::store::{ObjectChange, Store, StoreError, Transaction};

/// What whoever comes with a wrong token is told (spec control-plane 8.3).
const NO_TOKEN: &str = "A valid join token is necessary to join this cluster";

/// The certificate authority of one leadership.
#[derive(Debug)]
pub(crate) struct CertificateAuthority {
    /// Seed of the run, which gives tokens and ids their text.
    seed: u64,
    /// Requests whose node object is being written, by strand.
    requests: BTreeMap<u32, PendingRequest>,
    /// Nodes that wait for their signature, each with the fact of its request.
    unsigned: BTreeMap<NodeId, FactId>,
    /// Who waits for the certificate of which node.
    waiting: BTreeSet<(NodeId, ReplyTo)>,
}

#[derive(Debug)]
struct PendingRequest {
    reply: ReplyTo,
    /// Known once the transaction was run.
    node: Option<NodeId>,
}

/// What the certificate authority writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CaStep {
    /// A host joins, with the role of its token.
    Admit { strand: u32, host: HostId, role: NodeRole, availability: Availability },
    /// A node wants a certificate for the role that it has now.
    Renew { strand: u32, node: NodeId },
    /// The node's request is signed.
    Sign(NodeId),
}

impl CertificateAuthority {
    pub(crate) fn new(seed: u64) -> Self {
        let (requests, unsigned, waiting) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        CertificateAuthority { seed, requests, unsigned, waiting }
    }

    fn issue(
        &mut self,
        reply: ReplyTo,
        request: CertificateRequest,
        context: &mut Context<'_>,
    ) -> Result<(), Status> {
        let strand = context.new_strand();
        let step = match request {
            CertificateRequest::Join { host, token, availability } => {
                let role = self.role_of_token(&token, context.store);
                let role = role.ok_or_else(|| Status::new(StatusCode::InvalidArgument, NO_TOKEN))?;
                CaStep::Admit { strand, host, role, availability }
            }
            CertificateRequest::Renew { node } => {
                context.store.node(node).ok_or_else(|| self.unknown(node))?;
                CaStep::Renew { strand, node }
            }
        };
        self.requests.insert(strand, PendingRequest { reply, node: None });
        context.update(strand, Step::CertificateAuthority(step));
        Ok(())
    }

    fn role_of_token(&self, token: &str, store: &Store) -> Option<NodeRole> {
        let cluster = store.cluster()?;
        [NodeRole::Worker, NodeRole::Manager]
            .into_iter()
            .find(|role| cluster.join_token(*role, self.seed) == token)
    }

    fn unknown(&self, node: NodeId) -> Status {
        Status::new(StatusCode::NotFound, format!("node {} not found", node.text(self.seed)))
    }

    fn wait(&mut self, reply: ReplyTo, id: NodeId, context: &mut Context<'_>) -> Result<(), Status> {
        let node = context.store.node(id).ok_or_else(|| self.unknown(id))?;
        match node.certificate {
            (role, IssuanceState::Issued) => answer(reply, Ok(Response::Certificate { role }), context),
            (_, IssuanceState::Pending | IssuanceState::Renew) => {
                self.waiting.insert((id, reply));
            }
        }
        Ok(())
    }

    /// Signs all that waits, in one batch.
    fn sign(&mut self, context: &mut Context<'_>) {
        let unsigned = std::mem::take(&mut self.unsigned);
        if !unsigned.is_empty() {
            let sign = |(node, cause)| (Step::CertificateAuthority(CaStep::Sign(node)), cause);
            context.batch(MAIN_STRAND, unsigned.into_iter().map(sign));
        }
    }

    /// A certificate is signed: those who wait for it get it.
    fn deliver(&mut self, node: &Node, context: &mut Context<'_>) {
        let first = (node.id, ReplyTo::FIRST);
        let theirs = self.waiting.range(first..).take_while(|(id, _)| *id == node.id).copied();
        for waiter in theirs.collect::<Vec<_>>() {
            self.waiting.remove(&waiter);
            answer(waiter.1, Ok(Response::Certificate { role: node.certificate.0 }), context);
        }
    }
}

impl ControlLoop for CertificateAuthority {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        let unsigned = context.store.nodes().filter(|node| node.certificate.1 != IssuanceState::Issued);
        self.unsigned = unsigned.map(|node| (node.id, cause)).collect();
        self.sign(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let Heard::Change(ObjectChange::Node(delta)) = event else { return };
        let Some(node) = &delta.new else { return };
        match node.certificate.1 {
            IssuanceState::Issued => self.deliver(node, context),
            IssuanceState::Pending | IssuanceState::Renew => {
                self.unsigned.insert(node.id, context.cause());
                self.sign(context);
            }
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::CertificateAuthority(step) = step else { unreachable!("the authority's own step") };
        match *step {
            CaStep::Admit { strand, host, role, availability } => {
                let id = transaction.mint_node();
                self.requests.get_mut(&strand).expect("a request lives until it is settled").node = Some(id);
                transaction.create_node(admitted(id, host, role, availability))
            }
            CaStep::Renew { strand, node } => {
                self.requests.get_mut(&strand).expect("a request lives until it is settled").node =
                    Some(node);
                let object = transaction.store().node(node).ok_or(StoreError::NotExist)?;
                let certificate = (object.role, IssuanceState::Renew);
                transaction.update_node(Node { certificate, ..Node::clone(object) })
            }
            CaStep::Sign(node) => {
                let Some(object) = transaction.store().node(node) else { return Ok(()) };
                let (role, state) = object.certificate;
                if state == IssuanceState::Issued {
                    return Ok(());
                }
                let certificate = (role, IssuanceState::Issued);
                transaction.update_node(Node { certificate, ..Node::clone(object) })
            }
        }
    }

    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        let Some(PendingRequest { reply, node }) = self.requests.remove(&strand) else {
            return self.sign(context);
        };
        let result = match outcome {
            Outcome::Committed | Outcome::Unchanged => {
                let node = node.expect("the transaction was run");
                Ok(Response::CertificateRequested { node })
            }
            Outcome::Failed(error) => {
                Err(CallError::Status(Status::new(StatusCode::Unknown, error.to_string())))
            }
        };
        answer(reply, result, context);
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the certificate authority sets no timer, but {timer:?} fired");
    }

    fn request(&mut self, reply: ReplyTo, _from: HostId, request: Request, context: &mut Context<'_>) {
        let result = match request {
            Request::RootCertificate => match context.store.cluster() {
                Some(cluster) => {
                    answer(reply, Ok(Response::RootCertificate(cluster.id)), context);
                    Ok(())
                }
                None => Err(Status::new(StatusCode::Aborted, "CA signer is still starting")),
            },
            Request::IssueCertificate(request) => self.issue(reply, request, context),
            Request::CertificateStatus { node } => self.wait(reply, node, context),
            Request::Session { .. }
            | Request::Heartbeat { .. }
            | Request::UpdateTaskStatus { .. }
            | Request::Assignments { .. }
            | Request::Api(_)
            | Request::Raft(_)
            | Request::Health
            | Request::JoinRaft(_)
            | Request::Forwarded { .. } => unreachable!("{request:?} is not for the certificate authority"),
        };
        if let Err(status) = result {
            answer(reply, Err(CallError::Status(status)), context);
        }
    }

    fn hang_up(&mut self, reply: ReplyTo, _context: &mut Context<'_>) {
        self.waiting.retain(|(_, waiter)| *waiter != reply);
    }

    fn reset(&mut self, host: HostId, _context: &mut Context<'_>) {
        self.waiting.retain(|(_, waiter)| waiter.host != host);
    }

    fn stop(&mut self, context: &mut Context<'_>) {
        let requests = std::mem::take(&mut self.requests).into_values().map(|request| request.reply);
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(_, reply)| reply);
        for reply in requests.chain(waiting).collect::<Vec<_>>() {
            let text = WriteError::LostLeadership.to_string();
            answer(reply, Err(CallError::Status(Status::new(StatusCode::Unknown, text))), context);
        }
    }
}

/// The object of a node that joins. Its agent has told nothing yet.
fn admitted(id: NodeId, host: HostId, role: NodeRole, availability: Availability) -> Node {
    Node {
        spec: Arc::new(NodeSpec { desired_role: role, availability, ..NodeSpec::default() }),
        certificate: (role, IssuanceState::Pending),
        ..Node::new(id, host, role)
    }
}

fn answer(reply: ReplyTo, answer: Answer, context: &mut Context<'_>) {
    context.effects.send(reply.host, Message::Answer { call: reply.call, answer });
}

impl StateDigest for CertificateAuthority {
    fn digest(&self, digest: &mut Digest) {
        // The seed is the run's.
        let Self { seed: _, requests, unsigned, waiting } = self;
        for (strand, PendingRequest { reply, node }) in requests {
            digest.u32(*strand);
            digest.u64(reply.call.number);
            digest.u64(node.map_or(0, |node| node.index() as u64 + 1));
        }
        unsigned.digest(digest);
        for (node, reply) in waiting {
            node.digest(digest);
            digest.u64(reply.call.number);
        }
    }
}
