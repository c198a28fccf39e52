//! The fields that recorded runs of gossip have. One that nobody knows may change what the others mean: it is refused.
use serde_json::Value;

/// Fields of every run, besides those that say which it is.
const COMMON: [&str; 3] = ["derived", "run", "source"];

/// Fields of an experiment: of the run, of what was given, and of the reports of its nodes.
struct Fields {
    experiment: &'static str,
    run: &'static [&'static str],
    given: &'static [&'static str],
    /// The field with the reports, and theirs.
    reports: Option<(&'static str, &'static [&'static str])>,
}

const EXPERIMENTS: [Fields; 7] = [
    Fields { experiment: "spread", run: &["delay_ms"], given: &["origin", "entries_present"], reports: None },
    Fields {
        experiment: "crash",
        run: &["survivors"],
        given: &["victim", "entries_of_victim", "uptime_ms"],
        reports: Some(("survivors", &["node_ms", "entries_ms", "own_failed_probes_ms", "own_verdict"])),
    },
    Fields {
        experiment: "leave",
        run: &["survivors", "close_returned_ms"],
        given: &["leaver", "entries_of_leaver"],
        reports: Some(("survivors", &["node_ms", "entries_ms"])),
    },
    Fields {
        experiment: "crash_return",
        run: &["survivors", "returned"],
        given: &["node", "down_ms", "old_entries", "new_entries", "written_meanwhile"],
        reports: Some((
            "survivors",
            &[
                "node_ms",
                "entries_ms",
                "own_failed_probes_ms",
                "own_verdict",
                "new_entries_after_creation_ms",
                "new_node_ms",
                "all_node_events_ms",
            ],
        )),
    },
    Fields {
        experiment: "partition",
        run: &["pairs", "cross", "never_complete"],
        given: &[
            "side_a",
            "side_b",
            "cut_ms",
            "cut_took_ms",
            "heal_ms",
            "heal_took_ms",
            "writes",
            "watched_until_ms",
        ],
        reports: Some(("pairs", &["observer", "owner", "entry", "node"])),
    },
    Fields {
        experiment: "bulk_sync",
        run: &[
            "join_done_ms",
            "network_join_called_ms",
            "network_join_returned_ms",
            "first_entry_ms",
            "full_table_ms",
            "from_network_join_ms",
            "missing",
        ],
        given: &["entries", "owners"],
        reports: None,
    },
    Fields {
        experiment: "burst",
        run: &["receivers", "all_have_all_ms", "bulk_syncs_started"],
        given: &["origin", "entries", "value_bytes", "written_in_ms"],
        reports: Some(("receivers", &["received", "p10", "p25", "p50", "p75", "p90", "p99", "max"])),
    },
];

/// Refuses an experiment that nobody knows, fields that it does not have, and one without its results.
pub(super) fn check(experiment: &str, given: &Value, run: &Value) -> Result<(), String> {
    let fields = EXPERIMENTS.iter().find(|fields| fields.experiment == experiment);
    let fields = fields.ok_or_else(|| format!("'{experiment}' is no known experiment"))?;
    if let Some(field) = fields.run.iter().find(|field| run.get(**field).is_none()) {
        return Err(format!("missing field '{field}'"));
    }
    known("the run", run, &[fields.run, &COMMON].concat())?;
    known("given", given, fields.given)?;
    let Some((name, of_report)) = fields.reports else { return Ok(()) };
    let reports: Vec<&Value> = match &run[name] {
        Value::Object(by_node) => by_node.values().collect(),
        Value::Array(reports) => reports.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    if reports.is_empty() {
        return Err(format!("{name}: no node has reported"));
    }
    reports.into_iter().try_for_each(|report| known(name, report, of_report))
}

fn known(what: &str, value: &Value, fields: &[&str]) -> Result<(), String> {
    let unknown = value.as_object().into_iter().flatten().find(|(name, _)| !fields.contains(&name.as_str()));
    match unknown {
        Some((name, _)) => Err(format!("unknown field '{name}' of {what}")),
        None => Ok(()),
    }
}
