# SPDX-License-Identifier: GPL-2.0-only
"""The journal, replayed in memory: nothing is written anywhere."""

from . import header, journal, pages
from .layout import FIRST_DATA_ENTRY, POOL_BLOCKS

COUNT_MAXIMUM = 65535


class Broken(Exception):
    """A record that cannot be applied: (rule, sentence)."""


class Replay:
    """Pages that the journal sets, as they are behind it."""

    def __init__(self, layout):
        self._layout = layout
        self.pages = {}
        self.born_presence_pages = set()
        self.blocks = 0
        self.end = None
        # What the records have added to the checkpoint's numbers.
        self.used = 0
        self.mapped = 0

    def run(self, main, checkpoint, uuid, report):
        """Replays everything; whether that was possible. What is wrong is reported."""
        layout = self._layout
        ring = journal.Ring(main, layout)
        source = journal.blocks(ring, checkpoint.redo, uuid, layout, report)
        while True:
            try:
                lsn, content = next(source)
            except StopIteration as stop:
                self.end = stop.value
                break
            try:
                self._apply(content)
            except Broken as broken:
                rule, text = broken.args
                report.error(rule, f"block {lsn} of the journal {text}", "main", layout.journal_address(lsn))
                return False
            self.blocks += 1
        if self.end is None or journal.find_gap(ring, self.end, uuid, layout, report):
            return False
        if self.blocks:
            text = f"{self.blocks} blocks from LSN {checkpoint.redo} on have to be replayed"
            report.note("journal", text, "main", layout.journal_address(checkpoint.redo))
        return True

    def _apply(self, content):
        if isinstance(content, journal.Image):
            self.pages[content.number] = content.page
            return
        for record in content:
            if record.kind == journal.BIRTH:
                self._birth(record.number)
            elif record.kind == journal.RANGE:
                for lbn in range(record.lbn, record.lbn + record.number):
                    self._change(lbn, record)
            else:
                self._change(record.lbn, record)

    def _birth(self, number):
        kind = self._layout.page_kind(number)
        if kind == header.PRESENCE:
            self.born_presence_pages.add(number)
        else:
            presence, entry = self._layout.presence_place(number)
            pages.set_presence(self._page(presence), entry, pages.PRESENT)
        self.pages[number] = pages.empty(kind)

    def _page(self, number):
        page = self.pages.get(number)
        if page is None:
            raise Broken("journal-image", f"changes page {number}, which neither an image nor a birth has set before")
        return page

    def _change(self, lbn, record):
        """Makes a block of the volume what a record says."""
        number, index = self._layout.map_place(lbn)
        entries = self._page(number)
        old = entries[index]
        if old == record.entry:
            raise Broken("journal-record", f"makes block {lbn} of the volume {old}, which it is already")
        if old >= FIRST_DATA_ENTRY:
            self._lower(old, lbn)
            self.mapped -= 1
        if record.kind != journal.RANGE:
            self._raise(record, lbn)
            self.mapped += 1
        entries[index] = record.entry

    def _lower(self, pbn, lbn):
        number, index = self._layout.pool_place(pbn)
        counts = self._page(number)[0]
        if counts[index] == 0:
            raise Broken("journal-record", f"takes block {pbn} of main from block {lbn} of the volume, and nothing refers to it")
        counts[index] -= 1
        if counts[index] == 0:
            self.used -= 1
            self._set_full(number, pages.PRESENT)

    def _raise(self, record, lbn):
        pbn = record.number
        number, index = self._layout.pool_place(pbn)
        counts, fingerprints = self._page(number)
        count = counts[index]
        if record.kind == journal.STORE:
            if count != 0:
                raise Broken("journal-record", f"stores block {lbn} of the volume in block {pbn} of main, which has {count} references")
            fingerprints[index] = record.fingerprint
        elif not 0 < count < COUNT_MAXIMUM:
            raise Broken("journal-record", f"shares block {pbn} of main with block {lbn} of the volume, and it has {count} references")
        counts[index] = count + 1
        if count == 0:
            self.used += 1
            if 0 not in counts[: self._existing(number)]:
                self._set_full(number, pages.FULL)

    def _existing(self, number):
        return min(POOL_BLOCKS, self._layout.page_entries(number))

    def _set_full(self, number, value):
        """Notes in its presence page whether a pool page is full, if that is not noted already."""
        presence, entry = self._layout.presence_place(number)
        page = self.pages.get(presence)
        if page is None:
            # A page that does not change need not be here: then the recount finds the entry as it must be.
            if value == pages.FULL:
                self._page(presence)
        # An absent page stays absent, so that the recount sees it.
        elif pages.presence(page, entry) != pages.ABSENT:
            pages.set_presence(page, entry, value)
