//! The images that a host has, and those that it is pulling.
//!
//! Two tasks that wait for one image share one pull. A pull goes on when a task's preparation is interrupted, and
//! ends early when no task wants the image any more.
use std::collections::{BTreeMap, BTreeSet};

use super::Site;
use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, Task, TaskId};
use crate::protocol::{AgentTimer, Effects};
use crate::worker::alarm::Alarm;

/// Images on a host.
#[derive(Debug, Default)]
pub(super) struct ImageStore {
    /// References that were pulled during the run. Those cached from the start are in the profiles.
    pulled: BTreeSet<String>,
    pulls: BTreeMap<u32, Pull>,
    /// How many pulls there have been.
    count: u32,
}

#[derive(Debug)]
struct Pull {
    image: String,
    /// Who waits, and the fact that the image is being pulled for it.
    waiting: Vec<(TaskId, FactId)>,
    complete: Alarm,
}

/// Whether a task can have its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is here. Whatever the registry says, the container is made from it.
    Here,
    /// It is not here, and the registry does not have it.
    Nowhere,
    /// It comes, and this task is waited for already.
    Coming,
    /// It has to be pulled for this task.
    Wanted,
}

impl ImageStore {
    pub(super) fn presence(&self, task: &Task, site: &Site) -> Presence {
        let (image, profile) = (&task.spec.container.image, site.profile(task));
        if profile.cached || self.pulled.contains(image) {
            Presence::Here
        } else if profile.missing {
            Presence::Nowhere
        } else if self.pulls.values().any(|pull| pull.waiting.iter().any(|(waiting, _)| *waiting == task.id))
        {
            Presence::Coming
        } else {
            Presence::Wanted
        }
    }

    /// The image is pulled for a task; the current cause is the fact that says so.
    pub(super) fn pull(&mut self, task: &Task, site: &Site, out: &mut Effects) {
        let image = &task.spec.container.image;
        let waiting = (task.id, out.cause());
        if let Some(pull) = self.pulls.values_mut().find(|pull| pull.image == *image) {
            return pull.waiting.push(waiting);
        }
        self.count += 1;
        let due = out.now() + site.profile(task).pull;
        let complete = Alarm::set(AgentTimer::Pulled(self.count), due, out);
        self.pulls.insert(self.count, Pull { image: image.clone(), waiting: vec![waiting], complete });
    }

    /// A pull is complete. The answer is who waited for it; nobody, if it was given up.
    pub(super) fn pulled(&mut self, number: u32) -> Vec<(TaskId, FactId)> {
        let Some(pull) = self.pulls.remove(&number) else { return Vec::new() };
        self.pulled.insert(pull.image);
        pull.waiting
    }

    /// A task does not want its image any longer.
    pub(super) fn give_up(&mut self, task: TaskId, out: &mut Effects) {
        self.pulls.retain(|_, pull| {
            pull.waiting.retain(|(waiting, _)| *waiting != task);
            if pull.waiting.is_empty() {
                pull.complete.cancel(out);
            }
            !pull.waiting.is_empty()
        });
    }

    /// The engine process is over, and with it what it was pulling.
    pub(super) fn engine_ended(&mut self) {
        self.pulls.clear();
    }
}

impl StateDigest for ImageStore {
    fn digest(&self, digest: &mut Digest) {
        let Self { pulled, pulls, count } = self;
        pulled.digest(digest);
        digest.u32(*count);
        for (number, Pull { image, waiting, complete }) in pulls {
            digest.u32(*number);
            digest.text(image);
            waiting.digest(digest);
            complete.digest(digest);
        }
    }
}
