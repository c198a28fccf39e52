//! `docker service update`: each flag is a change, in the order in which docker applies them.
use clap::Args;
use sim_core::model::command::{ListChange, NetworkReference, ServiceCommand, SpecChange};
use sim_core::model::spec::Mount;

use super::CommandError;
use super::container::{discrete, network, published};
use super::flags::ServiceFlags;
use super::{mounts, values};

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    #[arg(long)]
    image: Option<String>,
    #[arg(long, allow_hyphen_values = true)]
    args: Option<String>,
    #[arg(long)]
    force: bool,
    #[arg(long)]
    rollback: bool,
    #[arg(long, value_parser = values::replicas)]
    replicas: Option<u64>,
    #[arg(long, value_parser = values::number)]
    replicas_max_per_node: Option<u64>,
    #[command(flatten)]
    labels: LabelFlags,
    #[command(flatten)]
    container: ContainerFlags,
    #[command(flatten)]
    placement: PlacementFlags,
    #[arg(long, value_parser = network)]
    network_add: Vec<NetworkReference>,
    #[arg(long)]
    network_rm: Vec<String>,
    #[arg(long)]
    publish_add: Vec<String>,
    #[arg(long)]
    publish_rm: Vec<String>,
    #[command(flatten)]
    flags: ServiceFlags,
    service: String,
}

#[derive(Debug, Args)]
struct LabelFlags {
    #[arg(long, value_parser = values::label)]
    label_add: Vec<(String, String)>,
    #[arg(long)]
    label_rm: Vec<String>,
    #[arg(long, value_parser = values::label)]
    container_label_add: Vec<(String, String)>,
    #[arg(long)]
    container_label_rm: Vec<String>,
}

#[derive(Debug, Args)]
struct ContainerFlags {
    #[arg(long, value_parser = values::env)]
    env_add: Vec<String>,
    #[arg(long)]
    env_rm: Vec<String>,
    #[arg(long, value_parser = mounts::mount)]
    mount_add: Vec<Mount>,
    #[arg(long)]
    mount_rm: Vec<String>,
    #[arg(long, value_parser = values::extra_host)]
    host_add: Vec<String>,
    #[arg(long)]
    host_rm: Vec<String>,
    #[arg(long, value_parser = values::nameserver)]
    dns_add: Vec<String>,
    #[arg(long)]
    dns_rm: Vec<String>,
    #[arg(long)]
    dns_search_add: Vec<String>,
    #[arg(long)]
    dns_search_rm: Vec<String>,
    #[arg(long)]
    dns_option_add: Vec<String>,
    #[arg(long)]
    dns_option_rm: Vec<String>,
}

#[derive(Debug, Args)]
struct PlacementFlags {
    #[arg(long)]
    constraint_add: Vec<String>,
    #[arg(long)]
    constraint_rm: Vec<String>,
    #[arg(long, value_parser = values::preference)]
    placement_pref_add: Vec<String>,
    #[arg(long, value_parser = values::preference)]
    placement_pref_rm: Vec<String>,
    #[arg(long)]
    generic_resource_add: Vec<String>,
    #[arg(long)]
    generic_resource_rm: Vec<String>,
}

impl UpdateArgs {
    pub(super) fn into_command(self) -> Result<ServiceCommand, CommandError> {
        let (rollback, detach, service) = (self.rollback, self.flags.detach, self.service.clone());
        let changes = self.into_changes()?;
        match (rollback, changes.is_empty()) {
            (false, _) => Ok(ServiceCommand::Update { service, changes, detach }),
            (true, true) => Ok(ServiceCommand::Rollback { service, detach }),
            (true, false) => Err(CommandError::usage("other flags may not be combined with --rollback")),
        }
    }

