//! Names for services that the user gave none.
use crate::kernel::Digest;
use crate::store::Store;

const QUALITIES: [&str; 16] = [
    "brave", "bright", "calm", "curious", "eager", "gentle", "happy", "keen", "lively", "modest", "patient",
    "quiet", "sharp", "steady", "swift", "witty",
];

const PEOPLE: [&str; 16] = [
    "babbage", "bohr", "cantor", "curie", "darwin", "dijkstra", "euler", "fermi", "gauss", "hopper",
    "kepler", "lovelace", "noether", "pascal", "planck", "turing",
];

/// A name that no service has, such as `curious_hopper`. It depends on the seed and on the store only.
pub(super) fn made_up_name(store: &Store, seed: u64) -> String {
    let mut attempts = (0u64..).map(|attempt| {
        let mut digest = Digest::new();
        digest.u64(seed);
        digest.text("service name");
        digest.u64(store.services().next_back().map_or(0, |service| u64::from(service.id.0) + 1));
        digest.u64(attempt);
        let hash = digest.finish();
        let (quality, person) = (hash >> 32 & 15, hash >> 40 & 15);
        let number = if attempt < 100 { String::new() } else { attempt.to_string() };
        format!("{}_{}{number}", QUALITIES[quality as usize], PEOPLE[person as usize])
    });
    attempts.find(|name| store.service_by_name(name).is_none()).expect("there is no end of attempts")
}
