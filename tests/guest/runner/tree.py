# SPDX-License-Identifier: GPL-2.0-only
"""The group of tests, and a tree around it that looks like blktests'."""

import contextlib
import pathlib
import re
import shutil
import tempfile


def choose(group, wanted):
    """Numbers of the tests whose beginning is wanted; all of them when none is named."""
    numbers = sorted(path.name for path in group.iterdir() if re.fullmatch(r"\d{3}", path.name))
    if not wanted:
        return numbers
    beginnings = tuple(word.removeprefix("spare/") for word in wanted)
    return [number for number in numbers if number.startswith(beginnings)]


def only(group, numbers, kind):
    """Those with `SPARE_PARALLEL=1` (many requests at once), for "parallel"; the others, for "serial"; or all."""
    if not kind:
        return numbers
    wanted = kind == "parallel"
    return [number for number in numbers if wanted == is_parallel(group / number)]


def is_parallel(test):
    return re.search(r"^SPARE_PARALLEL=1$", test.read_text(), re.MULTILINE) is not None


def part(numbers, which):
    """Part K of N of the tests, for "K/N"; a guest for each part runs them side by side."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", which)
    if not found or int(found[1]) > int(found[2]):
        raise SystemExit(f"--part is {which}: give two numbers like 1/2, the first not above the second")
    return numbers[int(found[1]) - 1 :: int(found[2])]


def description(test):
    """The DESCRIPTION of a test file."""
    found = re.search(r'^DESCRIPTION="(.*)"$', test.read_text(), re.MULTILINE)
    return found.group(1) if found else ""


@contextlib.contextmanager
def blktests_tree(group, shim):
    """A temporary folder with common/ and tests/spare/, as blktests has them."""
    with tempfile.TemporaryDirectory(prefix="blktests.") as name:
        place = pathlib.Path(name)
        shutil.copytree(shim / "common", place / "common")
        shutil.copytree(group, place / "tests" / "spare")
        yield place
