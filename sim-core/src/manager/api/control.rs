//! The control API among the loops of a leading manager: each call that writes is a strand of its own, which ends
//! with the answer. It hears nothing of the store.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::execute::{Surroundings, execute, read};
use super::prepare::{Prepared, PreparedWrite, prepare};
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, ControlLoop, Heard, Outcome, Step, WriteError};
use crate::model::HostId;
use crate::protocol::{
    ApiError, ApiRequest, ApiResponse, LoopTimer, MemberList, Message, ReplyTo, Request, Response,
};
use crate::store::{Store, StoreError, Transaction};

/// What becomes of a transaction whose request was refused; the caller is told why in full.
const REFUSED: StoreError = StoreError::Abandoned("the request was refused");

/// The control API of a leading manager.
#[derive(Debug)]
pub(crate) struct ControlApi {
    surroundings: Surroundings,
    /// Calls whose write is not settled, by strand.
    calls: BTreeMap<u32, Call>,
    last_strand: u32,
}

/// A call that waits for its write.
#[derive(Debug)]
struct Call {
    /// Who waits; nobody once the caller has given up. The write goes on nevertheless.
    reply: Option<ReplyTo>,
    /// What the transaction came to. It counts when it is committed.
    result: Option<Result<ApiResponse, ApiError>>,
}

/// A request whose turn to write has come.
#[derive(Clone, Debug)]
pub(crate) struct ApiStep {
    strand: u32,
    write: Arc<PreparedWrite>,
}

impl ControlApi {
    pub(crate) fn new(seed: u64) -> Self {
        let surroundings = Surroundings { seed, members: MemberList::default() };
        ControlApi { surroundings, calls: BTreeMap::new(), last_strand: 0 }
    }

    fn begin_write(&mut self, reply: ReplyTo, write: PreparedWrite, context: &mut Context<'_>) {
        self.last_strand += 1;
        let strand = self.last_strand;
        self.calls.insert(strand, Call { reply: Some(reply), result: None });
        context.update(strand, Step::Api(ApiStep { strand, write: Arc::new(write) }));
    }
}

impl ControlLoop for ControlApi {
    fn start(&mut self, _context: &mut Context<'_>) {}

    fn hear(&mut self, _strand: u32, event: Heard<'_>, _context: &mut Context<'_>) {
        unreachable!("the control API watches nothing, but heard {event:?}");
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Api(ApiStep { strand, write }) = step else { unreachable!("the API's own step") };
        let result = execute(write, transaction, &self.surroundings.members);
        let outcome = result.as_ref().map_or(Err(REFUSED), |_| Ok(()));
        self.calls.get_mut(strand).expect("a call lives until its write is settled").result = Some(result);
        outcome
    }

    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        let Call { reply, result } = self.calls.remove(&strand).expect("a write belongs to a call");
        let result = match outcome {
            Outcome::Committed | Outcome::Unchanged | Outcome::Failed(WriteError::Store(_)) => {
                result.expect("the transaction was run")
            }
            Outcome::Failed(
                error @ (WriteError::TooLarge | WriteError::Dropped | WriteError::LostLeadership),
            ) => Err(ApiError::NotCommitted(error.to_string())),
        };
        answer(reply, result, context);
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the control API sets no timer, but {timer:?} fired");
    }

    fn request(&mut self, reply: ReplyTo, _from: HostId, request: Request, context: &mut Context<'_>) {
        let Request::Api(request) = request else { unreachable!("{request:?} is not for the control API") };
        let request = match *request {
            ApiRequest::Read(request) => {
                return answer(Some(reply), read(&request, context.store, &self.surroundings), context);
            }
            ApiRequest::Write(request) => prepare(request, context.store, &self.surroundings),
        };
        match request {
            Ok(Prepared::Write(write)) => self.begin_write(reply, write, context),
            Ok(Prepared::Done(response)) => answer(Some(reply), Ok(response), context),
            Err(error) => answer(Some(reply), Err(error), context),
        }
    }

    fn members(&mut self, members: &MemberList) {
        self.surroundings.members.clone_from(members);
    }

    fn hang_up(&mut self, reply: ReplyTo, _context: &mut Context<'_>) {
        for call in self.calls.values_mut() {
            call.reply = call.reply.filter(|waiting| *waiting != reply);
        }
    }

    fn reset(&mut self, host: HostId, _context: &mut Context<'_>) {
        for call in self.calls.values_mut() {
            call.reply = call.reply.filter(|waiting| waiting.host != host);
        }
    }

    /// Calls that still wait for the store's lock fail like the one that holds it.
    fn stop(&mut self, context: &mut Context<'_>) {
        for call in std::mem::take(&mut self.calls).into_values() {
            let error = ApiError::NotCommitted(WriteError::LostLeadership.to_string());
            answer(call.reply, Err(error), context);
        }
    }
}

/// What a manager answers that leads the Raft cluster already but whose loops do not run yet: it reads, and cannot
/// write (spec control-plane 3.2).
pub(crate) fn answer_while_starting(
    request: &ApiRequest,
    store: &Store,
    members: MemberList,
    seed: u64,
) -> Result<ApiResponse, ApiError> {
    match request {
        ApiRequest::Read(request) => read(request, store, &Surroundings { seed, members }),
        ApiRequest::Write(_) => Err(ApiError::NotCommitted(WriteError::LostLeadership.to_string())),
    }
}

fn answer(reply: Option<ReplyTo>, result: Result<ApiResponse, ApiError>, context: &mut Context<'_>) {
    if let Some(ReplyTo { host, call }) = reply {
        let answer = Ok(Response::Api(Box::new(result)));
        context.effects.send(host, Message::Answer { call, answer });
    }
}

impl StateDigest for ControlApi {
    fn digest(&self, digest: &mut Digest) {
        let Self { surroundings: Surroundings { seed: _, members }, calls, last_strand } = self;
        members.digest(digest);
        digest.u32(*last_strand);
        for (strand, Call { reply, result }) in calls {
            digest.u32(*strand);
            digest.debug(&(reply, result));
        }
    }
}
