# SPDX-License-Identifier: GPL-2.0-only
"""What a test may not leave behind: mapped devices, disks, threads of the target."""

import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "blktests" / "spare"))

import dmcontrol  # noqa: E402


def mapped_devices():
    """Names of all device-mapper devices."""
    try:
        return dmcontrol.Control().names()
    except FileNotFoundError:
        # Device-mapper is not loaded yet.
        return set()


def threads():
    """Names of kernel threads that belong to the target (workqueue rescuers included).

    A worker of the common pools carries the name of the workqueue that it served
    last, even when that is gone; a rescuer (kworker/R-) belongs to one workqueue.
    """
    names = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            name = comm.read_text().strip()
            if name.startswith("kworker/"):
                if name.startswith(("kworker/R-dm-sp", "kworker/R-spare")):
                    names.append(name)
            elif "spare" in name and not (comm.parent / "cmdline").read_bytes():
                names.append(name)
        except OSError:
            continue
    # Names repeat; each one counts.
    return {f"{name} ({names[:place].count(name) + 1})" for place, name in enumerate(names)}


def disks():
    """Names of null_blk disks."""
    folder = pathlib.Path("/sys/kernel/config/nullb")
    return {entry.name for entry in folder.iterdir() if entry.is_dir()} if folder.is_dir() else set()


def snapshot():
    """Everything that counts, as a set of sentences' ends."""
    return (
        {f"the mapped device {name}" for name in mapped_devices()}
        | {f"the null_blk disk {name}" for name in disks()}
        | {f"the kernel thread {name}" for name in threads()}
    )


def since(before):
    """What is there now and was not before; threads get a moment to end."""
    for _ in range(20):
        left = snapshot() - before
        if not left:
            break
        time.sleep(0.1)
    return sorted(left)


def sweep():
    """Removes what a failed test left, so that the next one starts clean."""
    for name in mapped_devices():
        if name.startswith("spare-test"):
            subprocess.run(["dmsetup", "resume", name], capture_output=True, check=False, timeout=30)
    for name in sorted(mapped_devices(), key=lambda name: name.endswith(("-main", "-spare"))):
        if name.startswith("spare-test"):
            subprocess.run(
                ["dmsetup", "remove", "--force", name], capture_output=True, check=False, timeout=30
            )
    for name in disks():
        if name.startswith("nbsp"):
            subprocess.run(
                ["rmdir", f"/sys/kernel/config/nullb/{name}"], capture_output=True, check=False
            )
