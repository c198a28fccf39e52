//! Why a command could not do its work.
use std::io;
use std::path::{Path, PathBuf};

use scenarios::ScenarioErrors;

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There are mistakes in scenario files.
    Scenarios(Vec<ScenarioErrors>),
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// The arguments ask for something that is not done.
    Refused {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The simulator broke one of its own promises and stopped.
    Bug {
        /// What reproduces it.
        run: String,
    },
    /// Nobody reads standard output any more.
    BrokenPipe,
}

impl Failure {
    pub(crate) fn file(path: &Path, action: &'static str, error: io::Error) -> Self {
        Failure::File { path: path.to_owned(), action, error }
    }

    pub(crate) fn refused(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Failure::Refused { problem: problem.into(), help: help.into() }
    }

    /// A write to standard output failed.
    pub(crate) fn stdout(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::BrokenPipe
        } else {
            Failure::file(Path::new("standard output"), "write", error)
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Scenarios(_) | Failure::File { .. } | Failure::Refused { .. } => 2,
            Failure::Bug { .. } => 1,
            Failure::BrokenPipe => 0,
        }
    }
}
