# SPDX-License-Identifier: GPL-2.0-only
"""The 48 bytes at the beginning of every metadata block."""

import struct
import typing

from . import BLOCK
from .checksum import crc32c

SUPERBLOCK, CHECKPOINT, PRESENCE, MAP, POOL, RECORDS, IMAGE = range(1, 8)
MAGIC = b"dspd"
VERSION = 1
BYTES = 48
SEQUENCE_LIMIT = 1 << 62
_HEADER = struct.Struct("<4sIBBHIQQ16s")
_ZEROS = bytes(BLOCK)


class Header(typing.NamedTuple):
    """What a block says it is."""

    kind: int
    count: int
    part: int
    address: int
    sequence: int
    uuid: bytes


class Fault(Exception):
    """Why a block is not what was looked for."""

    def __init__(self, text, is_blank=False):
        super().__init__(text)
        self.is_blank = is_blank


def open_any(block, address, uuid=None):
    """The header of a block that was read from there; raises Fault unless it is valid."""
    if block is None:
        raise Fault("cannot be read")
    magic, checksum, kind, version, count, part, recorded, sequence, owner = _HEADER.unpack_from(block)
    if magic != MAGIC:
        if block == _ZEROS:
            raise Fault("is blank", is_blank=True)
        raise Fault("is no metadata")
    if crc32c(block[8:]) != checksum:
        raise Fault("is damaged: its checksum does not match")
    if version != VERSION:
        raise Fault(f"is of format version {version}, and this program knows {VERSION}")
    if recorded != address:
        raise Fault(f"is misplaced: it belongs to block {recorded}")
    if not SUPERBLOCK <= kind <= IMAGE:
        raise Fault(f"is of the unknown kind {kind}")
    if sequence >= SEQUENCE_LIMIT:
        raise Fault(f"has the sequence {sequence}, which is too large")
    if uuid is not None and owner != uuid:
        raise Fault(f"is of another volume, {owner.hex()}")
    return Header(kind, count, part, recorded, sequence, owner)


def open_kind(block, kind, address, uuid=None):
    """As open_any, of this kind only."""
    header = open_any(block, address, uuid)
    if header.kind != kind:
        raise Fault(f"is of kind {header.kind}, and should be of kind {kind}")
    return header


def sequence_of(block):
    """The sequence in a block that may be anything; to see whether a closer look is worth while."""
    return _HEADER.unpack_from(block)[7] if block is not None and block[:4] == MAGIC else None