    fn into_changes(self) -> Result<Vec<SpecChange>, CommandError> {
        let UpdateArgs { labels, container, placement, network_add, network_rm, .. } = self;
        let mut changes = Vec::new();
        labels.add_to(&mut changes);
        changes.extend(self.image.map(SpecChange::Image));
        if let Some(text) = self.args {
            let words = values::shell_words(&text);
            changes.push(SpecChange::Args(
                words.map_err(|error| CommandError::value("--args", &text, &error.0))?,
            ));
        }
        container.add_to(&mut changes)?;
        placement.add_to(&mut changes)?;
        if !network_add.is_empty() || !network_rm.is_empty() {
            changes.push(SpecChange::Networks { add: network_add, remove: network_rm });
        }
        changes.extend(self.replicas.map(SpecChange::Replicas));
        changes.extend(self.replicas_max_per_node.map(SpecChange::MaxReplicasPerNode));
        let (add, remove) =
            (published("--publish-add", &self.publish_add)?, published("--publish-rm", &self.publish_rm)?);
        if !add.is_empty() || !remove.is_empty() {
            changes.push(SpecChange::Ports { add, remove });
        }
        changes.extend(self.flags.into_changes()?);
        if self.force {
            changes.push(SpecChange::Force);
        }
        Ok(changes)
    }
}

impl LabelFlags {
    fn add_to(self, changes: &mut Vec<SpecChange>) {
        push_list(changes, self.label_rm, SpecChange::LabelRemove);
        push_list(changes, self.label_add, |labels| SpecChange::LabelAdd(labels.into_iter().collect()));
        push_list(changes, self.container_label_rm, SpecChange::ContainerLabelRemove);
        push_list(changes, self.container_label_add, |labels| {
            SpecChange::ContainerLabelAdd(labels.into_iter().collect())
        });
    }
}

impl ContainerFlags {
    fn add_to(self, changes: &mut Vec<SpecChange>) -> Result<(), CommandError> {
        push_list(changes, self.env_rm, SpecChange::EnvRemove);
        push_list(changes, self.env_add, SpecChange::EnvAdd);
        let mut targets: Vec<&str> = self.mount_add.iter().map(|mount| mount.target.as_str()).collect();
        targets.sort_unstable();
        if targets.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(CommandError::usage("duplicate mount target"));
        }
        if !self.mount_add.is_empty() || !self.mount_rm.is_empty() {
            changes.push(SpecChange::Mounts { add: self.mount_add, remove: self.mount_rm });
        }
        push_list(changes, self.host_rm, SpecChange::HostRemove);
        push_list(changes, self.host_add, SpecChange::HostAdd);
        let servers = ListChange { add: self.dns_add, remove: self.dns_rm };
        let search = ListChange { add: self.dns_search_add, remove: self.dns_search_rm };
        let options = ListChange { add: self.dns_option_add, remove: self.dns_option_rm };
        changes.extend((!servers.is_empty()).then_some(SpecChange::Nameservers(servers)));
        changes.extend((!search.is_empty()).then_some(SpecChange::DnsSearch(search)));
        changes.extend((!options.is_empty()).then_some(SpecChange::DnsOptions(options)));
        Ok(())
    }
}

impl PlacementFlags {
    fn add_to(self, changes: &mut Vec<SpecChange>) -> Result<(), CommandError> {
        let generic = discrete("--generic-resource-add", &self.generic_resource_add)?;
        push_list(changes, generic, SpecChange::GenericAdd);
        push_list(changes, self.generic_resource_rm, SpecChange::GenericRemove);
        let (add, remove) = (self.constraint_add, self.constraint_rm);
        if !add.is_empty() || !remove.is_empty() {
            changes.push(SpecChange::Constraints { add, remove });
        }
        let (add, remove) = (self.placement_pref_add, self.placement_pref_rm);
        if !add.is_empty() || !remove.is_empty() {
            changes.push(SpecChange::Preferences { add, remove });
        }
        Ok(())
    }
}

/// Adds the change of a flag that was given at least once.
fn push_list<T>(changes: &mut Vec<SpecChange>, list: Vec<T>, change: impl FnOnce(Vec<T>) -> SpecChange) {
    if !list.is_empty() {
        changes.push(change(list));
    }
}
