// SPDX-License-Identifier: GPL-2.0-only

//! Finding the spare of a set among block devices.

use crate::failure::Failure;
use crate::leg::Leg;
use crate::survey::read_candidates;
use dm_spare_engine::Uuid;
use std::path::{Path, PathBuf};

/// Where the kernel lists block devices.
const BLOCK_DEVICES: &str = "/sys/class/block";

/// The device that holds the spare of a set, among `paths` or, if there are none, all block devices that nothing lies
/// on. Devices that cannot be read are passed over.
///
/// # Errors
///
/// Several devices hold it.
pub(super) fn find_spare(uuid: Uuid, paths: &[PathBuf]) -> Result<Option<PathBuf>, Failure> {
    let all;
    let paths = if paths.is_empty() {
        all = block_devices(Path::new(BLOCK_DEVICES))?;
        &all
    } else {
        paths
    };
    let mut found = paths.iter().filter(|path| holds(path, uuid));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(Failure::new(format!(
            "both {} and {} hold the spare of set {uuid}: detach the duplicate, or name the right one with --spare",
            one.display(),
            other.display()
        ))),
        (one, _) => Ok(one.cloned()),
    }
}

/// Whether a device is the spare of a set, by any of its superblocks.
fn holds(path: &Path, uuid: Uuid) -> bool {
    let Ok(mut leg) = Leg::open_shared(path) else {
        return false;
    };
    let sectors = leg.sectors();
    // A partition at the beginning of a disk shares its first block with the disk: the size tells them apart.
    sectors != 0
        && read_candidates(&mut leg, sectors)
            .iter()
            .filter_map(|candidate| candidate.found.as_ref().ok())
            .any(|superblock| superblock.uuid == uuid.0 && superblock.spare_sectors == sectors)
}

/// Every block device that no other device lies on: the paths of a multipath device, or the members of an array, are
/// not what is looked for.
fn block_devices(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::io("read", folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries.flatten() {
        let has_holder = std::fs::read_dir(entry.path().join("holders"))
            .is_ok_and(|mut holders| holders.next().is_some());
        if !has_holder {
            // In names of devices the kernel writes `!` for `/`.
            let name = entry.file_name().to_string_lossy().replace('!', "/");
            paths.push(Path::new("/dev").join(name));
        }
    }
    paths.sort();
    Ok(paths)
}
