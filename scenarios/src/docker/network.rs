//! `docker network ...`.
use std::net::Ipv4Addr;

use clap::Subcommand;
use sim_core::model::command::{Listing, NetworkCommand};
use sim_core::model::{Annotations, NetworkSpec, Subnet, SubnetSpec};

use super::CommandError;
use super::listing::ContainerFlags;
use super::values::{self, Refused, refused};

#[derive(Debug, Subcommand)]
pub(super) enum Network {
    Create {
        #[arg(short, long, default_value = "bridge")]
        driver: String,
        #[arg(long)]
        attachable: bool,
        #[arg(long)]
        internal: bool,
        #[arg(long)]
        ingress: bool,
        #[arg(long, value_parser = values::label)]
        label: Vec<(String, String)>,
        #[arg(short = 'o', long, value_parser = values::label)]
        opt: Vec<(String, String)>,
        #[arg(long, value_parser = subnet)]
        subnet: Vec<Subnet>,
        #[arg(long)]
        gateway: Vec<Ipv4Addr>,
        network: String,
    },
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        flags: ContainerFlags,
    },
    #[command(alias = "remove")]
    Rm {
        #[arg(short, long)]
        force: bool,
        #[arg(required = true, value_name = "NETWORK")]
        networks: Vec<String>,
    },
    Inspect {
        #[arg(required = true, value_name = "NETWORK")]
        networks: Vec<String>,
    },
}

impl Network {
    pub(super) fn into_command(self) -> Result<NetworkCommand, CommandError> {
        match self {
            Network::Create {
                driver,
                attachable,
                internal,
                ingress,
                label,
                opt,
                subnet,
                gateway,
                network,
            } => {
                if driver != "overlay" {
                    let error =
                        CommandError::value("--driver", &driver, "only overlay networks are simulated");
                    return Err(
                        error.with_help("docker's default is a bridge on one host; write `-d overlay`")
                    );
                }
                let annotations = Annotations { name: network, labels: label.into_iter().collect() };
                let spec = NetworkSpec {
                    annotations,
                    driver,
                    options: opt.into_iter().collect(),
                    ingress,
                    attachable,
                    internal,
                    ipam_driver: String::new(),
                    subnets: with_gateways(&subnet, gateway)?,
                };
                Ok(NetworkCommand::Create { spec: Box::new(spec) })
            }
            Network::Ls { flags } => Ok(NetworkCommand::List(checked(flags.into_listing())?)),
            Network::Rm { force, networks } => Ok(NetworkCommand::Remove { networks, force }),
            Network::Inspect { networks } => Ok(NetworkCommand::Inspect { networks }),
        }
    }
}

/// Conditions that can be answered: which networks are in use is known to each engine alone.
fn checked(listing: Listing) -> Result<Listing, CommandError> {
    for (key, value) in &listing.filters {
        if key == "dangling" {
            let error =
                CommandError::value("--filter", &format!("{key}={value}"), "who uses networks is not listed");
            return Err(error.with_help("`service inspect` has the networks of a service"));
        }
        if key == "type" && !matches!(value.as_str(), "custom" | "builtin") {
            let error =
                CommandError::value("--filter", &format!("{key}={value}"), "it can be custom, builtin");
            return Err(error);
        }
    }
    Ok(listing)
}

/// Each gateway belongs to the subnet that it lies in, and no subnet may lie in another.
fn with_gateways(subnets: &[Subnet], gateways: Vec<Ipv4Addr>) -> Result<Vec<SubnetSpec>, CommandError> {
    if subnets.is_empty() && !gateways.is_empty() {
        return Err(CommandError::usage("every ip-range or gateway must have a corresponding subnet"));
    }
    let mut specs: Vec<SubnetSpec> = Vec::new();
    for subnet in subnets {
        if specs.iter().any(|known| known.subnet.overlaps(*subnet)) {
            return Err(CommandError::usage("multiple overlapping subnet configuration is not supported"));
        }
        specs.push(SubnetSpec { subnet: *subnet, gateway: None });
    }
    for gateway in gateways {
        let Some(spec) = specs.iter_mut().find(|spec| spec.subnet.contains(gateway)) else {
            return Err(CommandError::usage(&format!("no matching subnet for gateway {gateway}")));
        };
        if let Some(known) = spec.gateway.replace(gateway) {
            return Err(CommandError::usage(&format!(
                "cannot configure multiple gateways ({gateway}, {known}) for the same subnet ({})",
                spec.subnet
            )));
        }
    }
    Ok(specs)
}

fn subnet(text: &str) -> Result<Subnet, Refused> {
    let parts = text.split_once('/').and_then(|(address, bits)| {
        Some((address.parse::<Ipv4Addr>().ok()?, bits.parse::<u8>().ok().filter(|bits| *bits <= 32)?))
    });
    match parts {
        Some((address, prefix_bits)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits)).unwrap_or(0);
            Ok(Subnet { address: Ipv4Addr::from(u32::from(address) & mask), prefix_bits })
        }
        None => refused("a subnet is written as 10.9.0.0/29"),
    }
}
