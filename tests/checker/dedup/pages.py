# SPDX-License-Identifier: GPL-2.0-only
"""Presence, map and pool pages as Python's own lists, and what they must not say.

A map page is a list of 809 numbers. A pool page is (counts, fingerprints), two
lists. A presence page is a bytearray of which every byte has the entries of four pages.
"""

import struct

from . import header
from .layout import FIRST_DATA_ENTRY, MAP_ENTRIES, POOL_BLOCKS

_MAP = struct.Struct("<IB")
_COUNTS = struct.Struct(f"<{POOL_BLOCKS}H")
_FINGERPRINTS = header.BYTES + _COUNTS.size
ABSENT, PRESENT, FULL = 0, 1, 3
# A byte of a presence page in which an entry is 2.
WRONG_PRESENCES = frozenset(byte for byte in range(256) if any(byte >> shift & 3 == 2 for shift in (0, 2, 4, 6)))


def decode(kind, block):
    """A page of this kind, from a block or an image."""
    if kind == header.PRESENCE:
        return bytearray(block[header.BYTES:])
    if kind == header.MAP:
        payload = memoryview(block)[header.BYTES : header.BYTES + _MAP.size * MAP_ENTRIES]
        return [low | high << 32 for low, high in _MAP.iter_unpack(payload)]
    fingerprints = memoryview(block)[_FINGERPRINTS : _FINGERPRINTS + 16 * POOL_BLOCKS]
    return list(_COUNTS.unpack_from(block, header.BYTES)), [bytes(one) for one, in struct.iter_unpack("16s", fingerprints)]


def empty(kind):
    """A page in which nothing is."""
    return decode(kind, bytes(4096))


def presence(page, entry):
    """What a presence page says of a page."""
    return page[entry // 4] >> (entry % 4 * 2) & 3


def set_presence(page, entry, value):
    """Makes it say something else."""
    shift = entry % 4 * 2
    page[entry // 4] = page[entry // 4] & ~(3 << shift) | value << shift


def present_entries(page):
    """(entry, what it says) of all that are not absent, in their order."""
    for index, byte in enumerate(page):
        if byte:
            for part in range(4):
                value = byte >> (part * 2) & 3
                if value:
                    yield index * 4 + part, value


def wrong_entry(entries, layout):
    """(index, entry) of the first entry of a map page that means nothing; None if there is none."""
    for index, entry in enumerate(entries):
        if entry > 2 and not (entry >= FIRST_DATA_ENTRY and layout.data_start <= entry < layout.data_end):
            return index, entry
    return None


def complaint(kind, page, number, layout):
    """What a page says that cannot be, as (rule, sentence); None if all can be."""
    if kind == header.PRESENCE:
        if not WRONG_PRESENCES.isdisjoint(page):
            return "presence", "says of a page that it is full and not present"
        return None
    if kind == header.MAP:
        wrong = wrong_entry(page, layout)
        if wrong is not None:
            lbn = layout.first_lbn(number) + wrong[0]
            return "map-entry", f"has the entry {wrong[1]} for block {lbn} of the volume, which means nothing"
        return None
    if any(page[0][layout.page_entries(number):]):
        return "count-beyond", "counts references to blocks behind the last one"
    return None
