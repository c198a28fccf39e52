//! Why something could not be handed out. The texts are those of the real system, which only logs them: a user sees
//! a task that stays in state NEW.
use std::fmt;

use crate::model::{NetworkId, ServiceId, Subnet, TaskId};

/// Why something could not be handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllocationError {
    /// A certain number is taken.
    BitAllocated,
    /// All numbers are taken.
    NoBitAvailable,
    /// A certain number does not exist.
    OutsideOfSet,
    /// No address is left for a task or a node.
    NoAddress,
    /// No address is left for a virtual address.
    NoVirtualAddress,
    /// A wanted gateway is not one of its subnet.
    AddressOutOfRange,
    /// A wanted gateway is the address of its subnet as a whole, or of all that are on it.
    AddressInUse,
    /// Every block of the pools is in use.
    PoolsExhausted,
    /// A wanted subnet overlaps one that is in use.
    PoolOverlap,
    /// A wanted number for the tunnels of a network is in use.
    VxlanTaken { vxlan: u32, subnet: Subnet, reason: Box<AllocationError> },
    /// The network has all that it needs.
    NetworkAllocated(NetworkId),
    /// Nothing was handed out for the network yet.
    NoNetworkState(NetworkId),
    /// There is no such driver of networks.
    UnknownDriver(String),
    /// There is no such driver that manages addresses.
    UnknownIpamDriver(String),
    /// A service publishes a port through the routing mesh, which has no network.
    NoIngressNetwork,
    /// The service of a task does not exist.
    NoService { service: ServiceId, task: TaskId },
    /// The service of a task does not have all that it needs.
    ServicePending { service: ServiceId, task: TaskId },
    /// A network of a task does not exist.
    NoNetwork { network: NetworkId, task: TaskId },
    /// A network of a task does not have all that it needs.
    NetworkPending { network: NetworkId, task: TaskId },
}

impl AllocationError {
    /// The text of the real system; ids are texts of the run with this seed.
    pub(crate) fn text(&self, seed: u64) -> String {
        match self {
            AllocationError::NetworkAllocated(network) => {
                format!("network {} already allocated", network.text(seed))
            }
            AllocationError::NoNetworkState(network) => {
                format!("could not find network state for {}", network.text(seed))
            }
            AllocationError::NoService { service, task } => {
                format!("could not find service {} for task {}", service.text(seed), task.text(seed))
            }
            AllocationError::ServicePending { service, task } => format!(
                "service {} to which task {} belongs has pending allocations",
                service.text(seed),
                task.text(seed)
            ),
            AllocationError::NoNetwork { network, task } => format!(
                "failed to retrieve network {} while allocating task {}",
                network.text(seed),
                task.text(seed)
            ),
            AllocationError::NetworkPending { network, task } => {
                format!(
                    "network {} attached to task {} not allocated yet",
                    network.text(seed),
                    task.text(seed)
                )
            }
            AllocationError::VxlanTaken { vxlan, subnet, reason } => {
                format!("could not assign vxlan id {vxlan} to pool {subnet}: {}", reason.text(seed))
            }
            AllocationError::UnknownDriver(name) => format!("could not resolve driver {name}"),
            AllocationError::UnknownIpamDriver(name) => format!("could not resolve IPAM driver {name}"),
            AllocationError::BitAllocated
            | AllocationError::NoBitAvailable
            | AllocationError::OutsideOfSet
            | AllocationError::NoAddress
            | AllocationError::NoVirtualAddress
            | AllocationError::AddressOutOfRange
            | AllocationError::AddressInUse
            | AllocationError::PoolsExhausted
            | AllocationError::PoolOverlap
            | AllocationError::NoIngressNetwork => self.to_string(),
        }
    }
}

impl fmt::Display for AllocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AllocationError::BitAllocated => "requested bit is already allocated",
            AllocationError::NoBitAvailable => "no bit available",
            AllocationError::OutsideOfSet => "requested id does not belong to the set",
            AllocationError::NoAddress => "could not find an available IP",
            AllocationError::NoVirtualAddress => "could not find an available IP while allocating VIP",
            AllocationError::AddressOutOfRange => "requested address is out of range",
            AllocationError::AddressInUse => "Address already in use",
            AllocationError::PoolsExhausted => "all predefined address pools have been fully subnetted",
            AllocationError::PoolOverlap => {
                "invalid pool request: Pool overlaps with other one on this address space"
            }
            AllocationError::NoIngressNetwork => "ingress network is missing",
            AllocationError::VxlanTaken { .. }
            | AllocationError::NetworkAllocated(_)
            | AllocationError::NoNetworkState(_)
            | AllocationError::UnknownDriver(_)
            | AllocationError::UnknownIpamDriver(_)
            | AllocationError::NoService { .. }
            | AllocationError::ServicePending { .. }
            | AllocationError::NoNetwork { .. }
            | AllocationError::NetworkPending { .. } => return f.write_str(&self.text(0)),
        })
    }
}
