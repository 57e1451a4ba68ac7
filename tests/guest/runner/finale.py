# SPDX-License-Identifier: GPL-2.0-only
"""After the last test: the modules unload cleanly, and nothing leaked."""

import pathlib
import subprocess
import time

import anchors
import kernel_log
import leftovers
from results import Result

KMEMLEAK = pathlib.Path("/sys/kernel/debug/kmemleak")
MODULES = ("dm_spare", "spare_passthrough", "spare_exercise", "spare_index_test")


def forget_old_leaks():
    """What the kernel's own boot leaked is not ours."""
    if can_scan():
        scan_twice()
        KMEMLEAK.write_text("clear")


def can_scan():
    """Whether the kernel looks for leaks; it may have been told not to when it was booted."""
    try:
        KMEMLEAK.write_text("scan=off")
        return True
    except OSError:
        return False


def scan_twice():
    """An object counts as leaked only if it is older than five seconds, and if no
    second scan finds a reference that moved during the first."""
    KMEMLEAK.write_text("scan")
    time.sleep(5.5)
    KMEMLEAK.write_text("scan")


def checks():
    """Yields the results of the closing checks."""
    yield timed("unload", "the modules unload and leave nothing", unload)
    if can_scan():
        yield timed("kmemleak", "no memory was leaked", leak)


def timed(name, description, check):
    begin = time.monotonic()
    why = check()
    seconds = time.monotonic() - begin
    return Result(f"spare/{name}", "FAIL" if why else "PASS", seconds, why, description)


def unload():
    """A sentence for what went wrong, or nothing."""
    anchors.drop()
    log = kernel_log.KernelLog()
    problems = []
    for module in MODULES:
        if not pathlib.Path(f"/sys/module/{module}").exists():
            continue
        done = subprocess.run(["rmmod", module], capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"rmmod {module} failed: {done.stderr.strip()}")
    problems += [f"the kernel thread {name} is still there" for name in sorted(leftovers.threads())]
    problems += kernel_log.trouble(log.fresh())
    log.close()
    return "\n".join(problems)


def leak():
    """The kernel's report of leaked objects, or nothing."""
    scan_twice()
    return "\n".join(KMEMLEAK.read_text().splitlines()[:60])
