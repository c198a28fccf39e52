//! Join tokens (spec control-plane 8.1). Like ids they exist as text only when they are printed or compared: what a
//! swarm stores is how often each was made.
use super::ids::id_text;
use super::{Cluster, ClusterId, NodeRole};

impl Cluster {
    /// How often the join token of a role was rotated.
    #[must_use]
    pub fn token_generation(&self, role: NodeRole) -> u32 {
        match role {
            NodeRole::Worker => self.token_generations.worker,
            NodeRole::Manager => self.token_generations.manager,
        }
    }

    /// The join token of a role that is valid now.
    #[must_use]
    pub fn join_token(&self, role: NodeRole, seed: u64) -> String {
        join_token(self.id, role, self.token_generation(role), seed)
    }

    /// Makes a new join token for a role. The old one is worth nothing from here on.
    pub fn rotate_join_token(&mut self, role: NodeRole) {
        match role {
            NodeRole::Worker => self.token_generations.worker += 1,
            NodeRole::Manager => self.token_generations.manager += 1,
        }
    }
}

/// The join token of a role that a swarm had after so many rotations. Both roles share the first part, which stands
/// for the swarm's root certificate.
#[must_use]
pub fn join_token(swarm: ClusterId, role: NodeRole, generation: u32, seed: u64) -> String {
    let swarm = u64::from(swarm.0);
    let digest =
        id_text(seed, "root certificate", 2 * swarm) + &id_text(seed, "root certificate", 2 * swarm + 1);
    let kind = match role {
        NodeRole::Worker => "worker token",
        NodeRole::Manager => "manager token",
    };
    let secret = id_text(seed, kind, (swarm << 32) | u64::from(generation));
    format!("SWMTKN-1-{digest}-{secret}")
}

/// The part of a well-formed token that stands for the swarm's root certificate.
pub(crate) fn digest_of_token(token: &str) -> &str {
    token.rsplit('-').nth(1).unwrap_or_default()
}

/// The same part of a swarm's own tokens.
pub(crate) fn digest_of_swarm(swarm: ClusterId, seed: u64) -> String {
    digest_of_token(&join_token(swarm, NodeRole::Worker, 0, seed)).to_owned()
}

/// True if a text has the form of a token. Those of swarms in FIPS mode have one part more.
pub(crate) fn is_well_formed(token: &str) -> bool {
    let parts: Vec<&str> = token.split('-').collect();
    let (digest, secret) = match parts[..] {
        ["SWMTKN", "1", digest, secret] | ["SWMTKN", "2", "1", digest, secret] => (digest, secret),
        _ => return false,
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    digest.len() == 50 && secret.len() == 25 && digits(digest) && digits(secret)
}

/// A number of base 36 with 256 bits, as docker prints digests.
pub(crate) fn hexadecimal(digits: &str) -> String {
    let mut bytes = [0u8; 32];
    for digit in digits.chars().filter_map(|digit| digit.to_digit(36)) {
        let mut carry = digit;
        for byte in bytes.iter_mut().rev() {
            let value = u32::from(*byte) * 36 + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_swarm_differ_in_their_secret_only() {
        let token = |role, generation| join_token(ClusterId(0), role, generation, 7);
        let worker = token(NodeRole::Worker, 0);
        let parts: Vec<&str> = worker.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [6, 1, 50, 25]);
        for other in [token(NodeRole::Manager, 0), token(NodeRole::Worker, 1)] {
            assert_eq!(other[..59], worker[..59]);
            assert_ne!(other, worker);
        }
        assert_ne!(join_token(ClusterId(1), NodeRole::Worker, 0, 7)[..59], worker[..59]);
    }

    #[test]
    fn ca_007_009_tokens_have_one_form() {
        // CA-007, CA-009
        let token = join_token(ClusterId(0), NodeRole::Worker, 0, 7);
        assert!(is_well_formed(&token) && is_well_formed(&token.replace("-1-", "-2-1-")));
        let short = &token[..token.len() - 1];
        let wrong = [
            "invalidtoken",
            "SWMTKN-1-short",
            short,
            &token.replace("-1-", "-2-"),
            &token.replace("-1-", "-0-"),
        ];
        for text in wrong {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn digests_are_printed_in_base_16() {
        assert_eq!(hexadecimal("z"), format!("{:064x}", 35));
        assert_eq!(hexadecimal("10z"), format!("{:064x}", 36 * 36 + 35));
    }
}
