// SPDX-License-Identifier: GPL-2.0-only

//! The table line of a spare target.

use crate::failure::Failure;
use dm_spare_engine::Uuid;
use std::path::Path;

/// The options that a table line can name; those that are not given keep the target's default.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct TableOptions {
    /// Further attempts at a failing block.
    pub read_retries: Option<u32>,
    /// Bad blocks of main in a minute past which main is declared failing.
    pub fail_after: Option<u32>,
    /// No writes at all.
    pub read_only: bool,
    /// Copies of the metadata.
    pub metadata_copies: Option<u32>,
    /// Milliseconds after which a metadata write counts as failed.
    pub commit_timeout: Option<u32>,
    /// The only set that may be loaded.
    pub uuid: Option<Uuid>,
}

impl TableOptions {
    /// The option words; `mode` comes first.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["mode".to_owned(), "remap".to_owned()];
        let numbers = [
            ("read_retries", self.read_retries),
            ("fail_after", self.fail_after),
            ("metadata_copies", self.metadata_copies),
            ("commit_timeout", self.commit_timeout),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                words.extend([name.to_owned(), value.to_string()]);
            }
        }
        if self.read_only {
            words.push("read_only".to_owned());
        }
        if let Some(uuid) = self.uuid {
            words.extend(["uuid".to_owned(), uuid.to_string()]);
        }
        words
    }
}

/// The table line that maps all of `main`, which has `sectors` sectors.
///
/// # Errors
///
/// A path that cannot stand in a table line.
pub fn table_line(
    main: &Path,
    spare: &Path,
    sectors: u64,
    words: &[String],
) -> Result<String, Failure> {
    let (main, spare) = (path_word(main)?, path_word(spare)?);
    Ok(format!(
        "0 {sectors} spare {main} {spare} {} {}",
        words.len(),
        words.join(" ")
    ))
}

/// A path as one word of a table line: symbolic links are followed, for the kernel would not find a path with a blank.
fn path_word(path: &Path) -> Result<String, Failure> {
    let real = path
        .canonicalize()
        .map_err(|error| Failure::io("find", path, &error))?;
    match real.to_str() {
        Some(text) if !text.contains(|letter: char| letter.is_whitespace() || letter == '\\') => {
            Ok(text.to_owned())
        }
        _ => Err(Failure::new(format!(
            "the path {} cannot stand in a table line: name the device by a path without blanks, backslashes and foreign bytes",
            real.display()
        ))),
    }
}

/// A name that device-mapper accepts.
///
/// # Errors
///
/// It is empty, longer than 127 bytes, or holds characters that would be changed in `/dev/mapper`.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "#+-.:=@_".contains(letter);
    if !name.is_empty() && name.len() <= 127 && name.chars().all(allowed) && !name.starts_with('.')
    {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the name `{name}` cannot be used: choose at most 127 letters, digits or characters of #+-.:=@_, without a dot in front"
    )))
}

/// Reads a UUID: 32 hexadecimal digits, with hyphens or without.
///
/// # Errors
///
/// It is no UUID, or all zeros, which names no set.
pub fn parse_uuid(text: &str) -> Result<Uuid, String> {
    match uuid::Uuid::try_parse(text) {
        Ok(uuid) if !uuid.is_nil() => Ok(Uuid(uuid.into_bytes())),
        _ => Err(format!(
            "`{text}` is no UUID of a set: give 32 hexadecimal digits that are not all zero, with hyphens or without"
        )),
    }
}
