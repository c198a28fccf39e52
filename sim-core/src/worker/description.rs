//! What an agent tells about its machine.
use crate::model::setup::HostSetup;
use crate::model::{EngineDescription, Labels, NodeDescription};

/// What engines say they are.
const ENGINE_VERSION: &str = "29.7.2";
/// What engines can connect containers with, and keep their data in.
const ENGINE_PLUGINS: [(&str, &str); 4] =
    [("Network", "bridge"), ("Network", "host"), ("Network", "overlay"), ("Volume", "local")];

/// The description of a host.
pub(crate) fn describe(setup: &HostSetup) -> NodeDescription {
    NodeDescription {
        hostname: setup.name.clone(),
        platform: Some(setup.platform.clone()),
        resources: Some(setup.resources.clone()),
        engine: Some(EngineDescription {
            version: ENGINE_VERSION.to_owned(),
            labels: Labels::new(),
            plugins: ENGINE_PLUGINS.map(|(kind, name)| (kind.to_owned(), name.to_owned())).into(),
        }),
    }
}
