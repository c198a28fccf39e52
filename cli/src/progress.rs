//! How far a long work is, on standard error, if that is a terminal.
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim_core::kernel::SimTime;

/// A bar that appears when the work takes longer than a moment.
pub(crate) fn bar(length: u64, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(template).expect("the template is right");
    bar.set_style(style.progress_chars("=> "));
    bar
}

/// Virtual time passed, for the bar of a single run.
pub(crate) struct RunBar {
    bar: ProgressBar,
    started: std::time::Instant,
}

/// A run that takes less than this has no bar.
const PATIENCE: Duration = Duration::from_millis(300);

impl RunBar {
    pub(crate) fn new(until: SimTime) -> Self {
        let bar = bar(until.as_nanos() / 1_000_000_000, "{bar:40} {pos} of {len} virtual seconds");
        RunBar { bar, started: std::time::Instant::now() }
    }

    pub(crate) fn reached(&self, time: SimTime) {
        if self.started.elapsed() > PATIENCE {
            self.bar.set_position(time.as_nanos() / 1_000_000_000);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
