//! `docker service ...`, and what `create` makes of its flags.
use std::sync::Arc;

use clap::{Args, Subcommand};
use sim_core::model::command::{ServiceCommand, ServiceCreate};
use sim_core::model::spec::ContainerSpec;
use sim_core::model::{
    Annotations, DockerCommand, EndpointSpec, Placement, Reservations, ResourceRequirements, ServiceMode,
    ServiceSpec, TaskSpec,
};

use super::CommandError;
use super::container::ListFlags;
use super::flags::ServiceFlags;
use super::listing;
use super::update::UpdateArgs;
use super::values::{self, Refused, refused};

#[derive(Debug, Subcommand)]
pub(super) enum Service {
    Create(Box<CreateArgs>),
    Update(Box<UpdateArgs>),
    Scale {
        #[arg(short, long)]
        detach: bool,
        #[arg(required = true, value_name = "SERVICE=REPLICAS", value_parser = scale)]
        services: Vec<(String, u64)>,
    },
    Rollback {
        #[arg(short, long)]
        detach: bool,
        /// Only says that no progress is printed, and none is.
        #[arg(short, long)]
        quiet: bool,
        service: String,
    },
    #[command(alias = "remove")]
    Rm {
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        flags: listing::ListFlags,
    },
    Ps {
        #[command(flatten)]
        flags: listing::TaskFlags,
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
    Inspect {
        #[arg(long)]
        pretty: bool,
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
}

/// `docker service create`. Flags end at the image: what follows is for the program.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[arg(long, default_value = "")]
    name: String,
    #[arg(long, default_value = "replicated")]
    mode: String,
    #[arg(long, value_parser = values::replicas)]
    replicas: Option<u64>,
    #[arg(long, value_parser = values::replicas)]
    max_concurrent: Option<u64>,
    #[arg(long, value_parser = values::number)]
    replicas_max_per_node: Option<u64>,
    #[command(flatten)]
    flags: ServiceFlags,
    #[command(flatten)]
    lists: ListFlags,
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE")]
    image_and_args: Vec<String>,
}

impl Service {
    pub(super) fn into_command(self) -> Result<DockerCommand, CommandError> {
        Ok(DockerCommand::Service(match self {
            Service::Create(args) => ServiceCommand::Create(Box::new(args.into_create()?)),
            Service::Update(args) => args.into_command()?,
            Service::Scale { detach, services } => ServiceCommand::Scale { replicas: services, detach },
            Service::Rollback { detach, quiet: _, service } => ServiceCommand::Rollback { service, detach },
            Service::Rm { services } => ServiceCommand::Remove { services },
            Service::Ls { flags } => ServiceCommand::List(flags.into_listing()),
            Service::Ps { flags, services } => {
                ServiceCommand::Tasks { services, listing: flags.into_listing() }
            }
            Service::Inspect { pretty, services } => ServiceCommand::Inspect { services, pretty },
        }))
    }
}

impl CreateArgs {
    fn into_create(self) -> Result<ServiceCreate, CommandError> {
        let mode = self.mode()?;
        let CreateArgs { name, flags, lists, image_and_args, .. } = self;
        let mut words = image_and_args.into_iter();
        let container = ContainerSpec {
            image: words.next().expect("the parser demands an image"),
            args: words.collect(),
            labels: lists.container_label.iter().cloned().collect(),
            env: lists.environment(),
            mounts: lists.mount.clone(),
            hosts: lists.host.clone(),
            dns: lists.dns(),
            other: lists.others(),
            ..ContainerSpec::default()
        };
        let generic = lists.generic_resources()?;
        let resources = ResourceRequirements {
            limits: Some(sim_core::model::spec::Limits::default()),
            reservations: Some(Reservations { generic, ..Reservations::default() }),
        };
        let placement = Placement {
            constraints: lists.constraint.clone(),
            preferences: lists.placement_pref.clone(),
            max_replicas: self.replicas_max_per_node.unwrap_or(0),
            platforms: Vec::new(),
        };
        let (resources, placement) = (Some(resources), Some(placement));
        let endpoint = Some(EndpointSpec { ports: lists.ports()?, ..EndpointSpec::default() });
        let mut spec = ServiceSpec {
            annotations: Annotations { name, labels: lists.label.iter().cloned().collect() },
            task: Arc::new(TaskSpec { container, resources, placement, ..TaskSpec::default() }),
            mode,
            update: None,
            rollback: None,
            endpoint,
        };
        let detach = flags.detach;
        for change in flags.into_changes()? {
            change.apply(&mut spec, &|_| None).expect("no flag of both commands needs an existing service");
        }
        if mode.is_job() && (spec.update.is_some() || spec.rollback.is_some()) {
            return Err(CommandError::usage("update and rollback configuration is not supported for jobs"));
        }
        Ok(ServiceCreate { spec, networks: lists.network, detach })
    }

    /// The mode, with docker's rules about which flags go with which mode.
    fn mode(&self) -> Result<ServiceMode, CommandError> {
        let not_for =
            |flag: bool, message: &str| if flag { Err(CommandError::usage(message)) } else { Ok(()) };
        let no_replicas = || {
            let message = "replicas can only be used with replicated or replicated-job mode";
            not_for(self.replicas.is_some(), message)?;
            let message = "replicas-max-per-node can only be used with replicated or replicated-job mode";
            not_for(self.replicas_max_per_node.is_some_and(|max| max > 0), message)
        };
        let not_concurrent = || {
            let message = "max-concurrent can only be used with replicated-job mode";
            not_for(self.max_concurrent.is_some(), message)
        };
        match self.mode.as_str() {
            "replicated" => {
                not_concurrent()?;
                Ok(ServiceMode::Replicated { replicas: self.replicas.unwrap_or(1) })
            }
            "replicated-job" => {
                let max_concurrent = self.max_concurrent.or(self.replicas).unwrap_or(1);
                let total_completions = self.replicas.unwrap_or(max_concurrent);
                Ok(ServiceMode::ReplicatedJob { max_concurrent, total_completions })
            }
            "global" => no_replicas().and_then(|()| not_concurrent()).map(|()| ServiceMode::Global),
            "global-job" => no_replicas().and_then(|()| not_concurrent()).map(|()| ServiceMode::GlobalJob),
            mode => {
                let reason = "it can be replicated, global, replicated-job, global-job";
                Err(CommandError::value("--mode", mode, reason))
            }
        }
    }
}

/// `service=replicas`.
fn scale(text: &str) -> Result<(String, u64), Refused> {
    match text.split_once('=') {
        Some((service, replicas)) if !service.is_empty() && !replicas.is_empty() => {
            Ok((service.to_owned(), values::replicas(replicas)?))
        }
        _ => refused("it is not of the form service=replicas"),
    }
}
