# SPDX-License-Identifier: GPL-2.0-only
"""Devices that only keep caches alive, so that the tests are quick.

The block layer makes a slab cache for the first bio set of a size and destroys it
with the last. On a debug kernel that takes some tenths of a second, each time that
the only device of its kind comes and goes. A table that is loaded and never resumed
holds the caches: one for the legs, one for the target. A test that looks for what
the target leaves behind has `SPARE_ALONE=1` and gets none of the target.
"""

import pathlib
import re
import subprocess

import leftovers

LEGS, TARGET = "anchor-of-legs", "anchor-of-target"
DISKS = ("anchormain", "anchorspare")
FOLDER = pathlib.Path("/sys/kernel/config/nullb")
MEBIBYTES = 4


def hold(test):
    """Makes the anchors that the test file `test` may have. Failures only cost time."""
    wanted = not re.search(r"^SPARE_ALONE=1$", test.read_text(), re.MULTILINE)
    load(LEGS, "0 8 zero")
    if not wanted:
        drop_target()
    elif not exists(TARGET):
        quiet("modprobe", "-q", "null_blk", "nr_devices=0")
        quiet("modprobe", "-q", "dm-spare")
        for disk in DISKS:
            make_disk(disk)
        load(TARGET, f"0 {MEBIBYTES * 2048} spare /dev/{DISKS[0]} /dev/{DISKS[1]}")


def drop():
    """Removes all anchors."""
    drop_target()
    quiet("dmsetup", "remove", "--retry", LEGS)


def drop_target():
    if exists(TARGET):
        quiet("dmsetup", "remove", "--retry", TARGET)
    for disk in DISKS:
        if (FOLDER / disk).is_dir():
            (FOLDER / disk).rmdir()


def make_disk(name):
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    for attribute, value in (("size", MEBIBYTES), ("blocksize", 512), ("memory_backed", 1), ("power", 1)):
        try:
            (folder / attribute).write_text(f"{value}\n")
        except OSError:
            # It is there already.
            return


def load(name, table):
    if not exists(name):
        quiet("dmsetup", "create", name, "--notable")
        quiet("dmsetup", "load", name, "--table", table)


def exists(name):
    return name in leftovers.mapped_devices()


def quiet(*words):
    return subprocess.run(words, capture_output=True, check=False).returncode
