// SPDX-License-Identifier: GPL-2.0-only

//! The files that activate sets at boot call the program as it is.

use sparectl::cli::Cli;

const FILES: [(&str, &str); 2] = [
    (
        "dm-spare@.service",
        include_str!("../../boot/dm-spare@.service"),
    ),
    (
        "initramfs-script",
        include_str!("../../boot/initramfs-script"),
    ),
];

#[test]
fn every_command_line_is_accepted() {
    let mut verbs = Vec::new();
    for (file, content) in FILES {
        let lines = content.lines().filter(|line| !line.starts_with('#'));
        for line in lines.filter_map(|line| line.split_once("sparectl ").map(|(_, rest)| rest)) {
            let line = line
                .trim_end_matches(" 2>&1) || true")
                .replace("${WAIT}", "60")
                .replace("%i", "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111");
            let words: Vec<&str> = line.split_whitespace().collect();
            verbs.push(words[0].to_owned());
            let parsed =
                <Cli as clap::Parser>::try_parse_from(std::iter::once("sparectl").chain(words));
            assert!(parsed.is_ok(), "{file}: {line}: {:?}", parsed.err());
        }
    }
    assert_eq!(verbs, ["activate", "deactivate", "activate"]);
}
