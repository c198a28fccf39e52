//! What an engine answers by itself about networks if it cannot ask a manager: those of the swarm that it has.
//!
//! A worker has the network of the routing mesh, and those of the containers that it has; an engine outside of a swarm
//! has none of them. Networks that live on one engine alone are not shown here either.
use super::clients::{Engine, Site};
use crate::client::ClientError;
use crate::manager::api::{find_network_among, select_networks};
use crate::protocol::{ApiRead, ApiRequest, ApiResponse, ApiWrite};

/// What a worker says to whom wants a network that spans nodes.
const ON_A_WORKER: &str =
    "Cannot create a multi-host network from a worker node. Please create the network from a manager node.";

/// The answer to a request that no manager gets. None: it is not about networks, or the engine can only refuse it.
pub(super) fn answer(
    request: &ApiRequest,
    site: &Site,
    seed: u64,
) -> Option<Result<ApiResponse, ClientError>> {
    let networks: Vec<_> = site.networks.iter().collect();
    let known = |reference: &String| find_network_among(&networks, reference, seed);
    match request {
        _ if site.engine == Engine::Down => None,
        ApiRequest::Read(ApiRead::ListNetworks(filters)) => {
            let selected = select_networks(site.networks.iter(), filters, seed);
            Some(selected.map(ApiResponse::Networks).map_err(ClientError::Refused))
        }
        ApiRequest::Read(ApiRead::InspectNetworks { networks }) => {
            let details = networks.iter().map(|reference| known(reference).cloned());
            Some(Ok(ApiResponse::NetworkDetails(details.collect())))
        }
        ApiRequest::Write(ApiWrite::RemoveNetwork { network }) => {
            known(network).err().map(|unknown| Err(ClientError::Refused(unknown)))
        }
        ApiRequest::Write(ApiWrite::CreateNetwork(_)) if site.engine == Engine::Worker => {
            Some(Err(ClientError::Engine(ON_A_WORKER.to_owned())))
        }
        ApiRequest::Read(_) | ApiRequest::Write(_) => None,
    }
}
