//! The scenarios that come with the program.

/// Name and text of every scenario of the library, in order of names.
const LIBRARY: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().map(|(name, _)| *name)
}

/// The text of a scenario.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    LIBRARY.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What there is to choose from, for somebody who asked for a name that no scenario has.
#[must_use]
pub fn help(wrong: &str) -> String {
    crate::suggest::help(wrong, names(), "scenarios of the library")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scenario, ScenarioOptions};

    #[test]
    fn every_scenario_is_called_as_its_file_and_says_what_is_expected() {
        for name in names() {
            let text = text(name).expect("the library has it");
            let scenario = Scenario::parse(text, name, &ScenarioOptions::default());
            let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(scenario.name, name);
            assert!(scenario.is_unchanged, "{name}");
            assert!(!scenario.about.is_empty() && !scenario.expectations.is_empty(), "{name}");
        }
    }
}
