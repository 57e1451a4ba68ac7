# SPDX-License-Identifier: GPL-2.0-only
"""Whether the data of every stored block is what was stored."""

from .fingerprint import fingerprints
from .runs import runs


def check(main, stored, secret, report):
    """Reads each stored block (a dict of fingerprints by block) and compares its fingerprint."""
    checked = 0
    for first, last in runs(sorted(stored)):
        for block, data in main.runs(first, last - first + 1):
            if data is None:
                if block in stored:
                    report.error("data", f"block {block} of main is stored, and cannot be read", "main", block)
                continue
            for index, found in enumerate(fingerprints(secret, data)):
                expected = stored.get(block + index)
                if expected is None:
                    continue
                checked += 1
                if found != expected:
                    text = f"block {block + index} of main holds something else than was stored: its fingerprint is another one"
                    report.error("data", text, "main", block + index)
    report.counts["data_blocks_checked"] = checked
