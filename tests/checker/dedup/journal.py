# SPDX-License-Identifier: GPL-2.0-only
"""The blocks of the journal behind the redo point, and whether one is lost."""

import struct
import typing

from . import header, pages
from .legs import CHUNK

STORE, SHARE, RANGE, BIRTH = 1, 2, 3, 4
_LENGTHS = {STORE: 27, SHARE: 11, RANGE: 12, BIRTH: 5}
_PAIR = struct.Struct("<IBIB")
_PAGE = struct.Struct("<I")
# So many LSNs behind the end are looked at: no batch is longer.
BATCH_MAXIMUM = 4096


class Record(typing.NamedTuple):
    """A record. `number` is the PBN of a store or share, the blocks of a range; `entry` what the LBN becomes. Of a birth, the
    page is `number`."""

    kind: int
    lbn: int
    number: int
    entry: int
    fingerprint: bytes


class Image(typing.NamedTuple):
    """The image of a page, decoded."""

    number: int
    kind: int
    page: object


class Ring:
    """Reads the journal's blocks, many at once."""

    def __init__(self, main, layout):
        self._main = main
        self._layout = layout
        self._chunk = None
        self._blocks = {}

    def block(self, lsn):
        """The block in the place of an LSN; None if it cannot be read."""
        place = lsn % self._layout.journal
        chunk = place // CHUNK
        if chunk != self._chunk:
            first = chunk * CHUNK
            count = min(CHUNK, self._layout.journal - first)
            start = self._layout.journal_address(first)
            self._blocks = {}
            for block, data in self._main.runs(start, count):
                if data is None:
                    self._blocks[block - start + first] = None
                else:
                    for offset in range(0, len(data), 4096):
                        self._blocks[block - start + first + offset // 4096] = data[offset : offset + 4096]
            self._chunk = chunk
        return self._blocks[place]


def offset_in_batch(head):
    """How many blocks of its batch come before a block; None if it is none of the journal's."""
    if head.kind == header.RECORDS:
        return head.part
    return head.count if head.kind == header.IMAGE else None


def records(block, count, layout):
    """The records of a block; raises Fault for the first that is none, or speaks of what does not exist."""
    at, end = header.BYTES, len(block)
    for number in range(count):
        kind = block[at] if at < end else 0
        length = _LENGTHS.get(kind)
        if length is None or at + length > end:
            raise header.Fault(f"has no record where its record {number} should be")
        record = _decode(kind, block, at)
        _check(record, number, layout)
        yield record
        at += length


def _decode(kind, block, at):
    if kind == BIRTH:
        return Record(kind, 0, _PAGE.unpack_from(block, at + 1)[0], 0, b"")
    low, high, second, above = _PAIR.unpack_from(block, at + 2 if kind == RANGE else at + 1)
    lbn, number = low | high << 32, second | above << 32
    if kind == RANGE:
        return Record(kind, lbn, number, block[at + 1], b"")
    return Record(kind, lbn, number, number, bytes(block[at + 11 : at + 27]) if kind == STORE else b"")


def _check(record, number, layout):
    if record.kind == BIRTH:
        is_right = record.number < layout.pages
    elif record.kind == RANGE:
        is_right = record.entry <= 2 and record.number >= 1 and record.lbn + record.number <= layout.logical
    else:
        is_right = record.lbn < layout.logical and layout.is_data(record.number)
    if not is_right:
        raise header.Fault(f"has the record {number} of kind {record.kind}, which speaks of what does not exist")


def blocks(ring, redo, uuid, layout, report):
    """Yields (LSN, list of records or Image) from the redo point on; returns the LSN where the journal ends, or None when
    it is damaged, which is reported."""
    before = None
    for lsn in range(redo, redo + layout.journal):
        block, address = ring.block(lsn), layout.journal_address(lsn)
        if block is None:
            report.error("journal-content", f"block {lsn} of the journal cannot be read", "main", address)
            return None
        # What is older is told from what is expected without its checksum.
        if header.sequence_of(block) != lsn:
            return lsn
        try:
            head = header.open_any(block, address, uuid)
        except header.Fault:
            return lsn
        offset = offset_in_batch(head)
        try:
            content = _content(block, head, layout)
        except header.Fault as fault:
            report.error("journal-content", f"block {lsn} of the journal {fault}", "main", address)
            return None
        if offset not in ((0,) if before is None else (0, before + 1)):
            text = f"block {lsn} of the journal says that {offset} blocks of its batch come before it, behind one with {before}"
            if before is None:
                text = f"the redo point, block {lsn} of the journal, is inside of a batch: {offset} blocks come before it"
            report.error("journal-batch", text, "main", address)
            return None
        before = offset
        yield lsn, content
    return redo + layout.journal


def _content(block, head, layout):
    if head.kind == header.RECORDS:
        return list(records(block, head.count, layout))
    if head.kind != header.IMAGE:
        raise header.Fault(f"is of kind {head.kind}")
    kind = layout.page_kind(head.part)
    if kind is None:
        raise header.Fault(f"is the image of page {head.part}, which does not exist")
    page = pages.decode(kind, block)
    wrong = pages.complaint(kind, page, head.part, layout)
    if wrong is not None:
        raise header.Fault(f"is the image of page {head.part}, which {wrong[1]}")
    return Image(head.part, kind, page)


def find_gap(ring, end, uuid, layout, report):
    """Whether a block behind the end shows that the block there is lost; reports it."""
    for ahead in range(1, min(BATCH_MAXIMUM, layout.journal) + 1):
        block = ring.block(end + ahead)
        address = layout.journal_address(end + ahead)
        if block is None:
            report.error("journal-content", "a block of the journal behind its end cannot be read", "main", address)
            return True
        lsn = header.sequence_of(block)
        if lsn is None or not end < lsn <= end + BATCH_MAXIMUM:
            continue
        try:
            head = header.open_any(block, address, uuid)
        except header.Fault:
            continue
        offset = offset_in_batch(head)
        if layout.journal_address(lsn) == address and offset is not None and lsn - offset > end:
            text = f"block {end} of the journal is lost: block {lsn}, whose batch began with {lsn - offset}, was written when it was durable"
            report.error("journal-gap", text, "main", layout.journal_address(end))
            return True
    return False
