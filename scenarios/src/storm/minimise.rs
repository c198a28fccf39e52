//! Cuts a storm that fails down to the steps that make it fail.
use sim_core::kernel::SimDuration;
use sim_core::model::Sabotage;

use super::{Finding, Plan, first_finding};

/// Leaves steps out, as many at a time as possible, as long as the storm fails in the same way.
pub(super) fn minimise(mut plan: Plan, finding: &Finding, sabotage: Sabotage) -> Plan {
    let fails = |plan: &Plan| first_finding(plan, sabotage).is_some_and(|found| found.is_like(finding));
    if let Some(time) = finding.time() {
        let end = time + SimDuration::from_millis(1);
        let mut shorter = Plan { cut_short: Some(end), ..plan.clone() };
        shorter.steps.retain(|step| step.at <= end);
        if fails(&shorter) {
            plan = shorter;
        }
    }
    let mut size = plan.steps.len().div_ceil(2);
    while size > 0 {
        let mut first = 0;
        while first < plan.steps.len() {
            let mut without = plan.clone();
            without.steps.drain(first..(first + size).min(plan.steps.len()));
            if fails(&without) {
                plan = without;
            } else {
                first += size;
            }
        }
        size /= 2;
    }
    plan
}
