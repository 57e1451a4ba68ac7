# SPDX-License-Identifier: GPL-2.0-only
"""The stage that boots what activates sets at boot."""

import re

from checks.guests import prepare
from checks.stages import GUEST, PROJECT, make, run

_RESULT = re.compile(r"^(PASS|FAIL) (boot \S+)$", re.MULTILINE)


def stage(tally, output):
    """Each case of tests/boot is a test."""
    for kind in ("uml-debug", "qemu-stock"):
        if not prepare(tally, kind):
            return
    if not make(tally, "boot layer", GUEST / "boot-layer"):
        return
    status, text = run(output / "boot.log", PROJECT / "tests" / "boot" / "run", "--result-dir", output / "boot")
    found = list(_RESULT.finditer(text))
    for match, following in zip(found, [*found[1:], None]):
        why = text[match.end():following.start() if following else None]
        tally.add(match.group(2), match.group(1), why)
    if status and all(match.group(1) == "PASS" for match in found):
        tally.add("boot", "FAIL", text)
    print(f"   {len(found)} tests", flush=True)
