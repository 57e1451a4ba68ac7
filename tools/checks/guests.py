# SPDX-License-Identifier: GPL-2.0-only
"""The stages that run tests in a guest."""

import json
import shutil
import threading

from checks.stages import GUEST, PROJECT, make, run, single

# The kernel folder that each kind of guest boots.
_KERNELS = {"qemu-stock": "stock-7.3"}


def prepare(tally, kind):
    """Kernel and modules of a guest kind; False and a failure when they cannot be made."""
    kernel = _KERNELS.get(kind, kind)
    return make(tally, f"kernel {kind}", GUEST / "kernel", kernel) and make(
        tally, f"modules {kind}", GUEST / "module", kernel
    )


# Two stages may want the same kernel or module at the same time.
_PREPARING = threading.Lock()


def stage(name, kind, scale, seconds, chosen=(), guest=()):
    """The stage `name`: guest tests at `scale` in a guest of `kind`, for at most `seconds`; all of them, or those
    that the options `chosen` of run-tests choose, with the options `guest` of tools/guest/run."""

    def run_tests(tally, output):
        with _PREPARING:
            if not prepare(tally, kind):
                return
        results = output / name
        shutil.rmtree(results, ignore_errors=True)
        status, text = run(
            output / f"{name}.log",
            # The tests look for leaks themselves, as one of their results.
            GUEST / "run", kind, "--timeout", str(seconds), "--skip-leak-scan", "--result-dir", results, *guest,
            "--", "/project/tests/guest/run-tests", "--scale", scale, *chosen,
        )
        failed = 0
        counted = 0
        try:
            tests = json.loads((results / "results.json").read_text())
        except (OSError, ValueError):
            tests = []
        for test in tests:
            counted += 1
            failed += test["result"] not in ("PASS", "SKIP")
            tally.add(f"{kind} {test['name']}", test["result"], test.get("why") or "")
        print(f"   {counted} tests", flush=True)
        if status != 0 and failed == 0 or not tests:
            tally.add(f"{kind} guest, exit status {status}", "FAIL", text)

    return run_tests


def power_cut(tally, output):
    """Power cuts at random moments and what must have survived them."""
    if prepare(tally, "uml-debug"):
        program = PROJECT / "tests" / "guest" / "power-cut"
        single(tally, output, "power-cut", program, "uml-debug")
        single(tally, output, "power-cut-dedup", program, "uml-debug", "--mode", "dedup")
