//! What a report is made of.
use sim_core::kernel::SimTime;
use sim_core::model::CommandId;
use sim_core::{Recording, View, Violation};

use crate::{Placement, RaftHistory};

/// A run that is over, with all that was said about it.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What was run.
    pub scenario: &'a ScenarioInfo,
    /// What was seen. Stories and causes need its facts.
    pub recording: &'a Recording,
    /// The cluster at the end.
    pub view: View<'a>,
    /// Hash over all facts.
    pub trace_hash: u64,
    /// Hashes over the state of all components, the last one at the end.
    pub state_hashes: &'a [(SimTime, u64)],
    /// What was expected, and what became of it.
    pub expectations: &'a [Expectation],
    /// Broken promises of the simulator; empty if nobody checked.
    pub violations: &'a [Violation],
    /// The task whose placement is to be explained, if there is one.
    pub placement: Option<Placement<'a>>,
    /// What the managers agreed about over time, if somebody asked for it.
    pub raft: Option<&'a RaftHistory>,
}

/// What was run.
#[derive(Clone, Debug, Default)]
pub struct ScenarioInfo {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// The file it was read from.
    pub file: String,
    /// The seed of the run.
    pub seed: u64,
    /// Its parameters with their values.
    pub params: Vec<(String, String)>,
    /// Names that its author gave to commands.
    pub command_names: Vec<(CommandId, String)>,
}

/// Something that was expected of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it is written, such as `worker.yaml:14`.
    pub place: String,
    /// What was expected, in words.
    pub text: String,
    /// What was seen, and when.
    pub seen: String,
    /// The author's explanation.
    pub because: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not hold.
    Failed,
    /// The run ended before it could be decided.
    NotReached,
}

impl Run<'_> {
    /// Hash over the state of all components at the end.
    ///
    /// # Panics
    /// If nobody took it.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        self.state_hashes.last().expect("the state is hashed at the end").1
    }

    /// True if no expectation failed and no promise was broken.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.expectations.iter().all(|one| one.verdict != Verdict::Failed)
    }
}
