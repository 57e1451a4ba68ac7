// SPDX-License-Identifier: GPL-2.0-only

//! What a command says when it cannot do its work: one sentence and an exit code.

use std::fmt;
use std::io;
use std::path::Path;

/// Exit code of a command that could not do its work.
pub const FAILED: u8 = 1;
/// Exit code of a command line that makes no sense.
pub const USAGE: u8 = 2;

/// One sentence for stderr, and the exit code that goes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// A failure with the usual exit code, 1. The sentence names the offending value and the remedy.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: FAILED,
        }
    }

    /// The same sentence with another exit code.
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// A file or device that cannot be read or written.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

/// Output that cannot be written, to a full disk or a closed pipe.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(format!("cannot write the output: {error}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!("cannot write the output: {error}"))
    }
}
