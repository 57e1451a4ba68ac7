# SPDX-License-Identifier: GPL-2.0-only
"""Counts results and remembers what failed."""


class Tally:
    """Passed, failed and skipped tests of all stages."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self._failures = []

    def add(self, name, result, why=""):
        """`result` is PASS, FAIL or SKIP; anything else counts as a failure."""
        if result == "PASS":
            self.passed += 1
        elif result == "SKIP":
            self.skipped += 1
            print(f"   skipped {name}: {why}", flush=True)
        else:
            self.failed += 1
            self._failures.append((name, why))
            print(f"   FAILED {name}", flush=True)

    def add_counts(self, passed, skipped):
        """Results that are known by their number only."""
        self.passed += passed
        self.skipped += skipped

    def merge(self, other):
        """Adds the results of a stage that counted for itself."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self._failures += other._failures

    def list_failures(self):
        """Prints every failure with its reason."""
        for name, why in self._failures:
            print(f"FAILED {name}")
            for line in why.strip().splitlines()[-25:]:
                print(f"    {line}")

    def line(self):
        """The closing line."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
