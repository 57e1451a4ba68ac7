# SPDX-License-Identifier: GPL-2.0-only
"""Which blocks are read together."""

# Blocks are read at once although so many that are not wanted lie between them.
NEAR = 16


def runs(numbers):
    """(first, last) of runs of ascending numbers, small gaps included."""
    first = last = None
    for number in numbers:
        if first is None:
            first = number
        elif number > last + NEAR:
            yield first, last
            first = number
        last = number
    if first is not None:
        yield first, last
