//! Scenario files that are wrong, and what is said about them: `testdata/errors/*.yaml` with a `.txt` for each.
mod common;

use std::fs;
use std::path::PathBuf;

use expect_test::{expect, expect_file};
use scenarios::{Problem, Scenario, ScenarioError, ScenarioErrors, ScenarioOptions};

use self::common::scenario_files;

fn errors_of(text: &str, name: &str, options: &ScenarioOptions) -> ScenarioErrors {
    Scenario::parse(text, name, options).expect_err("the file is wrong")
}

fn files() -> Vec<PathBuf> {
    scenario_files("testdata/errors")
}

#[test]
fn every_mistake_is_named_with_its_place_and_a_hint() {
    let files = files();
    assert!(files.len() > 90, "the folder is complete");
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let errors = errors_of(&text, name, &ScenarioOptions::default());
        expect_file![path.with_extension("txt")].assert_eq(&errors.to_string());
    }
}

#[test]
fn an_error_points_into_the_file() {
    for path in files() {
        let text = fs::read_to_string(&path).expect("readable");
        let errors = errors_of(&text, "f.yaml", &ScenarioOptions::default());
        for ScenarioError { at, .. } in errors.iter() {
            assert!(at.line <= text.lines().count(), "{}: {at:?}", path.display());
            assert!(
                at.line == 0 || at.mark + at.width <= at.excerpt.chars().count().max(1),
                "{}: {at:?}",
                path.display()
            );
        }
    }
}

#[test]
fn a_file_may_be_large_but_not_huge() {
    let filler = |bytes: usize| format!("name: bad\ncluster: {{ managers: 1 }}\n#{}", "x".repeat(bytes));
    assert!(Scenario::parse(&filler(4_000_000), "f.yaml", &ScenarioOptions::default()).is_ok());
    expect![[r#"
        f.yaml: the file is too large: 4194340 bytes
        help: a scenario file has at most 4 MiB
    "#]]
    .assert_eq(&errors_of(&filler(4 << 20), "f.yaml", &ScenarioOptions::default()).to_string());
}

#[test]
fn a_byte_order_mark_shifts_no_place() {
    let errors = errors_of("\u{feff}name: bad\nclutser: {}\n", "f.yaml", &ScenarioOptions::default());
    let error = errors.iter().next().expect("one");
    assert_eq!((error.at.line, error.at.column, error.at.excerpt.as_str()), (2, 1, "clutser: {}"));
    let errors =
        errors_of("\u{feff}name: a b\r\ncluster: { managers: 1 }\r\n", "f.yaml", &ScenarioOptions::default());
    let error = errors.iter().next().expect("one");
    assert_eq!((error.at.column, error.at.mark, error.at.excerpt.as_str()), (7, 6, "name: a b"));
}

#[test]
fn a_large_file_in_one_line_is_read_in_time_that_grows_with_its_size_only() {
    // With time that grows with the square of the size this would take hours.
    let entry = r#"{"at": "1s", "note": "nothing happens"}"#;
    let entries = vec![entry; 40_000].join(", ");
    let text = format!(r#"{{"name": "big", "cluster": {{"managers": 1}}, "timeline": [{entries}]}}"#);
    let scenario = Scenario::parse(&text, "big.json", &ScenarioOptions::default()).expect("a good file");
    assert_eq!(scenario.setup.timeline.len(), 40_000);
}

#[test]
fn what_is_no_text_is_no_scenario() {
    for bytes in [&b"\x7fELF\x02\x01\xff\xfe"[..], b"name: a\0b", b"\xff\xfen\0a\0"] {
        let errors = Scenario::parse_bytes(bytes, "f.bin", &ScenarioOptions::default()).expect_err("no text");
        assert_eq!(errors.iter().map(|error| &error.problem).collect::<Vec<_>>(), [&Problem::NotText]);
        assert_eq!(
            errors.to_string(),
            "f.bin: the file is no text\nhelp: a scenario is YAML or JSON in UTF-8\n"
        );
    }
}

#[test]
fn a_bomb_of_aliases_is_defused() {
    let mut text =
        "name: bad\ncluster: { managers: 1 }\nimages:\n  i: { cached: &c [h, h, h, h, h, h, h, h] }\n"
            .to_owned();
    for index in 0..20_000 {
        text.push_str(&format!("  i{index}: {{ cached: *c }}\n"));
    }
    let errors = errors_of(&text, "bomb.yaml", &ScenarioOptions::default());
    assert!(matches!(errors.iter().next().expect("one").problem, Problem::TooComplex(_)), "{errors}");
}

#[test]
fn a_file_that_nests_without_end_is_refused() {
    let text = format!("name: bad\ncluster: {{ managers: {} }}\n", "[".repeat(100_000));
    errors_of(&text, "deep.yaml", &ScenarioOptions::default());
    let text = format!("name: {}", "{a: ".repeat(100_000));
    errors_of(&text, "deep.yaml", &ScenarioOptions::default());
    let text: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    errors_of(&text, "deep.yaml", &ScenarioOptions::default());
}

#[test]
fn a_parameter_that_is_set_must_exist() {
    let text = "name: bad\nparams: { lost_at: 60s }\ncluster: { managers: 1 }\n";
    let options =
        ScenarioOptions { sets: vec![("lostat".to_owned(), "1s".to_owned())], ..ScenarioOptions::default() };
    expect![[r#"
        --set lostat=1s: no parameter is called `lostat`
        help: did you mean `lost_at`? parameters of the file: lost_at
    "#]]
    .assert_eq(&errors_of(text, "f.yaml", &options).to_string());
}

#[test]
fn many_mistakes_are_counted_not_all_shown() {
    let entries: String = (0..30).map(|_| "  - { at: 5, note: x }\n").collect();
    let text = format!("name: bad\ncluster: {{ managers: 1 }}\ntimeline:\n{entries}");
    let errors = errors_of(&text, "f.yaml", &ScenarioOptions::default());
    assert_eq!(errors.iter().count(), 30);
    assert!(errors.to_string().ends_with("... and 10 more errors\n"), "{errors}");
}
