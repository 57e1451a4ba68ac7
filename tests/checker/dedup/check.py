# SPDX-License-Identifier: GPL-2.0-only
"""The whole check, and the command line."""

import argparse
import sys

from . import checkpoints, data, superblocks
from .legs import Leg
from .recount import Recount
from .replay import Replay
from .report import Report

CLEAN, ERRORS, OPERATIONAL = 0, 4, 8


class Unsupported(Exception):
    """What this program cannot do."""


def check(main, spare, with_data, report):
    """Checks a volume on two legs. Raises Unsupported."""
    superblock, missing = superblocks.examine((main, spare), report)
    if superblock is None:
        return
    layout = superblock.layout()
    newest = checkpoints.examine((main, spare), superblock, layout, report)
    if missing is not None:
        superblocks.judge_missing(missing, newest, report)
    if newest is None:
        return
    report.counts.update({"checkpoint": newest.number, "volume_blocks": layout.logical, "data_blocks": layout.data_blocks})
    replay = Replay(layout)
    is_replayed = replay.run(main, newest, superblock.uuid, report)
    report.counts["replayed"] = replay.blocks
    if not is_replayed:
        return
    recount = Recount(main, superblock, layout, newest, replay, report)
    recount.run()
    if with_data:
        if superblock.method != superblocks.FAST:
            raise Unsupported("the volume's fingerprints are cryptographic, which this program does not know: check it without --data")
        data.check(main, recount.stored, superblock.secret, report)


def run(arguments=None):
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="check-dedup",
        description="Checks a deduplicated volume of dm-spare on its two legs. Writes nothing. Exits with 0 if it is clean, 4 if a rule "
        "is violated, 8 if it could not be checked.",
    )
    parser.add_argument("--data", action="store_true", help="read all stored data, and compare its fingerprints")
    parser.add_argument("--json", action="store_true", help="print one object: clean, findings, counts")
    parser.add_argument("main", metavar="MAIN", help="an image file or block device")
    parser.add_argument("spare", metavar="SPARE", help="the other leg")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        return OPERATIONAL if end.code else CLEAN
    report = Report()
    legs = []
    try:
        for name in ("main", "spare"):
            legs.append(Leg(name, getattr(options, name)))
        check(*legs, options.data, report)
    except (OSError, Unsupported) as error:
        print(f"check-dedup: {error}", file=sys.stderr)
        return OPERATIONAL
    finally:
        for leg in legs:
            leg.close()
    print(report.as_json() if options.json else report.as_text())
    return CLEAN if report.is_clean else ERRORS
