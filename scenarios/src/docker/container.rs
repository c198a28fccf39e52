//! Lists that only `service create` takes as a whole: environment, mounts, placement, ports and the like.
use clap::Args;
use sim_core::model::command::NetworkReference;
use sim_core::model::spec::{DnsConfig, Mount};
use sim_core::model::{GenericResource, Labels, PortConfig, generic};

use super::values::{self, Refused, refused};
use super::{CommandError, csv, mounts, ports};

#[derive(Debug, Args)]
pub(super) struct ListFlags {
    #[arg(short, long, value_parser = values::label)]
    pub(super) label: Vec<(String, String)>,
    #[arg(long, value_parser = values::label)]
    pub(super) container_label: Vec<(String, String)>,
    #[arg(short, long, value_parser = values::env)]
    env: Vec<String>,
    #[arg(long, value_parser = mounts::mount)]
    pub(super) mount: Vec<Mount>,
    #[arg(long)]
    pub(super) constraint: Vec<String>,
    #[arg(long, value_parser = values::preference)]
    pub(super) placement_pref: Vec<String>,
    #[arg(long, value_parser = network)]
    pub(super) network: Vec<NetworkReference>,
    #[arg(short, long)]
    publish: Vec<String>,
    #[arg(long, value_parser = values::extra_host)]
    pub(super) host: Vec<String>,
    #[arg(long)]
    generic_resource: Vec<String>,
    #[arg(long, value_parser = values::nameserver)]
    dns: Vec<String>,
    #[arg(long)]
    dns_option: Vec<String>,
    #[arg(long)]
    dns_search: Vec<String>,
    #[command(flatten)]
    other: OtherFlags,
}

/// Lists that change nothing of what is simulated.
#[derive(Debug, Args)]
struct OtherFlags {
    #[arg(long)]
    cap_add: Vec<String>,
    #[arg(long)]
    cap_drop: Vec<String>,
    #[arg(long)]
    group: Vec<String>,
    #[arg(long)]
    sysctl: Vec<String>,
    #[arg(long)]
    ulimit: Vec<String>,
}

impl ListFlags {
    /// The environment. Of two values for one variable the last one stays, in its own place.
    pub(super) fn environment(&self) -> Vec<String> {
        let mut environment: Vec<String> = Vec::new();
        for entry in &self.env {
            if environment.contains(entry) {
                continue;
            }
            let name = entry.split_once('=').map_or(entry.as_str(), |(name, _)| name);
            environment.retain(|known| known.split_once('=').is_none_or(|(other, _)| other != name));
            environment.push(entry.clone());
        }
        environment
    }

    pub(super) fn ports(&self) -> Result<Vec<PortConfig>, CommandError> {
        published("--publish", &self.publish)
    }

    pub(super) fn generic_resources(&self) -> Result<Vec<GenericResource>, CommandError> {
        discrete("--generic-resource", &self.generic_resource)
    }

    pub(super) fn dns(&self) -> DnsConfig {
        DnsConfig {
            nameservers: self.dns.clone(),
            search: self.dns_search.clone(),
            options: self.dns_option.clone(),
        }
    }

    /// Options that are kept only because a difference in them makes tasks out of date.
    pub(super) fn others(&self) -> Labels {
        let OtherFlags { cap_add, cap_drop, group, sysctl, ulimit } = &self.other;
        let lists = [
            ("cap-add", cap_add),
            ("cap-drop", cap_drop),
            ("group", group),
            ("sysctl", sysctl),
            ("ulimit", ulimit),
        ];
        let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
        given.map(|(option, list)| (option.to_owned(), list.join(","))).collect()
    }
}

/// All ports of several flags.
pub(super) fn published(flag: &str, texts: &[String]) -> Result<Vec<PortConfig>, CommandError> {
    let mut all = Vec::new();
    for text in texts {
        all.extend(ports::ports(text).map_err(|error| CommandError::value(flag, text, &error.0))?);
    }
    Ok(all)
}

/// The amounts of several flags. Named resources can be offered by a node, not reserved by a service.
pub(super) fn discrete(flag: &str, texts: &[String]) -> Result<Vec<GenericResource>, CommandError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let text = texts.join(",");
    let parsed =
        generic::parse(&text).map_err(|error| CommandError::value(flag, &text, &error.to_string()))?;
    match parsed.iter().find(|resource| matches!(resource, GenericResource::Named { .. })) {
        Some(_) => {
            Err(CommandError::value(flag, &text, "a service can reserve an amount only, such as gpu=2"))
        }
        None => Ok(parsed),
    }
}

/// A network: its name, or `name=...,alias=...`.
pub(super) fn network(text: &str) -> Result<NetworkReference, Refused> {
    if !csv::is_long_form(text) {
        return Ok(NetworkReference { network: text.to_owned(), aliases: Vec::new() });
    }
    let mut network = NetworkReference::default();
    for field in csv::fields(text)? {
        let field = field.to_lowercase();
        match field.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("name", name)) => name.clone_into(&mut network.network),
            Some(("alias", alias)) => network.aliases.push(alias.to_owned()),
            Some((key, _)) => return refused(format!("the option '{key}' is not supported")),
            None => return refused(format!("invalid field {field}")),
        }
    }
    if network.network.is_empty() { refused("network name/id is not specified") } else { Ok(network) }
}
