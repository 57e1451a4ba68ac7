// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl`: manages device-mapper spare sets.

use clap::error::ErrorKind;
use clap::Parser;
use sparectl::cli::Cli;
use sparectl::commands::{self, check, Session};
use sparectl::failure::USAGE;
use sparectl::mapper::Dmsetup;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_usage(&error),
    };
    let mut out = std::io::stdout().lock();
    let result = commands::run(
        cli.command,
        &mut Session {
            mapper: &Dmsetup,
            out: &mut out,
        },
    );
    let flushed = out.flush();
    match (result, flushed) {
        (Ok(code), Ok(())) => ExitCode::from(code),
        (Err(failure), _) => {
            eprintln!("sparectl: {failure}");
            ExitCode::from(failure.code())
        }
        (Ok(_), Err(error)) => {
            eprintln!("sparectl: cannot write the output: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints help and version, or why the command line makes no sense. `check` and `repair` have exit codes of their own.
fn refuse_usage(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // Nothing can be said when neither stdout nor stderr can be written.
    let _ = error.print();
    if is_help {
        ExitCode::SUCCESS
    } else if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == "check" || word == "repair")
    {
        ExitCode::from(check::USAGE)
    } else {
        ExitCode::from(USAGE)
    }
}
