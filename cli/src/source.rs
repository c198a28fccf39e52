//! Where scenarios come from: files, and the library that comes with the program.
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use scenarios::{BYTES_MAX, Scenario, ScenarioOptions, library};

use crate::failure::Failure;

/// A scenario as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What is printed as its name.
    pub(crate) label: String,
    /// The file, unless it comes from the library in the program.
    pub(crate) file: Option<PathBuf>,
    bytes: Vec<u8>,
}

impl Source {
    /// The scenario of a file or, if there is no such file, of the library.
    pub(crate) fn find(name: &str) -> Result<Self, Failure> {
        let path = Path::new(name);
        if let (false, Some(text)) = (path.exists(), library::text(name)) {
            return Ok(Source { label: format!("{name}.yaml"), file: None, bytes: text.into() });
        }
        if !path.exists() && !name.contains(['/', '.']) {
            return Err(Failure::refused(format!("there is no scenario {name}"), library::help(name)));
        }
        Ok(Source { label: name.to_owned(), file: Some(path.to_owned()), bytes: read(path)? })
    }

    /// All scenarios of a folder, or a single one.
    pub(crate) fn find_all(name: &str) -> Result<Vec<Self>, Failure> {
        let folder = Path::new(name);
        if !folder.is_dir() {
            return Ok(vec![Self::find(name)?]);
        }
        let failure = |error| Failure::file(folder, "read", error);
        let entries = std::fs::read_dir(folder).map_err(failure)?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>, _>>();
        let mut paths = paths.map_err(failure)?;
        paths.retain(|path| {
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "json")
        });
        paths.sort();
        if paths.is_empty() {
            let problem = format!("there is no scenario in {name}");
            return Err(Failure::refused(problem, "scenarios are files that end in .yaml or .json"));
        }
        paths.iter().map(|path| Self::find(&path.display().to_string())).collect()
    }

    pub(crate) fn parse(&self, options: &ScenarioOptions) -> Result<Scenario, scenarios::ScenarioErrors> {
        Scenario::parse_bytes(&self.bytes, &self.label, options)
    }
}

/// The bytes of a file; of one that is too large only so many that the reader sees it is.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failure = |error| Failure::file(path, "read", error);
    let file = File::open(path).map_err(failure)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failure)?;
    Ok(bytes)
}
