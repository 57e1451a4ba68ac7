// SPDX-License-Identifier: GPL-2.0-only

//! Every command explains itself; man pages and completions are complete.

use crate::images::{sparectl, stderr, stdout, text};
use clap::CommandFactory;
use sparectl::cli::Cli;

fn commands() -> Vec<String> {
    Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect()
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_has_an_example() {
    let names = commands();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let output = sparectl(&[&name, "--help"]);
        assert!(output.status.success());
        let help = stdout(&output);
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains(&format!("  sparectl {name} ")), "{help}");
    }
    assert!(stdout(&sparectl(&["--help"])).contains("Example"));
}

#[test]
fn every_example_is_accepted() {
    let mut count = 0;
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().expect("examples").to_string();
        for line in help
            .lines()
            .filter_map(|line| line.strip_prefix("  sparectl "))
        {
            let words = line.split(" | ").next().unwrap_or(line).split_whitespace();
            let parsed =
                <Cli as clap::Parser>::try_parse_from(std::iter::once("sparectl").chain(words));
            assert!(
                parsed.is_ok(),
                "{line}: {}",
                parsed
                    .err()
                    .map(|error| error.to_string())
                    .unwrap_or_default()
            );
            count += 1;
        }
    }
    assert!(count >= 12, "{count} examples");
}

#[test]
fn wrong_usage_is_an_error() {
    for words in [
        vec!["what"],
        vec![],
        vec!["remap", "mended", "x"],
        vec!["import", "mended"],
    ] {
        let output = sparectl(&words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!stderr(&output).is_empty());
    }
    let both = sparectl(&["import", "mended", "--badblocks", "a", "--ddrescue", "b"]);
    assert_eq!(both.status.code(), Some(2));
    let size = sparectl(&[
        "import",
        "mended",
        "--ddrescue",
        "b",
        "--block-size",
        "4096",
    ]);
    assert_eq!(size.status.code(), Some(2));
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let man = folder.path().join("man");
    assert!(sparectl(&["generate", "man", text(&man)]).status.success());
    for name in commands().iter().filter(|name| *name != "generate") {
        let page = std::fs::read_to_string(man.join(format!("sparectl-{name}.8"))).expect(name);
        assert!(page.contains(".TH") && page.contains("Example"), "{page}");
        assert!(
            page.contains(&format!("sparectl {name}").replace('-', "\\-")),
            "{page}"
        );
    }
    assert!(man.join("sparectl.8").exists());
    assert!(!man.join("sparectl-generate.8").exists());
}

#[test]
fn completions_know_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(sparectl(&["generate", "completions", text(folder.path())])
        .status
        .success());
    for file in ["sparectl.bash", "_sparectl", "sparectl.fish"] {
        let content = std::fs::read_to_string(folder.path().join(file)).expect(file);
        for name in commands() {
            assert!(
                content.contains(&name) || name == "generate",
                "{file} lacks {name}"
            );
        }
    }
}
