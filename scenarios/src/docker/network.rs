//! `docker network ...`.
use std::net::Ipv4Addr;

use clap::Subcommand;
use sim_core::model::command::{NetworkCommand, Subnet};
use sim_core::model::{Annotations, NetworkSpec};

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
        #[arg(long, value_parser = subnet)]
        subnet: Option<Subnet>,
        #[arg(long)]
        gateway: Option<Ipv4Addr>,
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
            Network::Create { driver, attachable, internal, ingress, label, subnet, gateway, network } => {
                if driver != "overlay" {
                    let error =
                        CommandError::value("--driver", &driver, "only overlay networks are simulated");
                    return Err(
                        error.with_help("docker's default is a bridge on one host; write `-d overlay`")
                    );
                }
                if gateway.is_some() && subnet.is_none() {
                    return Err(CommandError::usage(
                        "every ip-range or gateway must have a corresponding subnet",
                    ));
                }
                let annotations = Annotations { name: network, labels: label.into_iter().collect() };
                let spec = NetworkSpec { annotations, driver, ingress, attachable, internal };
                Ok(NetworkCommand::Create { spec: Box::new(spec), subnet, gateway })
            }
            Network::Ls { flags } => Ok(NetworkCommand::List(flags.into_listing())),
            Network::Rm { force, networks } => Ok(NetworkCommand::Remove { networks, force }),
            Network::Inspect { networks } => Ok(NetworkCommand::Inspect { networks }),
        }
    }
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
