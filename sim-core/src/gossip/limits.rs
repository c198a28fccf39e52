//! Constants of the gossip protocol and the numbers that follow from the size of a cluster (spec networking 1, 8).
//!
//! The real system takes logarithms in floating point. Here they are whole numbers: thousandths, cut off as the
//! real system cuts them off before it multiplies.
use crate::kernel::SimDuration;

/// Period of both gossip ticks: membership and tables.
pub(super) const GOSSIP_INTERVAL: SimDuration = SimDuration::from_millis(200);
/// Peers that hear a tick.
pub(super) const GOSSIP_PEERS: usize = 3;
/// Bytes of a packet that messages can fill: 1400 without what encryption and joining take.
pub(super) const PACKET_BYTES: u32 = 1_370;
/// Period of probes, and the time that a healthy prober waits for an answer in all.
pub(super) const PROBE_INTERVAL: SimDuration = SimDuration::from_secs(1);
/// How long an answer may take before others are asked to try.
pub(super) const PROBE_TIMEOUT: SimDuration = SimDuration::from_millis(500);
/// Others that are asked to try.
pub(super) const INDIRECT_PROBES: usize = 3;
/// How long dead members are still told news, and remembered at all.
pub(super) const GOSSIP_TO_THE_DEAD: SimDuration = SimDuration::from_secs(30);
/// Upper end of the health score plus one.
pub(super) const AWARENESS_MAX: u8 = 8;
/// Period of the full exchange of membership in small clusters.
pub(super) const PUSH_PULL_INTERVAL: SimDuration = SimDuration::from_secs(30);
/// Period of the comparison of tables.
pub(super) const BULK_SYNC_INTERVAL: SimDuration = SimDuration::from_secs(30);
/// How long the other side's part of a comparison is waited for.
pub(super) const BULK_SYNC_ACK: SimDuration = SimDuration::from_secs(30);
/// Period of attempts to reach failed nodes, and to join anew.
pub(super) const RECONNECT_INTERVAL: SimDuration = SimDuration::from_secs(1);
/// Period of joining the first nodes of the cluster anew.
pub(super) const REJOIN_INTERVAL: SimDuration = SimDuration::from_secs(60);
/// How long joining anew is tried.
pub(super) const REJOIN_DURATION: SimDuration = SimDuration::from_secs(10);
/// How long a connection may take to open.
pub(super) const CONNECT_TIMEOUT: SimDuration = SimDuration::from_secs(10);
/// When an unanswered request for a connection is repeated, after the first one (Linux 6.5 and later).
pub(super) const CONNECT_ATTEMPTS: [SimDuration; 6] = [
    SimDuration::from_secs(1),
    SimDuration::from_secs(2),
    SimDuration::from_secs(3),
    SimDuration::from_secs(4),
    SimDuration::from_secs(5),
    SimDuration::from_secs(7),
];
/// How long somebody waits until an event of its own has been sent often enough.
pub(super) const BROADCAST_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Life of the tombstone of a deleted record.
pub(super) const TOMBSTONE_LIFE: SimDuration = SimDuration::from_secs(30 * 60);
/// Period at which tombstones are looked at.
pub(super) const REAP_INTERVAL: SimDuration = SimDuration::from_secs(5);
/// Life of the tombstone of a network that was left.
pub(super) const LEFT_NETWORK_LIFE: SimDuration = SimDuration::from_secs(30 * 60 + 25);
/// Failed and left nodes are looked at this often.
pub(super) const NODE_REAP_INTERVAL: SimDuration = SimDuration::from_secs(2 * 3_600);
/// How long a failed or left node is remembered.
pub(super) const NODE_REMEMBERED: SimDuration = SimDuration::from_secs(24 * 3_600);
/// Records in the queue above which nothing learned from a comparison is passed on.
pub(super) const QUEUE_MAX_ON_SYNC: usize = 500;

/// Nominal suspicion in probe intervals, and the number of nodes in the suspicion's logarithm.
const SUSPICION_FACTOR: u64 = 4;
/// Longest suspicion as a multiple of the shortest.
const SUSPICION_MAX_FACTOR: u64 = 6;
/// The logarithm of 2 to the base 3 in parts per billion: one of two expected confirmations.
const ONE_OF_TWO_CONFIRMATIONS: u64 = 630_929_753;
/// Sendings of a message for each decimal digit of the number of nodes.
const RETRANSMIT_FACTOR: u32 = 4;
/// The cluster size above which the full exchange becomes rarer.
const PUSH_PULL_SCALE: u32 = 32;

