//! How containers of an image behave on a host.
use std::collections::BTreeMap;

use super::ServerBehaviour;
use crate::kernel::SimDuration;
use crate::model::spec::HealthConfig;
use crate::model::{HostId, ObjectId, TrafficId};

/// The behaviour of all images: of those a scenario lists, and of all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// By full reference (`nginx:1.27`) or by name (`nginx`).
    pub listed: BTreeMap<String, ImageSetup>,
    /// Behaviour of every other image.
    pub unlisted: ImageProfile,
}

/// The behaviour of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSetup {
    /// On every host that is not mentioned below.
    pub profile: ImageProfile,
    /// On single hosts: the complete behaviour there.
    pub on: BTreeMap<HostId, ImageProfile>,
}

/// The behaviour of an image's containers on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageProfile {
    /// True if the host has the image at time zero. Default true.
    pub cached: bool,
    /// True if the registry does not know the image: every pull fails. Default false.
    pub missing: bool,
    /// Time of a pull, if the host lacks the image. Default 5 s.
    pub pull: SimDuration,
    /// Time from an existing image to a created container. Default 200 ms.
    pub prepare: SimDuration,
    /// Time from a created container to a running process. Default 300 ms.
    pub start: SimDuration,
    /// Time from the stop signal to the end of the process. Default 200 ms.
    pub stop: SimDuration,
    /// True if the process does not end before it is killed. Default false.
    pub ignores_stop: bool,
    /// How and when the process ends by itself. Default: never.
    pub exit: Option<Exit>,
    /// How it answers health checks. Default: at once and for ever.
    pub health: HealthBehaviour,
    /// How it serves requests.
    pub server: ServerBehaviour,
}

/// The end of a process that nobody asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: u8,
    /// Time since its start.
    pub after: SimDuration,
}

/// When a program answers its health check. It matters only if there is a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthBehaviour {
    /// Time from the start until checks pass. Default 0.
    pub healthy_after: SimDuration,
    /// Time from the start until checks fail again. Default: never.
    pub unhealthy_after: Option<SimDuration>,
    /// True if a check that fails does so by taking its time-out. Default false: it fails at once.
    pub hangs: bool,
    /// The image's own check, used by services that bring none.
    pub check: Option<HealthConfig>,
}

impl Default for ImageProfile {
    fn default() -> Self {
        ImageProfile {
            cached: true,
            missing: false,
            pull: SimDuration::from_secs(5),
            prepare: SimDuration::from_millis(200),
            start: SimDuration::from_millis(300),
            stop: SimDuration::from_millis(200),
            ignores_stop: false,
            exit: None,
            health: HealthBehaviour::default(),
            server: ServerBehaviour::default(),
        }
    }
}

impl Images {
    /// Sources of the timeline stand before the calls of programs in the list of all sources.
    pub fn put_calls_behind(&mut self, sources: usize) {
        for image in self.listed.values_mut() {
            let profiles = std::iter::once(&mut image.profile).chain(image.on.values_mut());
            let calls = profiles.flat_map(|profile| &mut profile.server.calls);
            calls.for_each(|call| *call = TrafficId::from_index(call.index() + sources));
        }
    }

    /// How containers of an image behave on a host. An entry for the full reference comes before one for the name.
    #[must_use]
    pub fn profile(&self, reference: &str, host: HostId) -> &ImageProfile {
        let by_name = || self.listed.get(image_name(reference));
        match self.listed.get(reference).or_else(by_name) {
            Some(image) => image.on.get(&host).unwrap_or(&image.profile),
            None => &self.unlisted,
        }
    }
}

/// An image reference without its digest and its tag: `registry:5000/team/app` for `registry:5000/team/app:2`.
#[must_use]
pub fn image_name(reference: &str) -> &str {
    let reference = reference.split_once('@').map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_the_registry_is_no_tag() {
        assert_eq!(image_name("nginx"), "nginx");
        assert_eq!(image_name("nginx:1.27"), "nginx");
        assert_eq!(image_name("registry:5000/team/app"), "registry:5000/team/app");
        assert_eq!(image_name("registry:5000/team/app:2@sha256:abc"), "registry:5000/team/app");
    }

    #[test]
    fn the_full_reference_comes_before_the_name_and_the_host_before_both() {
        let slow =
            |seconds| ImageProfile { pull: SimDuration::from_secs(seconds), ..ImageProfile::default() };
        let tagged = ImageSetup { profile: slow(10), on: BTreeMap::from([(HostId(1), slow(20))]) };
        let named = ImageSetup { profile: slow(30), on: BTreeMap::new() };
        let listed = BTreeMap::from([("web:2".to_owned(), tagged), ("web".to_owned(), named)]);
        let images = Images { listed, unlisted: slow(40) };
        let pull = |reference, host| images.profile(reference, HostId(host)).pull.as_secs();
        assert_eq!([pull("web:2", 0), pull("web:2", 1), pull("web:3", 1), pull("db", 1)], [10, 20, 30, 40]);
    }
}
