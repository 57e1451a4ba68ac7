// SPDX-License-Identifier: GPL-2.0-only

//! Finding the legs of a set or a volume among block devices.

use crate::dedup::survey::read_superblock;
use crate::failure::Failure;
use crate::leg::Leg;
use crate::survey::holds_set;
use dm_spare_engine::dedup::format::Superblock;
use dm_spare_engine::dedup::Leg as Role;
use dm_spare_engine::{Uuid, SECTORS_PER_BLOCK};
use std::path::{Path, PathBuf};

/// Where the kernel lists block devices.
const BLOCK_DEVICES: &str = "/sys/class/block";

/// What a UUID is of.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// A set of remap mode.
    Set,
    /// A volume of dedup mode.
    Volume(Superblock),
}

/// The device that holds the spare of a set or a volume, among `paths` or, if there are none, all block devices that
/// nothing lies on. Devices that cannot be read are passed over.
///
/// # Errors
///
/// Several devices hold it.
pub(super) fn find_spare(
    uuid: Uuid,
    paths: &[PathBuf],
) -> Result<Option<(PathBuf, Found)>, Failure> {
    find(&candidates(paths)?, &|path| spare_of(path, uuid)).map_err(|(one, other)| {
        Failure::new(format!(
            "both {} and {} hold the spare of set {uuid}: detach the duplicate, or name the right one with --spare",
            one.display(),
            other.display()
        ))
    })
}

/// The device that is main of a volume, likewise.
///
/// # Errors
///
/// Several devices are.
pub(super) fn find_main(uuid: Uuid, paths: &[PathBuf]) -> Result<Option<PathBuf>, Failure> {
    let found = find(&candidates(paths)?, &|path| {
        volume_of(&mut Leg::open_shared(path).ok()?, Role::Main, uuid)
    });
    match found {
        Ok(found) => Ok(found.map(|(path, _)| path)),
        Err((one, other)) => Err(Failure::new(format!(
            "both {} and {} are main of volume {uuid}: detach the duplicate, or name the right one by MAIN= or --main",
            one.display(),
            other.display()
        ))),
    }
}

/// The volume that a device is main of, if its superblock can be used.
pub(super) fn volume_on_main(path: &Path) -> Option<Uuid> {
    let superblock = read_superblock(&mut Leg::open_shared(path).ok()?, Role::Main).ok()?;
    Some(Uuid(superblock.uuid))
}

/// The one path of which something can be said; two, if there are.
fn find<T>(
    paths: &[PathBuf],
    look: &dyn Fn(&Path) -> Option<T>,
) -> Result<Option<(PathBuf, T)>, (PathBuf, PathBuf)> {
    let mut found = paths
        .iter()
        .filter_map(|path| Some((path.clone(), look(path)?)));
    match (found.next(), found.next()) {
        (Some((one, _)), Some((other, _))) => Err((one, other)),
        (one, _) => Ok(one),
    }
}

/// What a device is the spare of, if it is of this set or volume.
fn spare_of(path: &Path, uuid: Uuid) -> Option<Found> {
    let mut leg = Leg::open_shared(path).ok()?;
    let sectors = leg.sectors();
    if let Some(volume) = volume_of(&mut leg, Role::Spare, uuid) {
        return Some(Found::Volume(volume));
    }
    (sectors != 0 && holds_set(&mut leg, sectors, Some(uuid))).then_some(Found::Set)
}

/// The volume that a device is a leg of, if it is this one. A partition at the beginning of a disk shares its first block
/// with the disk: the size tells them apart.
fn volume_of(leg: &mut Leg, role: Role, uuid: Uuid) -> Option<Superblock> {
    let superblock = read_superblock(leg, role).ok()?;
    let blocks = match role {
        Role::Main => superblock.geometry.main_blocks,
        Role::Spare => superblock.spare_blocks,
    };
    let is_it = superblock.uuid == uuid.0 && blocks == leg.sectors() / SECTORS_PER_BLOCK;
    is_it.then_some(superblock)
}

/// The paths that were named, or else those of all block devices.
fn candidates(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if named.is_empty() {
        block_devices(Path::new(BLOCK_DEVICES))
    } else {
        Ok(named.to_vec())
    }
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
