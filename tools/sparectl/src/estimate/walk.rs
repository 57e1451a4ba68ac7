// SPDX-License-Identifier: GPL-2.0-only

//! All files of a folder, one after another; only the folders on the way to one are in memory.

use std::collections::HashSet;
use std::fs::{Metadata, ReadDir};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file or something like it that was met, or why a path could not be looked at.
pub type Met = Result<(PathBuf, Metadata), (PathBuf, io::Error)>;

/// Goes through files and folders. Symbolic links below the start are not followed; a file with several names is met once.
#[derive(Default)]
pub struct Walk {
    folders: Vec<(PathBuf, ReadDir)>,
    linked: HashSet<(u64, u64)>,
}

impl Walk {
    /// Begins with a path, which may be a symbolic link.
    pub fn begin(&mut self, path: &Path) -> Option<Met> {
        match std::fs::metadata(path) {
            Ok(metadata) => self.meet(path.to_owned(), metadata),
            Err(error) => Some(Err((path.to_owned(), error))),
        }
    }

    /// Enters a folder, or returns what else there is.
    fn meet(&mut self, path: PathBuf, metadata: Metadata) -> Option<Met> {
        if metadata.is_dir() {
            match std::fs::read_dir(&path) {
                Ok(entries) => self.folders.push((path, entries)),
                Err(error) => return Some(Err((path, error))),
            }
            return None;
        }
        let is_new = metadata.nlink() < 2 || self.linked.insert((metadata.dev(), metadata.ino()));
        is_new.then_some(Ok((path, metadata)))
    }
}

impl Iterator for Walk {
    type Item = Met;

    fn next(&mut self) -> Option<Met> {
        loop {
            let (folder, entries) = self.folders.last_mut()?;
            let entry = match entries.next() {
                None => {
                    self.folders.pop();
                    continue;
                }
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    let folder = folder.clone();
                    // What is behind an error may be the same error for ever.
                    self.folders.pop();
                    return Some(Err((folder, error)));
                }
            };
            let path = entry.path();
            let met = match entry.metadata() {
                Ok(metadata) => self.meet(path, metadata),
                Err(error) => Some(Err((path, error))),
            };
            if met.is_some() {
                return met;
            }
        }
    }
}
