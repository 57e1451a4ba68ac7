// SPDX-License-Identifier: GPL-2.0-only

//! What is activated at boot: a file `NAME.conf` for each set of remap mode or volume of dedup mode.
//!
//! ```text
//! UUID=6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111
//! MAIN=/dev/disk/by-id/ata-OLD_DISK
//! OPTIONS=read_retries 3 read_only
//! ```

use crate::failure::Failure;
use crate::table_line::{check_name, parse_uuid};
use dm_spare_engine::Uuid;
use std::path::{Path, PathBuf};

/// Where the files lie.
pub const FOLDER: &str = "/etc/dm-spare";

/// One set or volume to be activated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// Name of the mapped device: the file's name without `.conf`.
    pub name: String,
    /// The set or volume.
    pub uuid: Uuid,
    /// Its main device; may be left out for a volume, whose main carries the UUID too.
    pub main: Option<PathBuf>,
    /// Further option words of the table line.
    pub options: Vec<String>,
}

impl Configuration {
    /// Reads the text of `NAME.conf`. Lines that are empty or begin with `#` are skipped; a value may stand in
    /// double quotes.
    ///
    /// # Errors
    ///
    /// A line that is not `KEY=VALUE`, an unknown key, a key twice, no UUID, a value that cannot be.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        check_name(name)?;
        let (mut uuid, mut main, mut options) = (None, None, None);
        for (number, line) in (1u64..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| Failure::new(format!("line {number} of {name}.conf {what}"));
            let Some((key, value)) = line.split_once('=') else {
                return Err(wrong(format!("is `{line}`: write KEY=VALUE")));
            };
            let value = unquoted(value.trim());
            let place = match key.trim() {
                "UUID" => &mut uuid,
                "MAIN" => &mut main,
                "OPTIONS" => &mut options,
                key => {
                    return Err(wrong(format!(
                        "sets `{key}`, which is unknown: use UUID, MAIN and OPTIONS"
                    )))
                }
            };
            if place.replace(value).is_some() {
                return Err(wrong(format!("sets {} again: set it once", key.trim())));
            }
        }
        let uuid = uuid.ok_or_else(|| {
            Failure::new(format!(
                "{name}.conf has no UUID: add UUID=the set's UUID, as sparectl show prints it"
            ))
        })?;
        if main.is_some_and(str::is_empty) {
            return Err(no_main(name));
        }
        Ok(Self {
            name: name.to_owned(),
            uuid: parse_uuid(uuid)
                .map_err(|sentence| Failure::new(format!("in {name}.conf, {sentence}")))?,
            main: main.map(PathBuf::from),
            options: option_words(name, options.unwrap_or(""))?,
        })
    }
}

/// What is said of a file that has to name a main device.
pub fn no_main(name: &str) -> Failure {
    Failure::new(format!(
        "{name}.conf has no MAIN: add MAIN=the path of the main device"
    ))
}

/// The option words; `mode` and `uuid` are set by the program.
fn option_words(name: &str, text: &str) -> Result<Vec<String>, Failure> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match words.iter().find(|word| *word == "mode" || *word == "uuid") {
        Some(word) => Err(Failure::new(format!(
            "OPTIONS of {name}.conf holds `{word}`, which is set by itself: leave it out"
        ))),
        None => Ok(words),
    }
}

fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// Reads every `NAME.conf` of a folder, in the order of the names; each may have failed by itself.
///
/// # Errors
///
/// The folder cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<Result<Configuration, Failure>>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| Failure::io("read", folder, &error))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.iter().map(|path| read(path)).collect())
}

fn read(path: &Path) -> Result<Configuration, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy())
        .unwrap_or_default();
    Configuration::parse(&name, &text)
}
