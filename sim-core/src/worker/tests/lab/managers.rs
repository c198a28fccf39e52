//! What the managers of the world around an agent send, and how they answer.
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Lab, Manner, node};
use crate::model::{HostId, TaskState};
use crate::protocol::{
    Answer, Assignment, Assignments, CallError, CallId, Message, Request, Response, SessionId,
    SessionMessage, StatusUpdate, StreamItem,
};

impl Lab {
    pub(in crate::worker::tests) fn assign(&mut self, complete: bool, changes: Vec<Assignment>) {
        // A task that is removed begins anew, should it come back.
        self.reported.retain(|task, _| {
            let last = changes.iter().rev().find(|change| match change {
                Assignment::Update { task: updated, .. } => updated.id == *task,
                Assignment::Remove { task: removed, .. } => removed == task,
            });
            matches!(last, Some(Assignment::Update { .. })) || last.is_none() && !complete
        });
        let assignments = Arc::new(Assignments { complete, changes });
        if let Some(call) = self.assignments {
            self.deliver(Message::Item { call, item: StreamItem::Assignments(assignments) });
        }
    }

    pub(super) fn tell_session(&mut self) {
        if let Some(call) = self.session {
            let item = StreamItem::Session(Arc::new(self.session_message()));
            self.deliver(Message::Item { call, item });
        }
    }

    fn session_message(&self) -> SessionMessage {
        SessionMessage {
            session: SessionId(self.sessions_given),
            node: Arc::new(node(self.attached)),
            managers: Arc::clone(&self.managers),
        }
    }

    pub(super) fn end_stream(&mut self, name: &str, error: CallError) {
        let stream = if name == "session" { &mut self.session } else { &mut self.assignments };
        let call = stream.take().expect("the stream is open");
        self.deliver(Message::Answer { call, answer: Err(error) });
    }

    fn print_sent(&mut self, to: HostId, text: &str) {
        let is_session = text.contains("session") || text == "assignments" || text == "hang up assignments";
        if is_session && !self.shows("sessions") {
            return;
        }
        writeln!(self.log, "{} > h{} {text}", self.out.now(), to.0).unwrap();
    }

    pub(super) fn serve(&mut self, to: HostId, message: Message) {
        if let Message::Request { call, request } = message {
            return self.serve_request(to, call, request);
        }
        let Message::HangUp { call } = message else { panic!("an agent does not send {message:?}") };
        let name = if self.session == Some(call) {
            self.session = None;
            "session"
        } else {
            self.assignments = None;
            "assignments"
        };
        self.print_sent(to, &format!("hang up {name}"));
    }

    fn serve_request(&mut self, to: HostId, call: CallId, request: Request) {
        match request {
            Request::Session { session, description, .. } => {
                let old = session.map_or(String::new(), |session| format!(" s{}", session.0));
                self.print_sent(to, &format!("session{old} as {}", description.hostname));
                self.open_session(call, session);
            }
            Request::Heartbeat { .. } => {
                if self.shows("heartbeats") {
                    self.print_sent(to, "heartbeat");
                }
                let response = Response::Heartbeat { period: self.period };
                self.answer(call, self.heartbeats.clone(), response);
            }
            Request::Assignments { .. } => {
                self.print_sent(to, "assignments");
                self.assignments = Some(call);
            }
            Request::UpdateTaskStatus { updates, .. } => {
                let texts: Vec<String> = updates.iter().map(|update| self.update_text(update)).collect();
                self.print_sent(to, &format!("report {}", texts.join(", ")));
                if matches!(self.reports, Manner::Yes) {
                    self.accept(&updates);
                }
                self.answer(call, self.reports.clone(), Response::Done);
            }
            Request::Api(_)
            | Request::Raft(_)
            | Request::Health
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_)
            | Request::Forwarded { .. } => panic!("an agent does not ask for {request:?}"),
        }
    }

    fn open_session(&mut self, call: CallId, session: Option<SessionId>) {
        self.session = Some(call);
        match self.sessions.clone() {
            Manner::Yes => {
                self.sessions_given = session.map_or(self.sessions_given + 1, |session| session.0);
                self.tell_session();
            }
            Manner::Silent => {}
            Manner::Fails(error) => self.deliver(Message::Answer { call, answer: Err(error) }),
        }
    }

    fn answer(&mut self, call: CallId, manner: Manner, response: Response) {
        let answer: Answer = match manner {
            Manner::Yes => Ok(response),
            Manner::Silent => return,
            Manner::Fails(error) => Err(error),
        };
        self.deliver(Message::Answer { call, answer });
    }

    /// States never go back, as long as they are those of one task.
    fn accept(&mut self, updates: &[StatusUpdate]) {
        for update in updates {
            let old = self.reported.insert(update.task, update.status.clone());
            let old = old.map_or(TaskState::New, |status| status.state);
            assert!(old <= update.status.state, "{:?}: {} after {old}", update.task, update.status.state);
        }
    }

    fn update_text(&self, StatusUpdate { task, status, cause }: &StatusUpdate) -> String {
        let mut text = format!("t{} {} \"{}\"", task.0, status.state, status.message);
        if !status.err.is_empty() {
            write!(text, " error=\"{}\"", status.err).unwrap();
        }
        if let Some(code) = status.exit_code {
            write!(text, " exit={code}").unwrap();
        }
        if let Some(time) = status.timestamp.filter(|time| *time != self.out.now()) {
            write!(text, " at={time}").unwrap();
        }
        if self.shows("causes") {
            write!(text, " [< {}]", cause.0).unwrap();
        }
        text
    }
}
