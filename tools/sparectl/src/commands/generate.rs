// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl generate`: man pages and shell completions, made from the command line's definition.

use super::DONE;
use crate::cli::{Cli, Generate, Generated};
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

/// The section of the manual: system administration.
const SECTION: &str = "8";

/// Runs the command.
///
/// # Errors
///
/// The folder cannot be made or written.
pub fn run(arguments: &Generate) -> Result<u8, Failure> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
    match arguments.what {
        Generated::Man => man_pages(folder),
        Generated::Completions => completions(folder),
    }
    .map_err(|error| Failure::io("write into", folder, &error))?;
    Ok(DONE)
}

fn man_pages(folder: &Path) -> std::io::Result<()> {
    let mut command = Cli::command();
    command.build();
    man_page(&command, "sparectl", folder)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        // The list of commands that clap adds has a page in no manual.
        if sub.get_name() != "help" {
            man_page(sub, &format!("sparectl-{}", sub.get_name()), folder)?;
        }
    }
    Ok(())
}

fn man_page(command: &clap::Command, name: &str, folder: &Path) -> std::io::Result<()> {
    let mut text = b".\\\" SPDX-License-Identifier: GPL-2.0-only\n".to_vec();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .section(SECTION)
        .render(&mut text)?;
    std::fs::write(folder.join(format!("{name}.{SECTION}")), text)
}

fn completions(folder: &Path) -> std::io::Result<()> {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "sparectl", folder)?;
    }
    Ok(())
}
