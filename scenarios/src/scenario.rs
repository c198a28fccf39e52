//! A scenario that is ready to run.
use std::collections::BTreeMap;

use sim_core::kernel::SimTime;
use sim_core::model::{CommandId, Setup};

use crate::error::ScenarioErrors;
use crate::expect::Expectation;
use crate::source::Source;
use crate::{parse, resolve};

/// A scenario: every name is resolved and every unit is an integer, so that nothing can be wrong with it any more.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, as in the list of pinned hashes.
    pub name: String,
    /// What it shows, in a sentence; empty if the author gave none.
    pub about: String,
    /// Seed of its random streams.
    pub seed: u64,
    /// Its parameters with the values in force.
    pub parameters: BTreeMap<String, String>,
    /// What the simulation starts from.
    pub setup: Setup,
    /// What must hold, in the order of the file.
    pub expectations: Vec<Expectation>,
    /// The commands of each entry of the timeline that has an id.
    pub command_names: BTreeMap<String, Vec<CommandId>>,
    /// True if seed, parameters and end are those of the file: only then a pinned hash means anything.
    pub is_unchanged: bool,
}

/// What the user of a scenario changes in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioOptions {
    /// Another seed.
    pub seed: Option<u64>,
    /// Other values of parameters; the last one for a name counts.
    pub sets: Vec<(String, String)>,
    /// Another end. Expectations behind it stay, and are not reached.
    pub until: Option<SimTime>,
}

impl Scenario {
    /// Reads a scenario. The name of the file is only printed in errors.
    ///
    /// # Errors
    /// All mistakes that can be told apart, or the first one that hides the rest.
    pub fn parse(text: &str, file_name: &str, options: &ScenarioOptions) -> Result<Self, ScenarioErrors> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source::new(file_name, text);
        let file = parse::parse(text, &source)?;
        resolve::resolve(&file, &source, options)
    }

    /// Reads a scenario from the bytes of a file.
    ///
    /// # Errors
    /// As for [`Scenario::parse`], and if the bytes are no UTF-8.
    pub fn parse_bytes(
        bytes: &[u8],
        file_name: &str,
        options: &ScenarioOptions,
    ) -> Result<Self, ScenarioErrors> {
        let text = std::str::from_utf8(bytes).map_err(|_| parse::not_text(file_name))?;
        Self::parse(text, file_name, options)
    }
}
