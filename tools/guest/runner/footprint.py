# SPDX-License-Identifier: GPL-2.0-only
"""How much of the host's memory a guest takes."""

import pathlib

# More than the processes of a sound guest take beside the guest's own memory: for
# User-mode Linux itself and KASAN's shadow 260 MiB were measured.
OVERHEAD_MIB = 4096


def anonymous_mib(group):
    """The anonymous memory, in MiB, of all processes of process group GROUP. A
    process that ends meanwhile counts nothing."""
    total = 0
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name may hold anything; the fields begin behind its bracket.
            if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) != group:
                continue
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return total // 1024
