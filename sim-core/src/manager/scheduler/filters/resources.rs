//! What the task reserves must be free (spec scheduler 6.2).
use super::{Filter, count_of};
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::{NodeInfo, described};
use crate::model::resources::Resources as Amounts;
use crate::model::{GenericResource, Reservations, generic};

pub(super) struct Resources;

impl Filter for Resources {
    fn name(&self) -> &'static str {
        "resources"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        needs.reservations.is_some_and(|Reservations { nano_cpus, memory_bytes, generic }| {
            *nano_cpus != 0 || *memory_bytes != 0 || !generic.is_empty()
        })
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        let (Some(reserved), free) = (needs.reservations, node.available()) else { return true };
        // Both are compared even if only one is reserved: zero does not fit a node that is over-committed.
        reserved.nano_cpus <= free.nano_cpus
            && reserved.memory_bytes <= free.memory_bytes
            && reserved.generic.iter().all(|wanted| generic::has_enough(&free.generic, wanted))
    }

    fn explain(&self, nodes: u32) -> String {
        format!("insufficient resources on {}", count_of(nodes))
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        let none = Amounts::default();
        let (reserved, free) = (needs.reservations.unwrap_or(&none), node.available());
        let whole = described(node.node()).unwrap_or(&none);
        let mut parts = Vec::new();
        if reserved.nano_cpus != 0 || free.nano_cpus < 0 {
            let [wanted, free, whole] = [reserved, free, whole].map(|amounts| cpus(amounts.nano_cpus));
            parts.push(format!("needs {wanted} CPUs, {free} free of {whole}"));
        }
        if reserved.memory_bytes != 0 || free.memory_bytes < 0 {
            let [wanted, free, whole] = [reserved, free, whole].map(|amounts| bytes(amounts.memory_bytes));
            parts.push(format!("needs {wanted}, {free} free of {whole}"));
        }
        for wanted in &reserved.generic {
            let [free, whole] = [free, whole].map(|amounts| amount(&amounts.generic, wanted.kind()));
            let wanted = amount(std::slice::from_ref(wanted), wanted.kind());
            parts.push(format!("needs {wanted}, {free} free of {whole}"));
        }
        parts.join("; ")
    }
}

/// `1.5`, as exact as needed.
fn cpus(nano_cpus: i64) -> String {
    let (sign, amount) = (if nano_cpus < 0 { "-" } else { "" }, nano_cpus.unsigned_abs());
    let (whole, fraction) = (amount / 1_000_000_000, amount % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{fraction:09}").trim_end_matches('0'))
}

/// `300 MiB`: in the largest unit that gives a whole number, else rounded down to tenths.
fn bytes(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (sign, amount) = (if bytes < 0 { "-" } else { "" }, bytes.unsigned_abs());
    let unit = (0..UNITS.len()).rev().find(|unit| amount >> (10 * unit) > 0).unwrap_or(0);
    let size = 1_u64 << (10 * unit);
    let (whole, tenth) = (amount / size, amount % size * 10 / size);
    match tenth {
        0 => format!("{sign}{whole} {}", UNITS[unit]),
        _ => format!("{sign}{whole}.{tenth} {}", UNITS[unit]),
    }
}

/// `gpu 2`, or `gpu a,b` for named things.
fn amount(list: &[GenericResource], kind: &str) -> String {
    let entries = list.iter().filter(|entry| entry.kind() == kind);
    let values: Vec<String> = entries
        .map(|entry| match entry {
            GenericResource::Discrete { value, .. } => value.to_string(),
            GenericResource::Named { value, .. } => value.clone(),
        })
        .collect();
    if values.is_empty() { format!("no {kind}") } else { format!("{kind} {}", values.join(",")) }
}
