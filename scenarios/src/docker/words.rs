//! The words of a command line, quoted as for a shell.
//!
//! There is no shell: what one would do (variables, pipes, a second command) is refused, so that nothing that an
//! author pastes is taken for something else.
use super::CommandError;
use crate::error::CommandProblem;

/// The words of a line.
pub(super) fn split(line: &str) -> Result<Vec<String>, CommandError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            _ if c.is_whitespace() => words.extend(word.take()),
            '\'' => word.get_or_insert_default().push_str(&until_quote(&mut rest)?),
            '"' => word.get_or_insert_default().push_str(&until_double_quote(&mut rest)?),
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(shell('\\')),
            },
            ';' | '|' | '&' | '<' | '>' | '`' | '(' | ')' => return Err(shell(c)),
            '#' if word.is_none() => return Err(shell(c)),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match words.first().map(String::as_str) {
        None => Err(error(CommandProblem::Empty, "write the words after `docker`, such as `service ls`")),
        Some("docker") => {
            let problem = CommandProblem::Usage("the word `docker` is not part of the line".to_owned());
            Err(CommandError { part: "docker".to_owned(), ..error(problem, "leave it out") })
        }
        Some(_) => Ok(words),
    }
}

fn until_quote(rest: &mut std::str::Chars<'_>) -> Result<String, CommandError> {
    let (text, behind) = rest.as_str().split_once('\'').ok_or_else(unclosed)?;
    *rest = behind.chars();
    Ok(text.to_owned())
}

/// Inside double quotes a backslash escapes a quote, a dollar sign, a backtick, itself and a line break only.
fn until_double_quote(rest: &mut std::str::Chars<'_>) -> Result<String, CommandError> {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Ok(text),
            '`' => return Err(shell(c)),
            '\\' => match rest.next().ok_or_else(unclosed)? {
                '\n' => {}
                escaped @ ('"' | '\\' | '$' | '`') => text.push(escaped),
                other => text.extend(['\\', other]),
            },
            _ => text.push(c),
        }
    }
    Err(unclosed())
}

fn unclosed() -> CommandError {
    error(CommandProblem::UnclosedQuote, "every ' and every \" needs a second one")
}

fn shell(sign: char) -> CommandError {
    let help = match sign {
        ';' | '&' => "give several commands as a list: `docker: [\"service ls\", \"node ls\"]`",
        '#' => "write remarks as YAML comments, or as an entry of their own: `note: ...`",
        _ => "put the word into quotes if the sign belongs to it",
    };
    CommandError { part: sign.to_string(), ..error(CommandProblem::Shell(sign), help) }
}

fn error(problem: CommandProblem, help: &str) -> CommandError {
    CommandError { problem, part: String::new(), help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).expect("a good line")
    }

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words(r#"a  'b c' "d e"f \g"#), ["a", "b c", "d ef", "g"]);
        assert_eq!(words(r#"--constraint 'node.role != manager'"#), ["--constraint", "node.role != manager"]);
        assert_eq!(words(r#"a "" ''"#), ["a", "", ""]);
        assert_eq!(words(r#""a\"b\\c\d" '\'"#), [r#"a"b\c\d"#, r"\"]);
        assert_eq!(words("a#b"), ["a#b"]);
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused() {
        for line in ["service ls ; node ls", "service ls | wc", "a > b", "a $(b)", "a # b", "a &", r"a \"] {
            assert!(
                matches!(split(line), Err(CommandError { problem: CommandProblem::Shell(_), .. })),
                "{line}"
            );
        }
        assert_eq!(split("a 'b").map_err(|error| error.problem), Err(CommandProblem::UnclosedQuote));
        assert_eq!(split("a \"b\\").map_err(|error| error.problem), Err(CommandProblem::UnclosedQuote));
        assert_eq!(split("  ").map_err(|error| error.problem), Err(CommandProblem::Empty));
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[a-z$# ;|\"\\\\]{0,8}", 1..5)) {
            prop_assume!(words[0] != "docker");
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line).expect("quoted"), words);
        }

        #[test]
        fn no_line_makes_it_panic(line in ".{0,80}") {
            let _ = split(&line);
        }
    }
}
