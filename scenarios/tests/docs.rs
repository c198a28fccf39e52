//! The reference of the file format has every key, and its example works.
use std::fs;
use std::path::Path;

use scenarios::{Problem, Scenario, ScenarioOptions};

fn reference() -> String {
    page("scenario-format.md")
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    fs::read_to_string(path).expect("the page exists")
}

#[test]
fn the_property_test_of_the_docs_is_one_that_runs() {
    let page = page("property-tests.md");
    let example = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(include_str!("placement.rs").contains(example.expect("an example")));
}

#[test]
fn the_example_of_the_reference_is_a_good_scenario() {
    let text = reference();
    let examples: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 1);
    let scenario = Scenario::parse(examples[0], "scenario-format.md", &ScenarioOptions::default());
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((scenario.expectations.len(), scenario.setup.hosts.len()), (5, 6));
}

#[test]
fn every_key_is_in_the_reference() {
    let reference = reference();
    let start = "name: a\ncluster: { managers: 1 }\n";
    let places = [
        "name: a\ncluster: { managers: 1 }\nzzz: 1\n",
        "name: a\ncluster: { zzz: 1 }\n",
        "name: a\ncluster: { managers: [{ zzz: 1 }] }\n",
        "name: a\ncluster: { links: [{ zzz: 1 }] }\n",
        "name: a\ncluster: { settings: { zzz: 1 } }\n",
        &format!("{start}images: {{ x: {{ zzz: 1 }} }}\n"),
        &format!("{start}images: {{ x: {{ exit: {{ zzz: 1 }} }} }}\n"),
        &format!("{start}images: {{ x: {{ health: {{ zzz: 1 }} }} }}\n"),
        &format!("{start}images: {{ x: {{ server: {{ zzz: 1 }} }} }}\n"),
        &format!("{start}images: {{ x: {{ server: {{ takes: {{ zzz: 1 }} }} }} }}\n"),
        &format!("{start}images: {{ x: {{ server: {{ slow_start: {{ zzz: 1 }} }} }} }}\n"),
        &format!("{start}images: {{ x: {{ server: {{ calls: [{{ zzz: 1 }}] }} }} }}\n"),
        &format!("{start}timeline: [{{ traffic: {{ check: {{ zzz: 1 }} }} }}]\n"),
        &format!("{start}timeline: [{{ zzz: 1 }}]\n"),
        &format!("{start}timeline: [{{ fault: {{ zzz: 1 }} }}]\n"),
        &format!("{start}timeline: [{{ traffic: {{ zzz: 1 }} }}]\n"),
        &format!("{start}expect: [{{ zzz: 1 }}]\n"),
        &format!("{start}expect: [{{ cluster: {{ zzz: 1 }} }}]\n"),
        &format!("{start}expect: [{{ running: {{ zzz: 1 }} }}]\n"),
    ];
    for text in places {
        let errors =
            Scenario::parse(text, "f.yaml", &ScenarioOptions::default()).expect_err("an unknown key");
        let error = errors.iter().next().expect("one");
        assert_eq!(error.problem, Problem::UnknownKey("zzz".to_owned()), "{text}");
        let keys = error.help.strip_prefix("keys here: ").expect("the keys are listed");
        for key in keys.split(", ") {
            let is_documented = [format!("`{key}`"), format!("`{key}:"), format!(" {key}:")];
            assert!(
                is_documented.iter().any(|form| reference.contains(form)),
                "{key} is not in the reference"
            );
        }
    }
}
