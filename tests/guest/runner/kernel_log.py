# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's log, read record by record so that nothing is lost or seen twice."""

import os
import re

TROUBLE = re.compile(
    r"WARNING:|\bBUG\b|KASAN|KFENCE|Oops|ODEBUG|general protection|refcount_t:"
    r"|INFO: task .* blocked|INFO: rcu|suspicious RCU|circular locking|recursive locking"
    r"|inconsistent lock state|bad unlock balance|sleeping function called|rust_kernel: panicked"
    r"|kernel panic|Kernel panic|scheduling while atomic|list_(add|del) corruption"
    r"|Unable to handle kernel|soft lockup|UBSAN|still has locks held",
)


class KernelLog:
    """A position in the log. Records that are written later are read by `fresh`."""

    def __init__(self):
        self.descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.descriptor, 0, os.SEEK_END)

    def fresh(self):
        """The text of the records that were written since the last call."""
        lines = []
        while True:
            try:
                record = os.read(self.descriptor, 8192)
            except BlockingIOError:
                return lines
            except BrokenPipeError:
                # Records were overwritten before they were read; go on with the oldest.
                continue
            lines.append(record.decode(errors="replace").partition(";")[2].split("\n")[0])

    def close(self):
        os.close(self.descriptor)


def trouble(lines):
    """Those lines that no test may cause, with a few lines of what follows the first."""
    for index, line in enumerate(lines):
        if TROUBLE.search(line):
            return lines[index : index + 25]
    return []
