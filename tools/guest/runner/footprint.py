# SPDX-License-Identifier: GPL-2.0-only
"""How much of the host's memory a guest takes."""

import collections
import pathlib

# More than the processes of a sound guest take beside the guest's own memory: for
# User-mode Linux itself and KASAN's shadow 260 MiB were measured.
OVERHEAD_MIB = 4096


def anonymous_mib(process):
    """The anonymous memory, in MiB, of a process and all its descendants. User-mode
    Linux leaves its process group, so that cannot tell. A process that ends
    meanwhile counts nothing."""
    children = collections.defaultdict(list)
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            children[_parent(folder)].append(int(folder.name))
    total, left = 0, [process]
    while left:
        one = left.pop()
        total += _anonymous_kib(pathlib.Path("/proc") / str(one))
        left += children[one]
    return total // 1024


def _parent(folder):
    try:
        # The name may hold anything; the fields begin behind its bracket.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _anonymous_kib(folder):
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
