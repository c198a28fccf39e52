//! The answer as one JSON object, for programs (schema `swarm-sim/why/1`).
use serde_json::{Value, json};
use sim_core::model::FactRecord;

use super::Answer;
use crate::trace::trace_object;

impl Answer<'_> {
    /// The answer for programs. Facts have the form of traces; causes come nearest first.
    #[must_use]
    pub fn json(&self) -> String {
        let census = &self.recording().census;
        let object = |record: &FactRecord| trace_object(record, census);
        let reason = |reason: &super::Reason<'_>| {
            let links: Vec<u64> = reason.links.iter().map(|link| link.id.0).collect();
            json!({ "sentence": reason.sentence, "fact": reason.fact.id.0, "because": links })
        };
        let last = self.facts.last();
        let causes = last.map(|last| self.recording().causes(last.id).map(object).collect::<Vec<Value>>());
        let answer = json!({
            "schema": "swarm-sim/why/1",
            "scenario": self.run.scenario.name,
            "seed": self.run.scenario.seed,
            "at_ns": self.recording().ended.as_nanos(),
            "subject": census.subject(self.subject),
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "now": self.now,
            "facts": self.facts.iter().map(|record| object(record)).collect::<Vec<_>>(),
            "causes": causes.unwrap_or_default(),
        });
        let mut text = serde_json::to_string_pretty(&answer).expect("keys are texts and numbers are finite");
        text.push('\n');
        text
    }
}
