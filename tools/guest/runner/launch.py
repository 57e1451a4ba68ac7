# SPDX-License-Identifier: GPL-2.0-only
"""Boots a guest, watches it, and says how it ended."""

import os
import selectors
import signal
import subprocess
import sys
import time

from runner import footprint
from runner.console import Console

TIMED_OUT = 124
KERNEL_FAULT = 125
NO_END = 126
# After a panic the guest ought to end by itself; this many seconds are given.
PANIC_GRACE = 3
# Seconds between two looks at the guest's memory.
MEMORY_LOOK = 2


def _kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def watch(command, console, seconds, until_seen, memory):
    """Runs COMMAND until it ends, time is over, it takes far more of the host's
    memory than the MEMORY MiB that the guest has, or (with `until_seen`) the watched
    string appears. Returns 'ended', 'timeout', 'memory' or 'cut'. The console's pipe
    is read to its end, so nothing of the guest is alive on return."""
    # A pipe that stays empty, not /dev/null: User-mode Linux polls its console's
    # input, which /dev/null does not support.
    # Should this process be killed, the guest goes too.
    command = ["setpriv", "--pdeathsig", "KILL", *command]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    verdict = "ended"
    deadline = time.monotonic() + seconds
    panic_deadline = None
    next_look = time.monotonic()
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if verdict == "ended" and now > deadline:
                    verdict = "timeout"
                    _kill(process)
                if verdict == "ended" and now > next_look:
                    next_look = now + MEMORY_LOOK
                    # Else the host would end whatever it likes, other guests too.
                    if footprint.anonymous_mib(process.pid) > memory + footprint.OVERHEAD_MIB:
                        verdict = "memory"
                        _kill(process)
                if console.panicked and panic_deadline is None:
                    panic_deadline = now + PANIC_GRACE
                if panic_deadline and now > panic_deadline:
                    _kill(process)
                if selector.select(timeout=0.5):
                    data = os.read(process.stdout.fileno(), 65536)
                    if not data:
                        break
                    console.feed(data)
                    if until_seen and console.seen and verdict == "ended":
                        verdict = "cut"
                        _kill(process)
    except BaseException:
        _kill(process)
        raise
    finally:
        process.stdin.close()
        process.wait()
        console.close()
    return verdict


def run(command, job, collect, arguments):
    """Runs the guest to its end and returns the runner's exit status. A guest that
    the emulator broke while it booted is started once more."""
    (job.results / ".status").unlink(missing_ok=True)
    verdict, console = _once(command, job, arguments)
    if console.broken_by_emulator and not console.started:
        print(f"guest {job.kind}: the emulator broke the booting kernel, booting again", file=sys.stderr)
        verdict, console = _once(command, job, arguments)
    if verdict != "cut":
        collect(job)
    return _verdict(verdict, job, console, arguments)


def _once(command, job, arguments):
    echo = sys.stdout.buffer if arguments.console else None
    with job.log.open("wb") as log:
        console = Console(log, echo, arguments.power_cut_on)
        verdict = watch(command, console, arguments.timeout, bool(arguments.power_cut_on), job.memory)
    return verdict, console


def _verdict(verdict, job, console, arguments):
    status = job.status()
    if verdict == "timeout":
        _report(job, console, f"did not end within {arguments.timeout:g} s and was killed", arguments)
        return TIMED_OUT
    if verdict == "memory":
        limit = job.memory + footprint.OVERHEAD_MIB
        _report(job, console, f"took more than {limit} MiB of the host's memory and was killed", arguments)
        return KERNEL_FAULT
    if console.faults:
        print(f"guest {job.kind}: its kernel complained:", file=sys.stderr)
        print("\n".join(f"    {line}" for line in console.faults), file=sys.stderr)
        _report(job, console, "failed for these lines", arguments)
        return KERNEL_FAULT
    if verdict == "cut":
        return 0
    if arguments.power_cut_on:
        _report(job, console, f"ended before it printed '{arguments.power_cut_on}'", arguments)
        return NO_END
    if status is None:
        _report(job, console, "ended without finishing its command", arguments)
        return NO_END
    return status


def _report(job, console, what, arguments):
    print(f"guest {job.kind} {what}", file=sys.stderr)
    if not arguments.console:
        print("the end of its console:", file=sys.stderr)
        print("\n".join(f"    {line}" for line in console.tail), file=sys.stderr)
    sys.stderr.flush()


def interactive(command):
    """Runs the guest on the terminal itself."""
    return subprocess.run(command, check=False).returncode
