# SPDX-License-Identifier: GPL-2.0-only
"""What became of each test, on the terminal and in results.json."""

import dataclasses
import json


@dataclasses.dataclass
class Result:
    """One test. `result` is PASS, FAIL or SKIP; `why` is empty for a pass."""

    name: str
    result: str
    seconds: float
    why: str = ""
    description: str = ""
    stuck: bool = False


class Book:
    """Prints results as they come and keeps results.json complete at every moment."""

    def __init__(self, path):
        self.path = path
        self.results = []
        self.write()

    def add(self, result):
        self.results.append(result)
        self.write()
        if result.result == "SKIP":
            print(f"SKIP {result.name}: {result.why}", flush=True)
            return
        print(
            f"{result.result} {result.name} ({result.seconds:.1f} s) {result.description}",
            flush=True,
        )
        for line in result.why.splitlines():
            print(f"    {line}", flush=True)

    def write(self):
        """Rewrites the file: a guest that dies later leaves what was known so far."""
        entries = [
            {
                "name": result.name,
                "result": result.result,
                "seconds": round(result.seconds, 2),
                "why": result.why,
            }
            for result in self.results
        ]
        self.path.write_text(json.dumps(entries, indent=1) + "\n")

    def last_is_stuck(self):
        return self.results[-1].stuck

    def close(self):
        """Prints the totals; the exit status: 0 when nothing failed."""
        count = {kind: 0 for kind in ("PASS", "FAIL", "SKIP")}
        for result in self.results:
            count[result.result] += 1
        seconds = sum(result.seconds for result in self.results)
        print(
            f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped"
            f" in {seconds:.0f} s"
        )
        return 1 if count["FAIL"] or not count["PASS"] else 0