/// How often a message is sent in a cluster of this size: four times for each digit of the number of nodes.
pub(super) fn retransmissions(nodes: usize) -> u32 {
    let (mut digits, mut power) = (0, 1usize);
    while power < nodes + 1 {
        power *= 10;
        digits += 1;
    }
    RETRANSMIT_FACTOR * digits
}

/// Pause between two full exchanges in a cluster of this size.
pub(super) fn push_pull_interval(nodes: usize) -> SimDuration {
    let nodes = nodes as u32;
    if nodes <= PUSH_PULL_SCALE {
        return PUSH_PULL_INTERVAL;
    }
    let doublings = nodes.next_power_of_two().trailing_zeros() - PUSH_PULL_SCALE.trailing_zeros();
    PUSH_PULL_INTERVAL.times(u64::from(doublings) + 1)
}

/// How many confirmations shorten a suspicion: none if too few others are there to confirm it.
pub(super) fn confirmations_expected(nodes: usize) -> u8 {
    if nodes < 4 { 0 } else { 2 }
}

/// How long somebody stays suspect, from the beginning of the suspicion on (spec networking 8.3).
pub(super) fn suspicion(nodes: usize, expected: u8, confirmations: u8) -> SimDuration {
    let shortest = SUSPICION_FACTOR * thousandths_of_log10(nodes as u64).max(1_000);
    let longest = shortest * SUSPICION_MAX_FACTOR;
    SimDuration::from_millis(match (expected, confirmations) {
        (0, _) | (_, 2..) => shortest,
        (_, 0) => longest,
        (_, 1) => {
            // Rounded down to milliseconds, so the part that is taken away is rounded up.
            let part = (longest - shortest) * ONE_OF_TWO_CONFIRMATIONS;
            longest - part.div_ceil(1_000_000_000)
        }
    })
}

/// The decimal logarithm in thousandths, rounded down.
fn thousandths_of_log10(number: u64) -> u64 {
    // A number is held as digits below a power of ten. Raising it to the tenth power brings the next digit of its
    // logarithm in front of the point.
    const ONE: u128 = 1_000_000_000_000_000_000;
    let mut whole = 0;
    let mut rest = u128::from(number.max(1)) * ONE;
    while rest >= 10 * ONE {
        rest /= 10;
        whole += 1;
    }
    for _ in 0..3 {
        let mut power = ONE;
        let mut digit = 0;
        for _ in 0..10 {
            power = power * rest / ONE;
            while power >= 10 * ONE {
                power /= 10;
                digit += 1;
            }
        }
        whole = whole * 10 + digit;
        rest = power;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_sent_four_times_for_each_digit_of_the_number_of_nodes() {
        let of = [1, 2, 9, 10, 98, 99, 100, 998, 999, 1_000].map(retransmissions);
        assert_eq!(of, [4, 4, 4, 8, 8, 8, 12, 12, 12, 16]);
    }

    #[test]
    fn suspicion_grows_with_the_cluster_and_shrinks_with_confirmations() {
        // NET-115, NET-116
        let of =
            |nodes, confirmations| suspicion(nodes, confirmations_expected(nodes), confirmations).as_millis();
        assert_eq!([of(2, 0), of(3, 0)], [4_000, 4_000]);
        assert_eq!([of(4, 0), of(4, 1), of(4, 2)], [24_000, 11_381, 4_000]);
        assert_eq!([of(10, 0), of(10, 1), of(10, 2)], [24_000, 11_381, 4_000]);
        assert_eq!([of(20, 0), of(20, 1), of(20, 2)], [31_224, 14_807, 5_204]);
        assert_eq!([of(40, 2), of(100, 2), of(1_000, 2)], [6_408, 8_000, 12_000]);
    }

    #[test]
    fn the_full_exchange_becomes_rarer_in_large_clusters() {
        let of = [2, 32, 33, 64, 65, 1_000].map(|nodes| push_pull_interval(nodes).as_secs());
        assert_eq!(of, [30, 30, 60, 60, 90, 180]);
    }

    #[test]
    fn thousandths_of_logarithms_are_cut_off() {
        let known =
            [(1, 0), (2, 301), (3, 477), (7, 845), (9, 954), (99, 1_995), (999, 2_999), (1_000, 3_000)];
        for (number, expected) in known {
            assert_eq!(thousandths_of_log10(number), expected, "log10({number})");
        }
    }
}
