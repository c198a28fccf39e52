//! What a waiting client has on its terminal: lines that begin with a label and are written over again and again.

use crate::model::TaskState;

/// Characters of the longest state that is shown.
const STATE_WIDTH: usize = 9;
/// Characters between the brackets of a full bar, without its head.
const BAR_WIDTH: u64 = 50;
/// Characters of an error that fit into a line.
const ERROR_WIDTH: usize = 75;

/// Lines in the order in which they first appeared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Screen {
    lines: Vec<(String, String)>,
}

impl Screen {
    /// Writes the line of a label, over what it said before.
    pub(super) fn write(&mut self, label: &str, text: impl Into<String>) {
        let text = text.into();
        match self.lines.iter_mut().find(|(known, _)| known == label) {
            Some((_, line)) => *line = text,
            None => self.lines.push((label.to_owned(), text)),
        }
    }

    /// Writes a line with a bar that is filled as far as a task has come.
    pub(super) fn write_bar(&mut self, label: &str, text: &str, current: u64, total: u64) {
        let filled = (current * 100).checked_div(total).unwrap_or(0) * BAR_WIDTH / 100;
        let bar = format!("{:=<1$}>", "", filled as usize);
        self.write(label, format!("{text} [{bar:<width$}]", width = BAR_WIDTH as usize + 1));
    }

    /// Writes how far one task is: its error, or its state with a bar. `last` is the number of the state at which
    /// the bar is full.
    pub(super) fn write_task(&mut self, label: &str, state: TaskState, error: &str, last: u64) {
        if !error.is_empty() {
            return self.write(label, shortened(error));
        }
        let number = number(state).unwrap_or(0);
        self.write_bar(label, &format!("{:<STATE_WIDTH$}", state.name().to_lowercase()), number, last);
    }

    /// The lines as they stand.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|(label, text)| {
            let line = if label.is_empty() { text.clone() } else { format!("{label}: {text}") };
            line.trim_end().to_owned()
        })
    }
}

/// The client's own number of a state; none for states that it does not know. Two is a state that SwarmKit has
/// given up.
pub(super) fn number(state: TaskState) -> Option<u64> {
    Some(match state {
        TaskState::New => 1,
        TaskState::Pending => 3,
        TaskState::Assigned => 4,
        TaskState::Accepted => 5,
        TaskState::Preparing => 6,
        TaskState::Ready => 7,
        TaskState::Starting => 8,
        TaskState::Running => 9,
        TaskState::Complete => 10,
        TaskState::Shutdown => 11,
        TaskState::Failed => 12,
        TaskState::Rejected => 13,
        TaskState::Remove | TaskState::Orphaned => return None,
    })
}

fn shortened(error: &str) -> String {
    let line = error.replace('\n', " ");
    if line.chars().count() <= ERROR_WIDTH {
        return line;
    }
    line.chars().take(ERROR_WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_over_and_keeps_its_place() {
        let mut screen = Screen::default();
        screen.write("overall progress", "0 out of 2 tasks");
        screen.write_task("1/2", TaskState::New, "", 9);
        screen.write_task("2/2", TaskState::Rejected, &"no such image\n".repeat(9), 9);
        screen.write("", "job complete");
        screen.write_task("1/2", TaskState::Starting, "", 9);
        screen.write("overall progress", "1 out of 2 tasks");
        let lines: Vec<String> = screen.lines().collect();
        let expected = [
            "overall progress: 1 out of 2 tasks",
            "1/2: starting  [============================================>      ]",
            "2/2: no such image no such image no such image no such image no such image no s…",
            "job complete",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn bars_begin_empty_and_end_full() {
        let mut screen = Screen::default();
        screen.write_bar("job progress", "0 out of 3 complete", 0, 3);
        screen.write_task("1/3", TaskState::Running, "", 9);
        let lines: Vec<String> = screen.lines().collect();
        assert_eq!(lines[0], format!("job progress: 0 out of 3 complete [>{}]", " ".repeat(50)));
        assert_eq!(lines[1], format!("1/3: running   [{}>]", "=".repeat(50)));
    }
}
