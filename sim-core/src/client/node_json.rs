//! `docker node inspect`: the node object.
use super::Viewpoint;
use super::json::{Json, Object};
use super::node::manager_address;
use super::service_json::{generic_json, labels_json, meta};
use crate::model::{EngineDescription, NodeDescription, NodeSpec, NodeStatus, Resources};
use crate::protocol::{ManagerStatus, NodeListing};

/// A node as an object of the engine's API.
pub(super) fn node_json(listed: &NodeListing, view: Viewpoint) -> Json {
    let NodeListing { node, manager } = listed;
    let NodeSpec { annotations, desired_role, availability } = &*node.spec;
    let spec = Object::new()
        .set_unless_empty("Name", &annotations.name)
        .set("Labels", labels_json(&annotations.labels))
        .set("Role", desired_role.name().to_lowercase())
        .set("Availability", availability.name().to_lowercase());
    let NodeStatus { state, message, address } = &node.status;
    let status = Object::new()
        .set("State", state.name().to_lowercase())
        .set_unless_empty("Message", message.as_ref())
        .set_some("Addr", address.map(|address| address.to_string()));
    let manager = manager.map(|ManagerStatus { leader, reachable }| {
        Object::new()
            .set_unless_empty("Leader", leader)
            .set("Reachability", if reachable { "reachable" } else { "unreachable" })
            .set_unless_empty("Addr", manager_address(node))
    });
    meta(node.id.text(view.seed), node.meta)
        .set("Spec", spec)
        .set("Description", node.description.as_deref().map_or(Object::new(), description_json))
        .set("Status", status)
        .set_some("ManagerStatus", manager)
        .into()
}

fn description_json(description: &NodeDescription) -> Object {
    let NodeDescription { hostname, platform, resources, engine } = description;
    let platform = platform.clone().unwrap_or_default();
    let Resources { nano_cpus, memory_bytes, generic } = resources.clone().unwrap_or_default();
    let EngineDescription { version, labels, plugins } = engine.clone().unwrap_or_default();
    let platform = Object::new()
        .set_unless_empty("Architecture", &platform.architecture)
        .set_unless_empty("OS", &platform.os);
    let resources = Object::new()
        .set_unless_empty("NanoCPUs", nano_cpus)
        .set_unless_empty("MemoryBytes", memory_bytes)
        .set_unless_empty("GenericResources", generic.iter().map(generic_json).collect::<Json>());
    let plugins: Json =
        plugins.iter().map(|(kind, name)| Object::new().set("Type", kind).set("Name", name)).collect();
    let engine = Object::new()
        .set_unless_empty("EngineVersion", &version)
        .set_unless_empty("Labels", labels_json(&labels))
        .set_unless_empty("Plugins", plugins);
    Object::new()
        .set_unless_empty("Hostname", hostname)
        .set("Platform", platform)
        .set("Resources", resources)
        .set("Engine", engine)
}
