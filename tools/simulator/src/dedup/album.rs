// SPDX-License-Identifier: GPL-2.0-only

//! Image files of both legs, for programs that look at volumes from outside.

use crate::disk::Disk;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A folder of images, `PREFIX-NUMBER-STATE.main` and `.spare`.
#[derive(Clone, Debug)]
pub struct Album {
    folder: PathBuf,
    prefix: String,
    kept: u32,
}

impl Album {
    /// An album in a folder that exists.
    pub fn new(folder: &Path, prefix: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            prefix: prefix.to_owned(),
            kept: 0,
        }
    }

    /// Writes what can be read from both disks now.
    ///
    /// # Errors
    ///
    /// What could not be written, and why.
    pub fn keep(&mut self, disks: &[Disk; 2], state: &str) -> Result<(), String> {
        self.kept += 1;
        for (disk, leg) in disks.iter().zip(["main", "spare"]) {
            let name = format!("{}-{:03}-{state}.{leg}", self.prefix, self.kept);
            let path = self.folder.join(name);
            write(disk, &path)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn write(disk: &Disk, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let mut sector = [0; 512];
    for number in 0..disk.sectors() {
        // Sectors that cannot be read hold zeros here.
        if disk.read(number, &mut sector).is_err() {
            sector.fill(0);
        }
        file.write_all(&sector)?;
    }
    file.flush()
}
