//! What the trace hash is made of: every field of every fact, in fixed widths (decisions: trace).
use std::net::Ipv4Addr;

use super::{Fact, Loss, NoEffect, RequestsFailed, SessionEvent};
use crate::kernel::{Digest, StateDigest};

impl StateDigest for Fact {
    fn digest(&self, digest: &mut Digest) {
        digest.text(self.kind());
        match self {
            Fact::Start => {}
            Fact::Command { command, host, line } => {
                digest.u32(command.0);
                digest.u32(host.0);
                digest.text(line);
            }
            Fact::Answer { command, exit, stdout, stderr, took } => {
                digest.u32(command.0);
                digest.u8(*exit);
                digest.text(stdout);
                digest.text(stderr);
                digest.duration(*took);
            }
            Fact::Fault { fault } => digest.debug(fault),
            Fact::WithoutEffect(reason) => digest_reason(reason, digest),
            Fact::Note { text } => digest.text(text),
            Fact::RaftRole { host, role, term, leader } => {
                digest.u32(host.0);
                digest.u8(*role as u8);
                digest.u64(*term);
                digest.u32(leader.map_or(u32::MAX, |leader| leader.0));
            }
            Fact::Leadership { host, active } => {
                digest.u32(host.0);
                digest.bool(*active);
            }
            Fact::Manager { host, running } => {
                digest.u32(host.0);
                digest.bool(*running);
            }
            Fact::Lost { host, loss } => {
                digest.u32(host.0);
                match loss {
                    Loss::Log => digest.u8(0),
                    Loss::Reports { nodes, tasks } => {
                        digest.u8(1);
                        digest.sequence(nodes.iter());
                        digest.sequence(tasks.iter());
                    }
                }
            }
            Fact::Session { host, event } => {
                digest.u32(host.0);
                match event {
                    SessionEvent::Registered => digest.u8(0),
                    SessionEvent::Failed { error, backoff, retry_in } => {
                        digest.u8(1);
                        digest.text(error);
                        digest.duration(*backoff);
                        digest.duration(*retry_in);
                    }
                    SessionEvent::Overtaken => digest.u8(2),
                }
            }
            Fact::NodeCreated { node, host } => {
                digest.u32(node.0);
                digest.u32(host.0);
            }
            Fact::NodeStatus { node, from, to, message } => {
                digest.u32(node.0);
                digest.u8(*from as u8);
                digest.u8(*to as u8);
                digest.text(message);
            }
            Fact::NodeAvailability { node, from, to } => {
                digest.u32(node.0);
                digest.u8(*from as u8);
                digest.u8(*to as u8);
            }
            Fact::NodeRole { node, from, to } => {
                digest.u32(node.0);
                digest.u8(*from as u8);
                digest.u8(*to as u8);
            }
            Fact::NodeUpdated { node } | Fact::NodeRemoved { node } => digest.u32(node.0),
            Fact::ServiceCreated { service }
            | Fact::ServiceUpdated { service }
            | Fact::ServiceRemoved { service } => digest.u32(service.0),
            Fact::ServiceUpdateStatus { service, from, to, message } => {
                digest.u32(service.0);
                digest.u8(from.map_or(0, |state| state as u8));
                digest.u8(to.map_or(0, |state| state as u8));
                digest.text(message);
            }
            Fact::Network { network, created } => {
                digest.u32(network.0);
                digest.bool(*created);
            }
            Fact::TaskCreated { task, service, slot, node, desired } => {
                digest.u32(task.0);
                digest.u32(service.map_or(u32::MAX, |service| service.0));
                digest.u32(slot.0);
                digest.u32(node.map_or(u32::MAX, |node| node.0));
                digest.u32(*desired as u32);
            }
            Fact::TaskAssigned { task, node } => {
                digest.u32(task.0);
                digest.u32(node.0);
            }
            Fact::TaskState { task, from, to, message, err } => {
                digest.u32(task.0);
                digest.u32(*from as u32);
                digest.u32(*to as u32);
                digest.text(message);
                digest.text(err);
            }
            Fact::TaskDesired { task, from, to } => {
                digest.u32(task.0);
                digest.u32(*from as u32);
                digest.u32(*to as u32);
            }
            Fact::TaskRemoved { task } => digest.u32(task.0),
            Fact::Container { task, host, event } => {
                digest.u32(task.0);
                digest.u32(host.0);
                digest.debug(event);
            }
            Fact::Traffic { traffic } => digest.u32(traffic.0),
            Fact::RequestsFailed(failed) => failed.digest(digest),
            Fact::Backends { host, network, service, event, tasks } => {
                digest.u32(host.0);
                digest.u32(network.0);
                digest.u32(service.0);
                digest.u8(*event as u8);
                tasks.digest(digest);
            }
        }
    }
}

fn digest_reason(reason: &NoEffect, digest: &mut Digest) {
    let number = match reason {
        NoEffect::HasNoPower(_) => 0,
        NoEffect::EngineDown(_) => 1,
        NoEffect::EngineRuns(_) => 2,
        NoEffect::Frozen(_) => 3,
        NoEffect::NotFrozen(_) => 4,
        NoEffect::NoContainer { task } => {
            digest.text(task);
            5
        }
        NoEffect::NoManager(_) => 6,
        NoEffect::SameLink { from, to, one_way } => {
            digest.debug(&(from, to, one_way));
            7
        }
    };
    digest.u8(number);
    reason.host().digest(digest);
}

impl StateDigest for RequestsFailed {
    fn digest(&self, digest: &mut Digest) {
        let Self { traffic, failure, via, count, first_sent, last_sent, entry, task, host, address } = self;
        digest.u32(traffic.0);
        digest.text(failure.name());
        digest.u32(via.map_or(u32::MAX, |via| via.0));
        digest.u64(*count);
        digest.time(*first_sent);
        digest.time(*last_sent);
        digest.u32(entry.map_or(u32::MAX, |entry| entry.0));
        digest.u32(task.map_or(u32::MAX, |task| task.0));
        digest.u32(host.map_or(u32::MAX, |host| host.0));
        digest.u32(address.map_or(0, Ipv4Addr::to_bits));
    }
}
