// SPDX-License-Identifier: GPL-2.0-only

//! A file for each command. Each takes its arguments and a session, and returns the exit code.

pub mod activate;
pub mod blocks;
pub mod check;
pub mod create;
pub mod dedup;
pub mod estimate;
pub mod format;
pub mod generate;
pub mod import;
pub mod index_geometry;
pub mod modes;
pub mod show;
pub mod status;

use crate::cli::Command;
use crate::failure::Failure;
use crate::mapper::Mapper;
use std::io::Write;

/// What a command works with.
pub struct Session<'a> {
    /// Device-mapper.
    pub mapper: &'a dyn Mapper,
    /// What the user asked to see.
    pub out: &'a mut dyn Write,
}

/// Exit code of a command that has done its work.
pub const DONE: u8 = 0;

/// Runs a command; the exit code.
///
/// # Errors
///
/// One sentence that says why the work could not be done, with its own exit code.
pub fn run(command: Command, session: &mut Session<'_>) -> Result<u8, Failure> {
    match command {
        Command::Format(arguments) => modes::format(&arguments, session),
        Command::Create(arguments) => modes::create(&arguments, session),
        Command::Status(arguments) => status::run(&arguments, session),
        Command::Show(arguments) => modes::show(&arguments, session),
        Command::Check(arguments) => modes::check(&arguments, session),
        Command::Import(arguments) => import::run(&arguments, session),
        Command::Dump(arguments) => dedup::dump::run(&arguments, session),
        Command::Repair(arguments) => dedup::repair::run(&arguments, session),
        Command::Restore(arguments) => dedup::restore::run(&arguments, session),
        Command::Estimate(arguments) => estimate::run(&arguments, session),
        Command::IndexGeometry(arguments) => index_geometry::run(&arguments, session),
        Command::Remap(arguments) => blocks::run("remap", &arguments, session),
        Command::Unremap(arguments) => blocks::run("unremap", &arguments, session),
        Command::Test(arguments) => blocks::run("test", &arguments, session),
        Command::Sync(arguments) => blocks::sync(&arguments, session),
        Command::Activate(arguments) => activate::run(&arguments, session),
        Command::Deactivate(arguments) => activate::undo(&arguments, session),
        Command::Generate(arguments) => generate::run(&arguments),
    }
}
