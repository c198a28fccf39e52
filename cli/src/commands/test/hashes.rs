//! Pinned trace hashes: `hashes.txt` beside the scenarios, a line `name seed hash` for each.
//!
//! They stand in a file of their own, so that a new hash never rewrites what an author has written. A hash says
//! something about a scenario with its own seed, parameters and end only.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scenarios::Scenario;

use crate::failure::Failure;
use crate::files::write;

const FILE: &str = "hashes.txt";

/// The pinned hashes of a folder.
#[derive(Debug)]
pub(super) struct Pins {
    path: PathBuf,
    hashes: BTreeMap<(String, u64), u64>,
    changed: bool,
}

/// Reads the pinned hashes of a folder. Without a file there are none.
pub(super) fn pins_beside(folder: &Path) -> Result<Pins, Failure> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::file(&path, "read", error)),
    };
    let mut hashes = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let (name, seed, hash) = parse(line).ok_or_else(|| {
            let problem = format!("{}:{}: this is no pinned hash", path.display(), number + 1);
            Failure::refused(problem, "a line is a name, a seed and a hash of 16 hexadecimal digits")
        })?;
        hashes.insert((name, seed), hash);
    }
    Ok(Pins { path, hashes, changed: false })
}

fn parse(line: &str) -> Option<(String, u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, seed, hash] = words.as_slice() else { return None };
    Some(((*name).to_owned(), seed.parse().ok()?, u64::from_str_radix(hash, 16).ok()?))
}

impl Pins {
    /// The pinned hash of a scenario as its author wrote it.
    pub(super) fn get(&self, scenario: &Scenario) -> Option<u64> {
        let key = (scenario.name.clone(), scenario.seed);
        self.hashes.get(&key).copied().filter(|_| scenario.is_unchanged)
    }

    /// Pins a hash. A hash of the same scenario with another seed is of no use any more.
    pub(super) fn set(&mut self, scenario: &Scenario, hash: u64) {
        self.hashes.retain(|(name, seed), _| *name != scenario.name || *seed == scenario.seed);
        let before = self.hashes.insert((scenario.name.clone(), scenario.seed), hash);
        self.changed |= before != Some(hash);
    }

    /// Writes the file, if something in it is new.
    pub(super) fn write(&self) -> Result<(), Failure> {
        if !self.changed {
            return Ok(());
        }
        let line = |((name, seed), hash): (&(String, u64), &u64)| format!("{name} {seed} {hash:016x}\n");
        write(&self.path, &self.hashes.iter().map(line).collect::<String>())
    }
}
