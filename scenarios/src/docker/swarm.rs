//! `docker swarm ...`.
use std::net::IpAddr;

use clap::{Args, Subcommand};
use sim_core::kernel::SimDuration;
use sim_core::model::command::{Advertised, JoinToken, RemoteAddress, SwarmChange, SwarmCommand};
use sim_core::model::{Availability, NodeRole};

use super::values::{self, Refused, refused};
use super::{CommandError, FindHost};

/// The port on which managers listen.
const MANAGER_PORT: u16 = 2377;

#[derive(Debug, Subcommand)]
pub(super) enum Swarm {
    Init {
        #[arg(long)]
        advertise_addr: Option<String>,
        #[arg(long, value_parser = values::availability, default_value = "active")]
        availability: Availability,
        #[arg(long)]
        force_new_cluster: bool,
        #[command(flatten)]
        settings: SwarmFlags,
    },
    Join {
        #[arg(long, value_parser = token)]
        token: JoinToken,
        #[arg(long)]
        advertise_addr: Option<String>,
        #[arg(long, value_parser = values::availability, default_value = "active")]
        availability: Availability,
        remote: String,
    },
    Leave {
        #[arg(short, long)]
        force: bool,
    },
    Update {
        #[command(flatten)]
        settings: SwarmFlags,
    },
    JoinToken {
        #[arg(long)]
        rotate: bool,
        #[arg(short, long)]
        quiet: bool,
        #[arg(value_parser = values::role)]
        role: NodeRole,
    },
    Ca {
        #[arg(long)]
        rotate: bool,
        #[arg(short, long)]
        detach: bool,
        /// Only says that no progress is printed, and none is.
        #[arg(short, long)]
        quiet: bool,
    },
}

/// Flags of `init` and `update`.
#[derive(Debug, Args)]
pub(super) struct SwarmFlags {
    #[arg(long, value_parser = values::heartbeat)]
    dispatcher_heartbeat: Option<SimDuration>,
    #[arg(long, allow_negative_numbers = true)]
    task_history_limit: Option<i64>,
    #[arg(long, value_parser = values::number)]
    snapshot_interval: Option<u64>,
    #[arg(long, value_parser = values::duration)]
    cert_expiry: Option<SimDuration>,
}

impl Swarm {
    pub(super) fn into_command(self, find_host: FindHost<'_>) -> Result<SwarmCommand, CommandError> {
        let advertised = |text: Option<String>| text.map(|text| advertised(text, find_host)).transpose();
        Ok(match self {
            Swarm::Init { advertise_addr, availability, force_new_cluster, settings } => {
                let (advertise, change) = (advertised(advertise_addr)?, settings.into_change());
                SwarmCommand::Init { advertise, availability, force_new_cluster, change }
            }
            Swarm::Join { token, advertise_addr, availability, remote } => {
                let (advertise, remote) = (advertised(advertise_addr)?, remote_address(remote, find_host)?);
                SwarmCommand::Join { token, remote, advertise, availability }
            }
            Swarm::Leave { force } => SwarmCommand::Leave { force },
            Swarm::Update { settings } => {
                let change = settings.into_change();
                if change == SwarmChange::default() {
                    return Err(CommandError::usage("`swarm update` needs a flag that says what to change"));
                }
                SwarmCommand::Update(change)
            }
            Swarm::JoinToken { rotate, quiet, role } => SwarmCommand::JoinToken { role, rotate, quiet },
            Swarm::Ca { rotate, detach, quiet: _ } => SwarmCommand::Ca { rotate, detach },
        })
    }
}

impl SwarmFlags {
    fn into_change(self) -> SwarmChange {
        SwarmChange {
            heartbeat_period: self.dispatcher_heartbeat,
            task_history_retention_limit: self.task_history_limit,
            snapshot_interval: self.snapshot_interval,
            certificate_validity: self.cert_expiry,
        }
    }
}

/// A token by its name, because its text depends on the seed; anything else is taken as written.
fn token(text: &str) -> Result<JoinToken, Refused> {
    Ok(match text {
        "worker-token" => JoinToken::Current(NodeRole::Worker),
        "manager-token" => JoinToken::Current(NodeRole::Manager),
        "old-worker-token" => JoinToken::Previous(NodeRole::Worker),
        "old-manager-token" => JoinToken::Previous(NodeRole::Manager),
        "foreign-worker-token" => JoinToken::Foreign(NodeRole::Worker),
        "foreign-manager-token" => JoinToken::Foreign(NodeRole::Manager),
        _ if text.starts_with("SWMTKN-") => JoinToken::Text(text.to_owned()),
        _ => {
            return refused(
                "write worker-token or manager-token for the swarm's own, with old- or foreign- before it for \
                 one that is out of date or of another swarm, or a text that begins with SWMTKN-",
            );
        }
    })
}

fn advertised(text: String, find_host: FindHost<'_>) -> Result<Advertised, CommandError> {
    let (address, _) = address_and_port(&text);
    let host = find_host(address);
    if host.is_none() && address.parse::<IpAddr>().is_err() {
        let reason = "it is neither an address nor the name of a host";
        return Err(CommandError::value("--advertise-addr", &text, reason));
    }
    Ok(Advertised { host, text })
}

fn remote_address(text: String, find_host: FindHost<'_>) -> Result<RemoteAddress, CommandError> {
    let (address, port) = address_and_port(&text);
    let host = find_host(address);
    if host.is_none() && address.parse::<IpAddr>().is_err() {
        return Err(CommandError::value(
            "HOST:PORT",
            &text,
            "it is neither an address nor the name of a host",
        ));
    }
    match port.map_or(Ok(MANAGER_PORT), str::parse) {
        Ok(port) => Ok(RemoteAddress { host, port, text }),
        Err(_) => Err(CommandError::value("HOST:PORT", &text, "the port is no number up to 65535")),
    }
}

fn address_and_port(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(address, port)| (address, Some(port)))
}
