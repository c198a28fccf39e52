//! The addresses of one network (spec networking 4.2): of services, tasks and nodes, from one counter a subnet.
use std::net::Ipv4Addr;

use super::error::AllocationError;
use super::serial::Serial;
use crate::kernel::{Digest, StateDigest};
use crate::model::{AllocatedSubnet, Subnet};

/// Prefixes that have neither a network address nor a broadcast address.
const POINT_TO_POINT_BITS: u8 = 31;

/// The addresses of a network, subnet by subnet.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    subnets: Vec<(Subnet, Serial)>,
}

impl Addresses {
    /// All addresses are free, but for the gateways.
    pub(super) fn new(allocated: &[AllocatedSubnet]) -> Self {
        let subnets = allocated.iter().map(|AllocatedSubnet { subnet, gateway, .. }| {
            let (first, last) = (subnet.address.to_bits(), subnet.last().to_bits());
            let ends = u32::from(subnet.prefix_bits < POINT_TO_POINT_BITS);
            let mut serial = Serial::new(first + ends, last - ends);
            serial.hold(gateway.to_bits());
            (*subnet, serial)
        });
        Addresses { subnets: subnets.collect() }
    }

    /// The next address of the first subnet that has one.
    pub(super) fn take_next(&mut self) -> Result<Ipv4Addr, AllocationError> {
        let mut found = self.subnets.iter_mut().find_map(|(_, serial)| serial.take_next().ok());
        found.take().map(Ipv4Addr::from_bits).ok_or(AllocationError::NoAddress)
    }

    /// A certain address. False if it is taken, or none of the network's.
    pub(super) fn take(&mut self, address: Ipv4Addr) -> bool {
        self.serial_of(address).is_some_and(|serial| serial.take(address.to_bits()).is_ok())
    }

    pub(super) fn free(&mut self, address: Ipv4Addr) {
        if let Some(serial) = self.serial_of(address) {
            serial.free(address.to_bits());
        }
    }

    fn serial_of(&mut self, address: Ipv4Addr) -> Option<&mut Serial> {
        let own = self.subnets.iter_mut().find(|(subnet, _)| subnet.contains(address));
        own.map(|(_, serial)| serial)
    }
}

impl StateDigest for Addresses {
    fn digest(&self, digest: &mut Digest) {
        let Self { subnets } = self;
        subnets.digest(digest);
    }
}
