//! Which task somebody means who wants to know why it is where it is.
//!
//! Only the services that the timeline creates are known before a run; which replicas they will have is not.
use sim_core::model::command::{DockerCommand, ServiceCommand};
use sim_core::model::setup::Stimulus;
use sim_core::model::{ExplainWish, Slot};

use crate::{Scenario, suggest};

/// A task that cannot exist in any run of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchTask {
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub help: String,
}

impl Scenario {
    /// The wish to have the placement of a task explained: `web.2`, or `agent.w1` for a global service.
    ///
    /// # Errors
    /// If no command of the timeline creates such a service, or a global one would need another host.
    pub fn explain_wish(&self, task: &str) -> Result<ExplainWish, NoSuchTask> {
        let Some((service, replica)) = task.split_once('.').filter(|(service, _)| !service.is_empty()) else {
            let help = "write service and replica, such as web.2, or agent.w1 if it is global".to_owned();
            return Err(NoSuchTask { problem: format!("{task} is no name of a task"), help });
        };
        let services = self.created_services();
        // A service without a name gets one in the run.
        if !services.contains(&service) && !services.contains(&"") {
            let help = suggest::help(service, services, "services of the timeline");
            return Err(NoSuchTask { problem: format!("the scenario creates no service {service}"), help });
        }
        if let Ok(slot) = replica.parse() {
            return Ok(ExplainWish { service: service.to_owned(), slot: Some(Slot(slot)) });
        }
        let mut hosts = self.setup.hosts.values().map(|host| host.name.as_str());
        if hosts.any(|host| host == replica) {
            return Ok(ExplainWish { service: service.to_owned(), slot: None });
        }
        let hosts = self.setup.hosts.values().map(|host| host.name.as_str());
        let help = suggest::help(replica, hosts, "hosts");
        Err(NoSuchTask { problem: format!("{replica} is neither a replica's number nor a host"), help })
    }

    /// The names of all services that commands of the timeline create, each once.
    fn created_services(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for entry in &self.setup.timeline {
            let Stimulus::Commands { commands, .. } = &entry.stimulus else { continue };
            for command in commands {
                if let DockerCommand::Service(ServiceCommand::Create(create)) = &*command.command
                    && !names.contains(&create.spec.annotations.name.as_str())
                {
                    names.push(create.spec.annotations.name.as_str());
                }
            }
        }
        names
    }
}
