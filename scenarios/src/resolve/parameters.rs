//! `params`, `--set` and the `${name}` that they fill.
use std::collections::BTreeMap;

use super::reader::{Pointer, Reader};
use crate::error::{Location, NameKind, Problem};
use crate::file::{Table, Text};
use crate::suggest;

/// Why a text cannot be filled.
#[derive(Debug)]
pub(super) struct FillError {
    pub(super) problem: Problem,
    /// The part that is wrong.
    pub(super) part: String,
    pub(super) help: String,
}

/// The parameters of the file, with the values that the user sets.
pub(super) fn resolve(
    reader: &mut Reader<'_>,
    params: &Table<Text>,
    sets: &[(String, String)],
) -> BTreeMap<String, String> {
    let pointer = Pointer::default().key("params");
    let mut parameters = BTreeMap::new();
    for (name, value) in &params.0 {
        let at = reader.place(name.referenced, &pointer);
        if !is_name(&name.value) {
            let problem = Problem::Invalid { what: "name of a parameter", text: name.value.clone() };
            reader.fail(at, problem, "it has letters, digits and underscores");
            continue;
        }
        parameters.insert(name.value.clone(), value.value.clone());
    }
    for (name, value) in sets {
        let known = parameters.keys().map(String::as_str).collect::<Vec<_>>();
        if known.contains(&name.as_str()) {
            parameters.insert(name.clone(), value.clone());
            continue;
        }
        let help = suggest::help(name, known, "parameters of the file");
        let at = Location { file: format!("--set {name}={value}"), ..Location::default() };
        reader.fail(at, Problem::UnknownName { kind: NameKind::Parameter, name: name.clone() }, help);
    }
    parameters
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The text with `${name}` replaced by values and `$$` by a dollar sign. A value is taken as it is.
pub(super) fn fill(text: &str, parameters: &BTreeMap<String, String>) -> Result<String, FillError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            filled.push('$');
            rest = behind;
            continue;
        }
        let (name, behind) =
            behind.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or_else(no_name)?;
        let Some(value) = parameters.get(name) else {
            let help = suggest::help(name, parameters.keys().map(String::as_str), "parameters of the file");
            let problem = Problem::UnknownName { kind: NameKind::Parameter, name: name.to_owned() };
            return Err(FillError { problem, part: format!("${{{name}}}"), help });
        };
        filled.push_str(value);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn no_name() -> FillError {
    let help = "write `${name}` for a parameter and `$$` for a dollar sign".to_owned();
    FillError { problem: Problem::Placeholder, part: "$".to_owned(), help }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> Result<String, Problem> {
        let parameters =
            BTreeMap::from([("v".to_owned(), "1.${v}$".to_owned()), ("n".to_owned(), "3".to_owned())]);
        fill(text, &parameters).map_err(|error| error.problem)
    }

    #[test]
    fn parameters_are_filled_once_and_two_dollars_are_one() {
        assert_eq!(filled("web:${n}-${n}"), Ok("web:3-3".to_owned()));
        assert_eq!(filled("${v}"), Ok("1.${v}$".to_owned()));
        assert_eq!(filled("$$HOME $${n}"), Ok("$HOME ${n}".to_owned()));
    }

    #[test]
    fn a_dollar_without_a_parameter_is_an_error() {
        assert_eq!(filled("$HOME"), Err(Problem::Placeholder));
        assert_eq!(filled("${n"), Err(Problem::Placeholder));
        assert_eq!(filled("5$"), Err(Problem::Placeholder));
        let unknown = Problem::UnknownName { kind: NameKind::Parameter, name: "m".to_owned() };
        assert_eq!(filled("${m}"), Err(unknown));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[${}nv ]{0,20}") {
            let _ = filled(&text);
        }
    }
}
