# SPDX-License-Identifier: GPL-2.0-only
"""What was found, and how it is told."""

import collections
import json

# So many findings of a rule are listed; of the others only how many.
LISTED = 100


class Report:
    """Findings in the order in which they were made, and what was counted."""

    def __init__(self):
        self.findings = []
        self.counts = {}
        self._of_rule = collections.Counter()

    def error(self, rule, text, leg=None, block=None):
        """A violated rule."""
        self._add("error", rule, text, leg, block)

    def note(self, rule, text, leg=None, block=None):
        """What a crash may have left, and the next activation mends."""
        self._add("note", rule, text, leg, block)

    def _add(self, severity, rule, text, leg, block):
        self._of_rule[severity, rule] += 1
        if self._of_rule[severity, rule] <= LISTED:
            where = None if leg is None else {"leg": leg, "block": block}
            self.findings.append({"severity": severity, "rule": rule, "where": where, "text": text})

    @property
    def is_clean(self):
        """Whether no rule is violated."""
        return not any(severity == "error" for severity, _ in self._of_rule)

    def _omitted(self):
        for (severity, rule), count in self._of_rule.items():
            if count > LISTED:
                yield {"severity": severity, "rule": rule, "where": None, "text": f"{count - LISTED} more of this kind"}

    def as_json(self):
        """One object: clean, findings, counts."""
        findings = [*self.findings, *self._omitted()]
        return json.dumps({"clean": self.is_clean, "findings": findings, "counts": self.counts}, indent=1)

    def as_text(self):
        """One line for each finding, and a last one."""
        lines = []
        for finding in (*self.findings, *self._omitted()):
            where = finding["where"]
            place = f"{where['leg']} block {where['block']}: " if where else ""
            lines.append(f"{finding['severity']}: {finding['rule']}: {place}{finding['text']}")
        numbers = ", ".join(f"{name} {value}" for name, value in self.counts.items())
        verdict = "clean" if self.is_clean else "NOT CLEAN"
        lines.append(f"{verdict}: {numbers}" if numbers else verdict)
        return "\n".join(lines)
