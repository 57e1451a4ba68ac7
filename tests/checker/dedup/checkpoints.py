# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints: where replay begins, and whether that is the newest."""

import struct
import typing

from . import header
from .superblocks import LEGS

_FIELDS = struct.Struct("<QQB7xQ")
ROOTS = 80


class Checkpoint(typing.NamedTuple):
    """What a checkpoint says; `roots` are the bits of the presence pages."""

    number: int
    redo: int
    used: int
    clean: bool
    mapped: int
    roots: bytes

    def has_presence_page(self, page):
        """Whether a presence page is present."""
        return self.roots[page // 8] >> (page % 8) & 1 != 0


def address(number):
    """The block of a checkpoint, on both legs."""
    return 1 + number % 2


def decode(block, place, leg, superblock, layout):
    """The checkpoint in block `place` of leg 0 or 1; raises Fault."""
    head = header.open_kind(block, header.CHECKPOINT, place, superblock.uuid)
    redo, used, flags, mapped = _FIELDS.unpack_from(block, header.BYTES)
    if address(head.sequence) != place:
        raise header.Fault(f"has the number {head.sequence}, which belongs to the other place")
    if head.part != leg:
        raise header.Fault("is that of the other leg")
    if not 1 <= redo < header.SEQUENCE_LIMIT:
        raise header.Fault(f"has the redo point {redo}, which cannot be")
    if used > layout.data_blocks or mapped > layout.logical:
        raise header.Fault(f"says that {used} data blocks and {mapped} of the volume are used, more than there are")
    return Checkpoint(head.sequence, redo, used, flags & 1 != 0, mapped, bytes(block[ROOTS:]))


def examine(legs, superblock, layout, report):
    """The newest checkpoint; None if there is none, or a newer one may be lost."""
    places = {}
    for number, leg in enumerate(legs):
        for place in (1, 2):
            try:
                places[number, place] = decode(leg.read(place), place, number, superblock, layout)
            except header.Fault as fault:
                places[number, place] = fault
    valid = [found for found in places.values() if isinstance(found, Checkpoint)]
    if not valid:
        report.error("no-checkpoint", "no checkpoint is valid on either leg", "main", 1)
        return None
    newest = max(valid, key=lambda found: found.number)
    _judge_copies(places, newest.number, report)
    next_place = address(newest.number + 1)
    if not any(_is(places[leg, next_place], newest.number - 1) for leg in (0, 1)):
        report.error(
            "checkpoint-lost",
            f"the newest valid checkpoint is number {newest.number}, but number {newest.number + 1} may have been in the place of "
            "another one that is damaged: the volume would not load",
            "main",
            next_place,
        )
        return None
    return newest


def _is(found, number):
    return isinstance(found, Checkpoint) and found.number == number


def _judge_copies(places, newest, report):
    """Both legs have the newest checkpoint and the one before. Main is written first: a crash may leave the spare
    without the newest, and main without the one before, when it tears the next."""
    for number, may_lack in ((newest, (1,)), (newest - 1, (0,))):
        place = address(number)
        have = [leg for leg in (0, 1) if _is(places[leg, place], number)]
        if len(have) == 2 and places[0, place] != places[1, place]:
            report.error("checkpoint", f"the copies of checkpoint {number} differ", "spare", place)
        for leg in (0, 1):
            if leg in have or number < 0:
                continue
            found = places[leg, place]
            what = f"is number {found.number}" if isinstance(found, Checkpoint) else str(found)
            say = report.note if leg in may_lack and have else report.error
            say("checkpoint", f"the checkpoint in the place of number {number} {what}", LEGS[leg], place)
