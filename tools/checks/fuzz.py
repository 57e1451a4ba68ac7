# SPDX-License-Identifier: GPL-2.0-only
"""The stage that runs every fuzzer, two at a time: each decoder of remap mode for a
minute, each of the index and of dedup mode, of which there are more, for a third of one; for a moment
if the very same program has passed that before. What one run has found to be
interesting is where the next begins, so the hours add up all the same."""

import concurrent.futures

from checks.stages import GUEST, PROJECT, run

_BRIEF = 2


def _seconds(target):
    return 20 if target.startswith(("index_", "segment_", "dedup_")) else 60


def stage(tally, output):
    """Each fuzz target is a test: it passes when it finds nothing."""
    targets = sorted(path.stem for path in (PROJECT / "tools" / "fuzz" / "fuzz_targets").glob("*.rs"))
    if not targets:
        tally.add("fuzz targets", "FAIL", "tools/fuzz/fuzz_targets is empty")

    def one(target):
        return run(output / f"fuzz-{target}.log", GUEST / "fuzz", target, str(_seconds(target)), str(_BRIEF))

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for target, (status, text) in zip(targets, pool.map(one, targets)):
            # The log of a failure ends with where the input is and how to run it again.
            tally.add(f"fuzz {target}", "PASS" if status == 0 else "FAIL", text)
            if status == 0:
                print(f"   {text.strip().splitlines()[-1]}", flush=True)
