//! Where the DNS server that containers ask looks for the addresses of a name (spec networking 9.2).
//!
//! Deliberately absent: everything but addresses of IPv4, links between containers, the servers that are asked about
//! names from outside, and the order of a reply, which whoever asks draws.
use std::net::Ipv4Addr;

use super::names::Names;
use crate::kernel::SimDuration;
use crate::model::NetworkId;

/// How long whoever asks may keep an answer.
pub(crate) const RECORD_TTL: SimDuration = SimDuration::from_secs(600);
/// A network of a container, as names are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedNetwork<'a> {
    pub(super) id: NetworkId,
    pub(super) name: &'a str,
    pub(super) names: &'a Names,
}

/// `a.b.c` is looked for as it is on any network, as `a.b` on network `c`, and as `a` on network `b.c`. The answer
/// has the network where it was found.
pub(super) fn find<'a>(
    name: &str,
    networks: impl Iterator<Item = NamedNetwork<'a>> + Clone,
) -> Option<(NetworkId, Vec<Ipv4Addr>)> {
    let name = name.trim_end_matches('.');
    let known = |network: NamedNetwork<'_>, name| Some((network.id, network.names.addresses(name)?));
    let anywhere = networks.clone().find_map(|network| known(network, name));
    anywhere.or_else(|| {
        name.rmatch_indices('.').find_map(|(dot, _)| {
            let (host, domain) = (&name[..dot], &name[dot + 1..]);
            let mut named = networks.clone().filter(|network| network.name.eq_ignore_ascii_case(domain));
            named.find_map(|network| known(network, host))
        })
    })
}
