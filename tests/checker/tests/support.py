# SPDX-License-Identifier: GPL-2.0-only
"""Volumes in memory: images of the simulator's, changed at will and sealed again."""

import functools
import os
import pathlib
import struct
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(PROJECT / "tests" / "checker"))

from dedup import checkpoints, header, journal, pages, replay, superblocks  # noqa: E402
from dedup.check import check  # noqa: E402
from dedup.checksum import crc32c  # noqa: E402
from dedup.report import Report  # noqa: E402

BLOCK = 4096
MAIN, SPARE = 0, 1


@functools.cache
def album():
    """The folder of images: $DEDUP_ALBUM, or what tools/guest/dedup-album makes."""
    folder = os.environ.get("DEDUP_ALBUM")
    if folder is None:
        maker = PROJECT / "tools" / "guest" / "dedup-album"
        folder = subprocess.run([maker], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return pathlib.Path(folder)


@functools.cache
def names():
    """The images' names, without those of legs that were blank."""
    found = sorted(path.stem for path in album().glob("*.main"))
    return [name for name in found if not name.endswith("-001-found")]


class MemoryLeg:
    """What dedup.legs.Leg is, in memory."""

    def __init__(self, name, content):
        self.name = name
        self.bytes = bytearray(content)
        self.unreadable = set()

    @property
    def size(self):
        return len(self.bytes) // BLOCK

    def read(self, block):
        if not 0 <= block < self.size or block in self.unreadable:
            return None
        return bytes(self.bytes[block * BLOCK : (block + 1) * BLOCK])

    def runs(self, first, count):
        end = first + count
        if end > self.size or not self.unreadable.isdisjoint(range(first, end)):
            for block in range(first, end):
                yield block, self.read(block)
        else:
            yield first, bytes(self.bytes[first * BLOCK : end * BLOCK])


class Volume:
    """Both legs of an image, and where things lie on them."""

    def __init__(self, name):
        self.name = name
        self.legs = [MemoryLeg(leg, (album() / f"{name}.{leg}").read_bytes()) for leg in ("main", "spare")]
        self.superblock = superblocks.decode(self.legs[MAIN].read(0), MAIN)
        self.layout = self.superblock.layout()

    def check(self, with_data=False):
        """The report of a check."""
        report = Report()
        check(*self.legs, with_data, report)
        return report

    def rules(self, with_data=False):
        """The names of the rules that are violated."""
        return {finding["rule"] for finding in self.check(with_data).findings if finding["severity"] == "error"}

    def notes(self):
        """The names of the rules of which something is noted."""
        return {finding["rule"] for finding in self.check().findings if finding["severity"] == "note"}

    def newest(self):
        """The newest checkpoint."""
        return checkpoints.examine(self.legs, self.superblock, self.layout, Report())

    def replayed(self):
        """Behind the journal."""
        done = replay.Replay(self.layout)
        done.run(self.legs[MAIN], self.newest(), self.superblock.uuid, Report())
        return done

    def patch(self, leg, block, offset, content, seal=True):
        """Changes bytes of a block, and gives it a checksum that is right."""
        at = block * BLOCK
        data = self.legs[leg].bytes
        data[at + offset : at + offset + len(content)] = content
        if seal:
            data[at + 4 : at + 8] = struct.pack("<I", crc32c(bytes(data[at + 8 : at + BLOCK])))

    def get(self, leg, block, offset, form):
        """One number of a block."""
        return struct.unpack_from(form, self.legs[leg].bytes, block * BLOCK + offset)[0]

    def put(self, leg, block, offset, form, number):
        """Changes one number of a block."""
        self.patch(leg, block, offset, struct.pack(form, number))

    def page(self, number):
        """A page in its place, decoded."""
        return pages.decode(self.layout.page_kind(number), self.legs[MAIN].read(self.layout.page_address(number)))

    def present(self, kind):
        """Numbers of the present pages of a kind of a volume without a journal."""
        newest, layout = self.newest(), self.layout
        roots = [page for page in range(layout.presence_pages) if newest.has_presence_page(page)]
        if kind == header.PRESENCE:
            return roots
        found = []
        for root in roots:
            for entry, _ in pages.present_entries(self.page(root)):
                number = layout.first_map + root * 16192 + entry
                if layout.page_kind(number) == kind:
                    found.append(number)
        return found

    def journal_block(self, lsn):
        """A block of the journal: its address, header and bytes."""
        address = self.layout.journal_address(lsn)
        block = self.legs[MAIN].read(address)
        return address, header.open_any(block, address, self.superblock.uuid), block

    def records(self, lsn):
        """The records of a block of the journal; none if it is an image."""
        _, head, block = self.journal_block(lsn)
        return list(journal.records(block, head.count, self.layout)) if head.kind == header.RECORDS else []


def first(wanted):
    """The first image for whose volume `wanted` says so."""
    for name in names():
        volume = Volume(name)
        if wanted(volume):
            return name
    raise AssertionError("the album has no such image")


@functools.cache
def at_rest():
    """The name of an image with an empty journal, blocks that are shared, free ones, and several map pages."""

    def is_suitable(volume):
        report = volume.check()
        counts = report.counts
        return not report.findings and counts["map_pages"] > 2 and counts["used"] < counts["mapped"] and counts["used"] + 20 < counts["data_blocks"]

    return first(is_suitable)


@functools.cache
def crashed():
    """The name of an image whose journal has images, births and records of all kinds."""

    def is_suitable(volume):
        if not volume.check().is_clean:
            return False
        done = volume.replayed()
        kinds = {header.IMAGE}
        redo = volume.newest().redo
        for lsn in range(redo, done.end):
            kinds.update((record.kind for record in volume.records(lsn)))
        return done.blocks > 8 and {journal.STORE, journal.SHARE, journal.RANGE} <= kinds

    return first(is_suitable)
