# SPDX-License-Identifier: GPL-2.0-only
"""A guest's console: read, logged, and searched for what the kernel complains about."""

import re

# Only the kernel's own lines count, which begin with a time stamp: programs
# print words such as WARNING for reasons of their own.
_STAMP = re.compile(r"^(?:<\d>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ")
_TROUBLE = re.compile(
    r"Kernel panic|Oops|BUG:|KASAN|KFENCE|ODEBUG|UBSAN"
    r"|WARNING: (?:CPU|.*:\d+ at|possible|suspicious|inconsistent|.*\block\b)"
    r"|INFO: task .* blocked for more than|INFO: rcu|rcu: INFO|soft lockup|hard LOCKUP"
    r"|unreferenced object|new suspected memory leaks"
    r"|rust_kernel: panicked|general protection fault|scheduling while atomic"
    r"|sleeping function called|INFO: trying to register non-static key"
    r"|list_(?:add|del) corruption|refcount_t:|Unknown rela relocation"
)
# A kernel built for debugging says so at boot, and says how to read its reports.
_HARMLESS = re.compile(r"kmemleak: .*(?:initialized|disabled|Automatic)|KernelAddressSanitizer initialized")
# inside/start prints this when the job's command begins.
STARTED = "guest: the command begins"
# QEMU's translated code may still hold a breakpoint that the kernel, patching its
# own text on another processor, has taken away.
_EMULATOR = re.compile(r"Oops: int3")
_LEAK = re.compile(r"^unreferenced object 0x")


def trouble_in(line):
    """Whether a console line reports a fault of the kernel or of a module."""
    if _LEAK.match(line):
        return True
    stamp = _STAMP.match(line)
    if not stamp:
        return False
    text = line[stamp.end():]
    return bool(_TROUBLE.search(text)) and not _HARMLESS.search(text)


class Console:
    """Takes the console's bytes as they come; keeps a log, the last lines and the faults."""

    TAIL_LINES = 60
    MOST_FAULTS = 40

    def __init__(self, log, echo, watched=None):
        """`log`: binary file to write to; `echo`: binary file or None;
        `watched`: a string whose appearance is noted in `seen`, or None."""
        self._log = log
        self._echo = echo
        self._watched = watched
        self._rest = b""
        self.seen = False
        self.panicked = False
        self.started = False
        self.broken_by_emulator = False
        self.tail = []
        self.faults = []

    def feed(self, data):
        data = data.replace(b"\r", b"")
        self._log.write(data)
        self._log.flush()
        if self._echo:
            self._echo.write(data)
            self._echo.flush()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace"))

    def close(self):
        if self._rest:
            self._line(self._rest.decode(errors="replace"))
            self._rest = b""

    def _line(self, line):
        self.tail = self.tail[1 - self.TAIL_LINES:] + [line]
        if self._watched and self._watched in line:
            self.seen = True
        if line == STARTED:
            self.started = True
        if trouble_in(line):
            self.broken_by_emulator |= bool(_EMULATOR.search(line))
            if len(self.faults) < self.MOST_FAULTS:
                self.faults.append(line)
            if "Kernel panic" in line:
                self.panicked = True
