//! `docker network ls` and `docker network inspect`.
use std::sync::Arc;

use super::calendar::timestamp;
use super::json::{Json, Object};
use super::natural::natural_order;
use super::service_json::labels_json;
use super::table::Table;
use super::{Viewpoint, short};
use crate::model::command::Listing;
use crate::model::{AllocatedSubnet, Network, NetworkSpec};

const HEADERS: [&str; 4] = ["NETWORK ID", "NAME", "DRIVER", "SCOPE"];

/// The networks of the swarm as a table, or their ids alone. Networks of single engines are not shown.
#[must_use]
pub(crate) fn network_table(networks: &[Arc<Network>], listing: &Listing, view: Viewpoint) -> String {
    let mut networks: Vec<&Arc<Network>> = networks.iter().collect();
    networks.sort_by(|one, other| natural_order(one.name(), other.name()));
    let id = |network: &Network| {
        let text = network.id.text(view.seed);
        if listing.no_trunc { text } else { short(&text).to_owned() }
    };
    if listing.quiet {
        return networks.iter().map(|network| format!("{}\n", id(network))).collect();
    }
    let mut table = Table::new(&HEADERS);
    for network in networks {
        table.add([
            id(network),
            network.name().to_owned(),
            network.spec.driver().to_owned(),
            if network.is_predefined() { "local" } else { "swarm" }.to_owned(),
        ]);
    }
    table.print()
}

/// A network as an object of the engine's API.
pub(super) fn network_json(network: &Network, view: Viewpoint) -> Json {
    let NetworkSpec { annotations, options, ingress, attachable, internal, ipam_driver, .. } = &*network.spec;
    let allocated = network.allocated.iter().flatten();
    let config: Json = allocated
        .clone()
        .map(|AllocatedSubnet { subnet, gateway, .. }| {
            Object::new().set("Subnet", subnet.to_string()).set("Gateway", gateway.to_string())
        })
        .collect();
    let vxlans: Vec<String> = allocated.map(|subnet| subnet.vxlan.to_string()).collect();
    let mut options = options.clone();
    if !vxlans.is_empty() {
        options.insert("com.docker.network.driver.overlay.vxlanid_list".to_owned(), vxlans.join(","));
    }
    let driver = if ipam_driver.is_empty() { "default" } else { ipam_driver };
    Object::new()
        .set("Name", &annotations.name)
        .set("Id", network.id.text(view.seed))
        .set("Created", timestamp(network.meta.created_at))
        .set("Scope", "swarm")
        .set("Driver", network.spec.driver())
        .set("EnableIPv4", true)
        .set("EnableIPv6", false)
        .set("IPAM", Object::new().set("Driver", driver).set("Config", config))
        .set("Internal", *internal)
        .set("Attachable", *attachable)
        .set("Ingress", *ingress)
        .set("ConfigFrom", Object::new().set("Network", ""))
        .set("ConfigOnly", false)
        .set("Options", labels_json(&options))
        .set("Labels", labels_json(&annotations.labels))
        .into()
}
