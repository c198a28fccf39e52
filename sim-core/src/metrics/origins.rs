//! Where chains of causes begin.
use std::sync::Arc;

use crate::kernel::SimTime;
use crate::model::{Fact, FactId, FactRecord, Fault};

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Its fact.
    pub id: FactId,
    /// When.
    pub time: SimTime,
    /// Which.
    pub fault: Arc<Fault>,
}

/// For every fact the fault that its chain of causes leads back to, if it does.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Index of a strike plus one, by fact; zero for chains that do not begin at a fault.
    strike_of: Vec<u32>,
    strikes: Vec<Strike>,
}

impl Origins {
    /// Takes a fact in. Facts come in the order of their numbers.
    pub fn learn(&mut self, record: &FactRecord) {
        assert_eq!(record.id.0, self.strike_of.len() as u64, "facts come in order");
        let inherited = self.strike_of.get(record.cause.0 as usize).copied().unwrap_or(0);
        let Fact::Fault { fault } = &record.fact else { return self.strike_of.push(inherited) };
        self.strikes.push(Strike { id: record.id, time: record.time, fault: Arc::clone(fault) });
        let number = u32::try_from(self.strikes.len()).expect("a run has fewer than four billion faults");
        self.strike_of.push(number);
    }

    /// The fault that a fact leads back to, if it does. The nearest one, where a healing was caused by a fault.
    #[must_use]
    pub fn strike(&self, fact: FactId) -> Option<&Strike> {
        let index = *self.strike_of.get(fact.0 as usize)?;
        self.strikes.get((index as usize).checked_sub(1)?)
    }

    /// The fault that a strike stands for: itself or, if it is a repair, the last one before it that hit its hosts.
    #[must_use]
    pub fn damage(&self, strike: &Strike) -> Option<&Strike> {
        let before = self.strikes.partition_point(|earlier| earlier.id < strike.id);
        let is_damage = |earlier: &&Strike| {
            let hit = earlier.fault.hosts();
            !earlier.fault.is_repair() && strike.fault.hosts().iter().any(|host| hit.contains(host))
        };
        match strike.fault.is_repair() {
            true => self.strikes[..before].iter().rev().find(is_damage),
            false => self.strikes.get(before),
        }
    }

    /// All faults in order.
    #[must_use]
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }
}
