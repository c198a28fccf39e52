//! Why something happened, as the end of a sentence.
use sim_core::kernel::SimTime;

use crate::time;

/// Why something happened, after a comma: `because of `service scale web=9` at 30 s`.
pub(crate) fn reason_of_command(line: &str, at: SimTime) -> String {
    format!("because of `{}` at {}", short_command(line), time::short(at))
}

/// A command without its flags, but with the service that it is about, if it has a name there.
fn short_command(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, rest) = words.split_at(words.len().min(2));
    let service = match name {
        ["service", "create"] => {
            let mut flags = rest.iter().zip(rest.iter().skip(1));
            let apart = flags.find(|(flag, _)| **flag == "--name").map(|(_, name)| *name);
            apart.or_else(|| rest.iter().find_map(|word| word.strip_prefix("--name="))).into_iter().collect()
        }
        ["service", "scale"] => rest.iter().filter(|word| !word.starts_with('-')).copied().collect(),
        ["service", _] => rest.last().into_iter().copied().collect(),
        _ => Vec::new(),
    };
    name.iter().copied().chain(service).collect::<Vec<_>>().join(" ")
}

/// The same for a fault: `because of the crash of w1 at 30 s`.
pub(crate) fn reason_of_fault(fault: &str, at: SimTime) -> String {
    format!("because of the {fault} at {}", time::short(at))
}
