//! No file makes the parser panic, and whatever it accepts keeps its promises.
use proptest::prelude::*;
use proptest::sample::{Index, select};
use scenarios::{Scenario, ScenarioErrors, ScenarioOptions};
use sim_core::model::setup::Stimulus;

const GOOD: [&str; 3] = [
    include_str!("../testdata/good/everything.yaml"),
    include_str!("../testdata/good/bare.json"),
    include_str!("../library/worker-failure.yaml"),
];

/// Pieces that have a meaning somewhere in a file.
const PIECES: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "  ",
    "- ",
    "\"",
    "'",
    "$",
    "${n}",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "|",
    ">",
    "#",
    "---\n",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    ".nan",
    "5s",
    "100%",
    "null",
    "all",
    "\u{feff}",
    "é",
];

/// A change of a text.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, &'static str),
    Delete(Index, usize),
    DuplicateLine(Index),
    DeleteLine(Index),
    SwapLines(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), select(&PIECES[..])).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<Index>(), 1..12_usize).prop_map(|(at, count)| Edit::Delete(at, count)),
        any::<Index>().prop_map(Edit::DuplicateLine),
        any::<Index>().prop_map(Edit::DeleteLine),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Edit::SwapLines(one, other)),
    ]
}

fn edited(text: &str, edit: &Edit) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    if characters.is_empty() || count == 0 {
        return text.to_owned();
    }
    match edit {
        Edit::Insert(at, piece) => {
            let at = at.index(characters.len());
            characters.splice(at..at, piece.chars());
            return characters.into_iter().collect();
        }
        Edit::Delete(at, length) => {
            let at = at.index(characters.len());
            characters.drain(at..(at + length).min(characters.len()));
            return characters.into_iter().collect();
        }
        Edit::DuplicateLine(at) => lines.insert(at.index(count), lines[at.index(count)]),
        Edit::DeleteLine(at) => {
            lines.remove(at.index(count));
        }
        Edit::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
    }
    lines.join("\n")
}

/// What the simulation relies on without checking it again.
fn check(scenario: &Scenario) {
    let setup = &scenario.setup;
    let times: Vec<_> = setup.timeline.iter().map(|entry| entry.at).collect();
    assert!(times.is_sorted(), "the timeline is in order");
    let mut commands = 0;
    for (place, entry) in setup.timeline.iter().enumerate() {
        match &entry.stimulus {
            Stimulus::Commands { host, commands: lines } => {
                assert!(!lines.is_empty() && host.is_none_or(|host| setup.hosts.contains(host)));
                for line in lines {
                    assert_eq!(line.id.0, commands, "commands are counted in order");
                    commands += 1;
                }
            }
            Stimulus::Healing { of, .. } => {
                assert!(*of < place && matches!(setup.timeline[*of].stimulus, Stimulus::Fault(_)));
            }
            Stimulus::Fault(_) | Stimulus::Note(_) => {}
            Stimulus::Traffic(traffic) => assert!((traffic.0 as usize) < setup.traffic.len()),
        }
    }
    assert!(setup.hosts.values().all(|host| setup.zones.contains(host.zone)));
}

/// Every error can be printed and lies in the file.
fn check_errors(errors: &ScenarioErrors, text: &str) {
    assert!(!errors.to_string().is_empty());
    for error in errors.iter() {
        assert!(error.at.line <= text.lines().count().max(1) + 1, "{error}");
        assert!(!error.problem.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn edited_files_are_read_or_refused(
        file in select(&GOOD[..]),
        edits in proptest::collection::vec(edit(), 1..6),
    ) {
        let text = edits.iter().fold(file.to_owned(), |text, edit| edited(&text, edit));
        match Scenario::parse(&text, "edited.yaml", &ScenarioOptions::default()) {
            Ok(scenario) => check(&scenario),
            Err(errors) => check_errors(&errors, &text),
        }
    }

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let errors = Scenario::parse_bytes(&bytes, "random", &ScenarioOptions::default()).expect_err("noise");
        prop_assert!(!errors.to_string().is_empty());
    }

    #[test]
    fn random_pieces_are_refused(pieces in proptest::collection::vec(select(&PIECES[..]), 0..60)) {
        let text = pieces.concat();
        let errors = Scenario::parse(&text, "pieces", &ScenarioOptions::default()).expect_err("no scenario");
        check_errors(&errors, &text);
    }

    #[test]
    fn any_command_line_is_read_or_refused(line in "[a-z0-9 =\\-.,:/'\"\\\\]{0,60}", verb in select(vec![
        "service create ", "service update ", "service scale ", "service ps ", "node update ", "",
    ])) {
        let quoted = format!("{verb}{line}").replace('\'', "''");
        let text = format!("name: a\ncluster: {{ managers: 1 }}\ntimeline:\n  - {{ at: 0s, docker: '{quoted}' }}\n");
        match Scenario::parse(&text, "command.yaml", &ScenarioOptions::default()) {
            Ok(scenario) => check(&scenario),
            Err(errors) => check_errors(&errors, &text),
        }
    }

    #[test]
    fn any_seed_and_end_can_be_set(seed in any::<u64>(), value in ".{0,20}", n in "[0-9]{0,12}") {
        let sets = vec![("version".to_owned(), value), ("n".to_owned(), n)];
        let options = ScenarioOptions { seed: Some(seed), sets, until: None };
        if let Ok(scenario) = Scenario::parse(GOOD[0], "everything.yaml", &options) {
            prop_assert_eq!(scenario.seed, seed);
            check(&scenario);
        }
    }
}
