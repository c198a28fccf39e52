//! Volume, network and log drivers must be on the node (spec scheduler 7.1).
use super::{Filter, count_of};
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;

pub(super) struct Plugins;

impl Filter for Plugins {
    fn name(&self) -> &'static str {
        "plugins"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        !needs.volume_drivers.is_empty()
            || !needs.task.networks.is_empty()
            || needs.task.spec.log_driver.is_some()
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        missing(needs, node).is_none()
    }

    fn explain(&self, nodes: u32) -> String {
        format!("missing plugin on {}", count_of(nodes))
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        match missing(needs, node) {
            Some((kind, name)) => format!("no {kind} plugin {name}"),
            None => "has all plugins".to_owned(),
        }
    }
}

/// The first plugin that the task needs and the node lacks.
fn missing<'a>(needs: &Needs<'a>, node: &NodeInfo) -> Option<(&'static str, &'a str)> {
    // A node that has told nothing of its engine is trusted to have everything.
    let engine = node.node().description.as_ref()?.engine.as_ref()?;
    let has = |kind: &str, wanted: &str| {
        engine.plugins.iter().any(|(have, name)| have == kind && same_plugin(name, wanted))
    };
    let volumes = needs.volume_drivers.iter().map(|driver| ("Volume", *driver));
    let networks = needs.task.networks.iter().map(|attachment| ("Network", attachment.network.spec.driver()));
    if let Some(missing) = volumes.chain(networks).find(|(kind, driver)| !has(kind, driver)) {
        return Some(missing);
    }
    let log_driver = needs.task.spec.log_driver.as_ref().map_or("", |driver| &driver.name);
    // Old engines do not report log drivers; they are trusted too.
    let reports_log_drivers = engine.plugins.iter().any(|(kind, _)| kind == "Log");
    let asked = !matches!(log_driver, "" | "none") && reports_log_drivers;
    (asked && !has("Log", log_driver)).then_some(("Log", log_driver))
}

fn same_plugin(name: &str, wanted: &str) -> bool {
    name.strip_suffix(":latest").is_some_and(|name| name == wanted) || name == wanted
}
