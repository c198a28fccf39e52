//! Standard output and standard error, with colours on a terminal.
//!
//! `anstream` takes colours out where nobody can see them: in pipes and files, and where `NO_COLOR` is set.
use std::io::Write;

use anstyle::{AnsiColor, Style};
use reports::{Text, Tone};
use scenarios::ScenarioErrors;

use crate::failure::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default();
const STRONG: Style = Style::new().bold();

/// Prints a text with colours for its tones.
pub(crate) fn print(text: &Text) -> Result<(), Failure> {
    let mut stdout = std::io::BufWriter::new(anstream::stdout().lock());
    for (tone, part) in text.spans() {
        let style = style(tone);
        let written = if style == Style::new() {
            write!(stdout, "{part}")
        } else {
            write!(stdout, "{style}{part}{style:#}")
        };
        written.map_err(Failure::stdout)?;
    }
    stdout.flush().map_err(Failure::stdout)
}

/// Prints a text as it is.
pub(crate) fn print_plain(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::stdout)
}

/// Prints what is no result. A closed standard error is nobody's loss.
pub(crate) fn print_remark(remark: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{remark}");
}

/// Prints why nothing could be done. A closed standard error is nobody's loss.
pub(crate) fn print_failure(failure: &Failure) {
    let mut stderr = anstream::stderr().lock();
    let (problem, help) = match failure {
        Failure::Scenarios(files) => {
            let _ = files.iter().try_for_each(|errors| write_errors(&mut stderr, errors));
            return;
        }
        Failure::File { path, action, error } => (format!("cannot {action} {}: {error}", path.display()), ""),
        Failure::Refused { problem, help } => (problem.clone(), help.as_str()),
        Failure::Bug { run } => ("the simulator has a bug".to_owned(), run.as_str()),
        Failure::BrokenPipe => return,
    };
    let _ = writeln!(stderr, "{ERROR}error{ERROR:#}: {problem}");
    if !help.is_empty() {
        let _ = writeln!(stderr, "{HELP}help{HELP:#}: {help}");
    }
}

/// Mistakes in a scenario as a compiler prints them. They come as plain text; only their parts are coloured.
fn write_errors(stderr: &mut impl Write, errors: &ScenarioErrors) -> std::io::Result<()> {
    for line in errors.to_string().lines() {
        let (margin, content) = line.split_once('|').unwrap_or(("", ""));
        let is_mark =
            margin.trim().is_empty() && !content.is_empty() && content.trim_matches([' ', '^']).is_empty();
        match line.strip_prefix("help: ") {
            Some(help) => writeln!(stderr, "{HELP}help{HELP:#}: {help}")?,
            None if is_mark => writeln!(stderr, "{margin}|{ERROR}{content}{ERROR:#}")?,
            None if line.starts_with(' ') || line.is_empty() => writeln!(stderr, "{line}")?,
            None => writeln!(stderr, "{ERROR}error{ERROR:#}: {STRONG}{line}{STRONG:#}")?,
        }
    }
    Ok(())
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Heading => STRONG,
        Tone::Faint => Style::new().dimmed(),
        Tone::Command => AnsiColor::Cyan.on_default(),
        Tone::Fault => AnsiColor::Yellow.on_default().bold(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
    }
}
