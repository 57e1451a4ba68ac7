# SPDX-License-Identifier: GPL-2.0-only
"""What both halves of make bench that run in a guest do: commands, devices, counters, runs of fio."""

import json
import os
import pathlib
import subprocess
import sys

# System calls are dear in a guest: requests are submitted and reaped in batches.
BATCHES = ["--iodepth_batch_submit=32", "--iodepth_batch_complete_min=32"]


def set_environment():
    """Nodes of devices are made without udev; the project's modules are found."""
    os.environ.setdefault("DM_DISABLE_UDEV", "1")
    os.environ["PATH"] = f"/project/tests/guest/bin:/usr/sbin:/sbin:{os.environ['PATH']}"


def command(*words, text=None):
    """Runs a command, and returns what it prints."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def create(name, table):
    """Makes a mapped device, proved to be a block device."""
    command("dmsetup", "create", name, "--table", table)
    if not pathlib.Path(f"/dev/mapper/{name}").is_block_device():
        sys.exit(f"bench: /dev/mapper/{name} is not a block device")


def statistic(device, name):
    """A counter of a `spare`."""
    for line in command("dmsetup", "message", device, "0", "stats").splitlines():
        if line.split()[0] == name:
            return int(line.split()[1])
    sys.exit(f"bench: the stats message has no {name}")


def run_fio(device, mib, options):
    """One run of fio on the first MIB of a device; its report of the job.

    Two processes, not threads: threads of one process contend for a mutex of User-mode Linux, which costs more than
    a target does, and more or less of it by chance. Each has its own half of the disk: where both go through the same
    blocks one after the other, the one behind finds in the processor's cache what the one before has brought there,
    and how close it follows decides about more than a target does.
    """
    report = command(
        "fio", "--name=bench", f"--filename=/dev/mapper/{device}", "--direct=1", "--ioengine=io_uring",
        "--numjobs=2", f"--size={mib // 2}m", f"--offset_increment={mib // 2}m", "--group_reporting",
        "--norandommap", "--randrepeat=0", "--output-format=json", *options,
    )
    result = json.loads(report[report.index("{"):])["jobs"][0]
    if result["error"]:
        sys.exit(f"bench: fio on {device} ended with error {result['error']}")
    return result
