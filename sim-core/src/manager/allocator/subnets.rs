//! Ranges of addresses for networks (spec networking 4.1), and the numbers of their tunnels.
//!
//! Unlike addresses, a freed range is used again at once: the lowest free one is handed out.
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::error::AllocationError;
use super::serial::Serial;
use crate::kernel::{Digest, StateDigest};
use crate::model::{AllocatedSubnet, NetworkSpec, Subnet, SubnetSpec};

/// First number that tunnels get by themselves (spec networking 1).
const VXLAN_FIRST: u32 = 4096;
/// The last one (spec networking 1).
const VXLAN_LAST: u32 = 16_777_215;
/// The driver option with the numbers that a user wants.
const VXLAN_OPTION: &str = "com.docker.network.driver.overlay.vxlanid_list";

/// The pools that networks are cut from.
#[derive(Clone, Debug)]
pub(super) struct Subnets {
    /// In order; each with the size of its blocks.
    pools: Vec<(Subnet, u8)>,
    taken: BTreeSet<Subnet>,
    vxlans: Serial,
    /// Numbers below the automatic ones that users asked for.
    low_vxlans: BTreeSet<u32>,
}

impl Subnets {
    /// Pools and the size of their blocks. A pool that lies in another one is dropped.
    pub(super) fn new(pools: &[Subnet], block_bits: u8) -> Self {
        let mut sorted: Vec<Subnet> = pools.to_vec();
        sorted.sort();
        let mut kept: Vec<(Subnet, u8)> = Vec::new();
        for pool in sorted {
            if !kept.iter().any(|(known, _)| known.overlaps(pool)) {
                kept.push((pool, block_bits));
            }
        }
        Subnets {
            pools: kept,
            taken: BTreeSet::new(),
            vxlans: Serial::new(VXLAN_FIRST, VXLAN_LAST),
            low_vxlans: BTreeSet::new(),
        }
    }

    /// All that a network asks for, in the order of its spec; nothing if one thing cannot be had.
    pub(super) fn allocate(&mut self, spec: &NetworkSpec) -> Result<Vec<AllocatedSubnet>, AllocationError> {
        let wanted: Vec<Option<SubnetSpec>> = match spec.subnets.as_slice() {
            [] => vec![None],
            subnets => subnets.iter().copied().map(Some).collect(),
        };
        let mut vxlans = wanted_vxlans(spec).into_iter();
        let mut allocated = Vec::new();
        for wish in wanted {
            match self.allocate_one(wish, vxlans.next()) {
                Ok(subnet) => allocated.push(subnet),
                Err(error) => {
                    self.free(&allocated);
                    return Err(error);
                }
            }
        }
        Ok(allocated)
    }

    /// What the store says that a network has.
    pub(super) fn restore(&mut self, allocated: &[AllocatedSubnet]) {
        for AllocatedSubnet { subnet, vxlan, .. } in allocated {
            self.taken.insert(*subnet);
            if *vxlan >= VXLAN_FIRST {
                self.vxlans.hold(*vxlan);
            } else {
                self.low_vxlans.insert(*vxlan);
            }
        }
    }

    /// Gives all ranges and numbers of a network back.
    pub(super) fn free(&mut self, allocated: &[AllocatedSubnet]) {
        for AllocatedSubnet { subnet, vxlan, .. } in allocated {
            self.taken.remove(subnet);
            self.low_vxlans.remove(vxlan);
            self.vxlans.free(*vxlan);
        }
    }

    fn allocate_one(
        &mut self,
        wish: Option<SubnetSpec>,
        vxlan: Option<u32>,
    ) -> Result<AllocatedSubnet, AllocationError> {
        let subnet = self.choose(wish)?;
        let gateway = wish.and_then(|wish| wish.gateway).unwrap_or_else(|| first_host(subnet));
        if !subnet.contains(gateway) {
            return Err(AllocationError::AddressOutOfRange);
        }
        if subnet.reserves(gateway) {
            return Err(AllocationError::AddressInUse);
        }
        let vxlan = match vxlan {
            None => self.vxlans.take_next()?,
            Some(vxlan) => {
                let reason = self.take_vxlan(vxlan).map_err(Box::new);
                reason.map_err(|reason| AllocationError::VxlanTaken { vxlan, subnet, reason })?;
                vxlan
            }
        };
        self.taken.insert(subnet);
        Ok(AllocatedSubnet { subnet, gateway, vxlan })
    }

    fn choose(&self, wish: Option<SubnetSpec>) -> Result<Subnet, AllocationError> {
        match wish.map(|wish| wish.subnet) {
            None => self.lowest_free(None),
            Some(Subnet { address: Ipv4Addr::UNSPECIFIED, prefix_bits }) => {
                self.lowest_free(Some(prefix_bits))
            }
            Some(subnet) if self.overlaps(subnet) => Err(AllocationError::PoolOverlap),
            Some(subnet) => Ok(subnet),
        }
    }

    /// The lowest free block of the first pool that has room.
    fn lowest_free(&self, size: Option<u8>) -> Result<Subnet, AllocationError> {
        for (pool, block_bits) in &self.pools {
            let prefix_bits = size.unwrap_or(*block_bits).max(pool.prefix_bits);
            let mut block = Subnet { address: pool.address, prefix_bits };
            while pool.contains(block.address) {
                if !self.overlaps(block) {
                    return Ok(block);
                }
                let Some(next) = block.last().to_bits().checked_add(1) else { break };
                block.address = Ipv4Addr::from_bits(next);
            }
        }
        Err(AllocationError::PoolsExhausted)
    }

    /// Taken ranges do not overlap each other, so only the one before and those inside can overlap another.
    fn overlaps(&self, subnet: Subnet) -> bool {
        let end = Subnet { address: subnet.last(), prefix_bits: u8::MAX };
        self.taken.range(..=end).next_back().is_some_and(|known| known.overlaps(subnet))
    }

    fn take_vxlan(&mut self, vxlan: u32) -> Result<(), AllocationError> {
        if vxlan >= VXLAN_FIRST {
            self.vxlans.take(vxlan)
        } else if self.low_vxlans.insert(vxlan) {
            Ok(())
        } else {
            Err(AllocationError::BitAllocated)
        }
    }
}

impl StateDigest for Subnets {
    fn digest(&self, digest: &mut Digest) {
        let Self { pools, taken, vxlans, low_vxlans } = self;
        pools.digest(digest);
        taken.digest(digest);
        vxlans.digest(digest);
        low_vxlans.digest(digest);
    }
}

/// The numbers that a user wants for the tunnels of a network's subnets, one each.
fn wanted_vxlans(spec: &NetworkSpec) -> Vec<u32> {
    let list = spec.options.get(VXLAN_OPTION);
    list.into_iter()
        .flat_map(|list| list.split(','))
        .filter_map(|number| number.trim().parse().ok())
        .collect()
}

fn first_host(subnet: Subnet) -> Ipv4Addr {
    Ipv4Addr::from_bits(subnet.address.to_bits().saturating_add(1))
}
