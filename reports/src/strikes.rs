//! Faults as readers take them: what strikes several pairs of places or several tasks at once is one thing.
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::FactId;

use crate::words::enumerate;

/// Faults of one kind that struck at one time, and differ in what their words end with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blow {
    /// The facts of all of them, the first one first.
    pub(crate) facts: Vec<FactId>,
    pub(crate) time: SimTime,
    pub(crate) is_repair: bool,
    /// `cut between az1 and`, and what each ends with.
    head: String,
    tails: Vec<String>,
}

impl Blow {
    /// `cut between az1 and n4 to n7`
    pub(crate) fn words(&self) -> String {
        let tails = enumerate(self.tails.iter().cloned()).text;
        if self.head.is_empty() { tails } else { format!("{} {tails}", self.head) }
    }
}

/// All faults of a run in order.
pub(crate) fn blows(recording: &Recording) -> Vec<Blow> {
    let mut blows: Vec<Blow> = Vec::new();
    for strike in recording.origins.strikes() {
        let words = recording.census.names().fault(&strike.fault);
        let (head, tail) = words.rsplit_once(' ').unwrap_or(("", &words));
        let is_more = |blow: &&mut Blow| blow.time == strike.time && blow.head == head;
        if let Some(blow) = blows.iter_mut().rev().find(is_more) {
            blow.facts.push(strike.id);
            blow.tails.push(tail.to_owned());
            continue;
        }
        blows.push(Blow {
            facts: vec![strike.id],
            time: strike.time,
            is_repair: strike.fault.is_repair(),
            head: head.to_owned(),
            tails: vec![tail.to_owned()],
        });
    }
    blows
}
