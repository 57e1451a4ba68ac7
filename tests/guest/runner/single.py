# SPDX-License-Identifier: GPL-2.0-only
"""One test: run it, compare its output, read the kernel's log, look for left-overs."""

import difflib
import os
import pathlib
import signal
import subprocess
import time

import anchors
import kernel_log
import leftovers
from results import Result

RUN_ONE = pathlib.Path(__file__).resolve().parent.parent / "run-one"


def limit_seconds():
    """How long one test may take before it counts as hung."""
    return 900 if os.environ["SPARE_SCALE"] == "full" else 600


def run(number, place, output):
    """Runs the test spare/NUMBER in the tree `place`; its files go to `output`."""
    name = f"spare/{number}"
    prefix = output / number
    for old in output.glob(f"{number}.*"):
        old.unlink()
    anchors.hold(place / "tests" / name)
    before = leftovers.snapshot()
    log = kernel_log.KernelLog()
    begin = time.monotonic()
    ended = execute(name, prefix, place)
    seconds = time.monotonic() - begin
    lines = log.fresh()
    log.close()
    pathlib.Path(f"{prefix}.dmesg").write_text("\n".join(lines) + "\n")
    description = read(f"{prefix}.description").strip()

    if not ended:
        return Result(name, "FAIL", seconds, hung(prefix, lines), description, stuck=True)
    skipped = read(f"{prefix}.skip")
    reasons = []
    if not skipped:
        reasons += difference(place / "tests" / f"{name}.out", f"{prefix}.out.bad")
        if reasons:
            reasons += tail("the test's log", read(f"{prefix}.full"), 12)
    reasons += section("in the kernel's log", kernel_log.trouble(lines))
    left = leftovers.since(before)
    if left:
        reasons += section("left behind", left)
        leftovers.sweep()
    if reasons:
        return Result(name, "FAIL", seconds, "\n".join(reasons), description)
    if skipped:
        return not_run(name, skipped.splitlines(), seconds, description)
    pathlib.Path(f"{prefix}.out.bad").unlink()
    return Result(name, "PASS", seconds, "", description)


def not_run(name, missing, seconds, description):
    """A kernel may lack an injector; anything else that is missing is a failure."""
    lacking = all(reason.startswith("kernel has no") for reason in missing)
    return Result(name, "SKIP" if lacking else "FAIL", seconds, "; ".join(missing), description)


def execute(name, prefix, place):
    """Whether the test ended by itself. One that hangs is killed with its children."""
    process = subprocess.Popen(
        [RUN_ONE, name, prefix], cwd=place, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(limit_seconds())
        return True
    except subprocess.TimeoutExpired:
        for key in ("w", "l"):
            try:
                pathlib.Path("/proc/sysrq-trigger").write_text(key)
            except OSError:
                pass
        os.killpg(process.pid, signal.SIGKILL)
        return False


def hung(prefix, lines):
    """The sentence and the evidence for a test that did not end."""
    return "\n".join(
        [f"did not end within {limit_seconds()} s"]
        + tail("its output so far", read(f"{prefix}.out.bad"), 12)
        + tail("its log", read(f"{prefix}.full"), 12)
        + tail("the kernel's log", "\n".join(lines), 30)
    )


def difference(expected, actual):
    """Lines of a unified diff between the .out file and what the test printed."""
    return list(
        difflib.unified_diff(
            read(expected).splitlines(),
            read(actual).splitlines(),
            "expected",
            "printed",
            lineterm="",
            n=2,
        )
    )[:60]


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def section(title, lines):
    return [f"{title}:"] + [f"  {line}" for line in lines] if lines else []


def tail(title, text, count):
    return section(title, text.splitlines()[-count:])
