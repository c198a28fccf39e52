//! The DNS server that containers ask (spec networking 9.2).
//!
//! Deliberately absent: links between containers, SRV records, and the size of replies.
use std::net::Ipv4Addr;

use super::names::Names;
use crate::kernel::SimDuration;
use crate::kernel::random::Stream;
use crate::model::NetworkId;

/// How long whoever asks may keep an answer.
pub const RECORD_TTL: SimDuration = SimDuration::from_secs(600);
/// How long an external server has for its reply.
pub const EXTERNAL_TIMEOUT: SimDuration = SimDuration::from_secs(4);
/// External servers that are asked at most.
const EXTERNAL_SERVERS_MAX: usize = 3;

/// What a container wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// The IPv4 addresses of a name.
    A(&'a str),
    /// The IPv6 addresses of a name.
    Aaaa(&'a str),
    /// The mail servers of a name.
    Mx(&'a str),
    /// The name of an address.
    Ptr(Ipv4Addr),
}

/// What the server of the node knows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The addresses, in an order of their own for each reply.
    Addresses(Vec<Ipv4Addr>),
    /// The name of an address.
    Name(String),
    /// The name is known, but has nothing of the kind that was asked for.
    Empty,
    /// Not known here: the question goes to the external servers.
    Unknown,
}

/// What became of a question that went to the external servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalReply {
    /// The server knows.
    Addresses(Vec<Ipv4Addr>),
    /// There is no such name (`NXDOMAIN`).
    NameError,
    /// The server could not find out (`SERVFAIL`).
    ServerFailure,
    /// The server did not answer in time.
    Silence,
}

/// The reply to a question that is not known here: that of the first server which says anything but that it failed.
#[must_use]
pub fn forward(servers: &[ExternalReply]) -> (ExternalReply, SimDuration) {
    let mut waited = SimDuration::ZERO;
    for reply in servers.iter().take(EXTERNAL_SERVERS_MAX) {
        match reply {
            ExternalReply::Addresses(_) | ExternalReply::NameError => return (reply.clone(), waited),
            ExternalReply::ServerFailure => {}
            ExternalReply::Silence => waited = waited + EXTERNAL_TIMEOUT,
        }
    }
    (ExternalReply::ServerFailure, waited)
}

/// A network of a container, as names are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamedNetwork<'a> {
    pub(super) id: NetworkId,
    pub(super) name: &'a str,
    pub(super) names: &'a Names,
}

/// Answers from the networks of a container, in the order in which they are tried.
pub(super) fn answer<'a>(
    question: Question<'_>,
    networks: impl Iterator<Item = NamedNetwork<'a>> + Clone,
    lots: &mut Stream,
) -> Answer {
    let known = |name| find(name, networks.clone()).map(|(_, addresses)| addresses);
    match question {
        Question::A(name) => match known(name) {
            Some(mut addresses) => {
                lots.shuffle(&mut addresses);
                Answer::Addresses(addresses)
            }
            None => Answer::Unknown,
        },
        Question::Aaaa(name) | Question::Mx(name) => known(name).map_or(Answer::Unknown, |_| Answer::Empty),
        Question::Ptr(address) => {
            let mut names = networks.filter_map(|known| Some((known.name, known.names.container(address)?)));
            names.next().map_or(Answer::Unknown, |(network, name)| Answer::Name(format!("{name}.{network}")))
        }
    }
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
