# SPDX-License-Identifier: GPL-2.0-only
"""The superblock of each leg: what the volume is."""

import struct
import typing

from . import header
from .layout import Layout

_FIELDS = struct.Struct("<9Q16sB")
LEGS = ("main", "spare")
FAST = 0


class Superblock(typing.NamedTuple):
    """What a superblock says."""

    uuid: bytes
    compatible: int
    read_only_compatible: int
    incompatible: int
    main: int
    spare: int
    logical: int
    journal: int
    index: int
    secret: bytes
    method: int

    def layout(self):
        """Where things lie; raises Fault if the sizes cannot be."""
        return Layout(self.main, self.logical, self.journal, self.index)


def decode(block, leg):
    """The superblock of leg 0 or 1; raises Fault."""
    head = header.open_kind(block, header.SUPERBLOCK, 0)
    if head.part != leg:
        raise header.Fault("is that of the other leg")
    numbers = _FIELDS.unpack_from(block, header.BYTES)
    data_start, secret, method = numbers[8], numbers[9], numbers[10]
    superblock = Superblock(head.uuid, *numbers[:8], secret, method)
    if superblock.layout().data_start != data_start:
        raise header.Fault(f"says that data begins at block {data_start}, which does not follow from its sizes")
    if method > 1:
        raise header.Fault(f"names the unknown way {method} to make fingerprints")
    return superblock


def examine(legs, report):
    """The superblock of the volume and (leg, Fault) of the one that is not valid; (None, None) when nothing can be
    checked. Whether a blank one is explained shows with the checkpoints: see judge_missing."""
    found, faults = [], []
    for number, leg in enumerate(legs):
        try:
            found.append((number, decode(leg.read(0), number)))
        except header.Fault as fault:
            faults.append((number, fault))
    if not found:
        text = " and ".join(f"that of {LEGS[number]} {fault}" for number, fault in faults)
        report.error("no-superblock", f"no superblock is valid: {text}", "main", 0)
        return None, None
    if len(found) == 2 and found[0][1] != found[1][1]:
        text = "the superblocks say different things"
        if found[0][1].uuid != found[1][1].uuid:
            text = f"main belongs to volume {found[0][1].uuid.hex()}, and the spare to {found[1][1].uuid.hex()}"
        report.error("superblocks-disagree", text, "spare", 0)
        return None, None
    superblock = found[0][1]
    unknown = superblock.incompatible | superblock.read_only_compatible
    if unknown:
        report.error("features", f"the volume needs the unknown features {unknown:#x}", "main", 0)
        return None, None
    fits = True
    for leg, size in zip(legs, (superblock.main, superblock.spare)):
        if leg.size != size:
            fits = False
            report.error(
                f"{leg.name}-size",
                f"the volume was formatted for a {leg.name} of {size} blocks, and the one given has {leg.size}: give the same device",
                leg.name,
                0,
            )
    return (superblock if fits else None), (faults[0] if faults else None)


def judge_missing(missing, newest, report):
    """What is said of a superblock that is not valid: formatting that was interrupted explains one thing."""
    number, fault = missing
    is_explained = number == 1 and fault.is_blank and newest is not None and newest.number <= 1
    say = report.note if is_explained else report.error
    say("superblock", f"the superblock of {LEGS[number]} {fault}", LEGS[number], 0)
