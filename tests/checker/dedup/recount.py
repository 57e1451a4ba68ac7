# SPDX-License-Identifier: GPL-2.0-only
"""Every page as it is behind the journal, and every reference of the map against the pool's counts."""

import collections

from . import header, pages
from .layout import FIRST_DATA_ENTRY, PRESENCE_PAGES
from .runs import runs

NAMES = {header.PRESENCE: "presence", header.MAP: "map", header.POOL: "pool"}


class Recount:
    """Reads all pages that are present, and counts."""

    def __init__(self, main, superblock, layout, checkpoint, replay, report):
        self._main = main
        self._uuid = superblock.uuid
        self._layout = layout
        self._checkpoint = checkpoint
        self._replay = replay
        self._report = report
        self._references = collections.Counter()
        self._first_lbn = {}
        self._damaged = set()
        # Used data blocks, with their fingerprints.
        self.stored = {}
        self._seen = collections.Counter()
        self._zero = self._poisoned = self._mapped = 0

    def run(self):
        """Counts, and reports everything that is wrong."""
        presences = self._presence_pages()
        map_pages, pool_pages = self._wanted(presences)
        for number, page in self._pages(header.MAP, map_pages):
            self._take_map(number, page)
        self._judge_pool(dict(self._pages(header.POOL, pool_pages)), pool_pages)
        self._judge_totals()
        self._report.counts.update(
            {
                "mapped": self._mapped,
                "used": len(self.stored),
                "zero": self._zero,
                "poisoned": self._poisoned,
                **{f"{name}_pages": self._seen[kind] for kind, name in NAMES.items()},
            }
        )

    def _presence_pages(self):
        """Those that are present, by number."""
        layout = self._layout
        wanted = [
            page
            for page in range(layout.presence_pages)
            if self._checkpoint.has_presence_page(page) or page in self._replay.born_presence_pages
        ]
        for page in range(layout.presence_pages):
            if page in self._replay.pages and page not in wanted:
                self._absent(page)
        beyond = int.from_bytes(self._checkpoint.roots, "little") >> layout.presence_pages
        if beyond:
            text = "the checkpoint says of presence pages behind the last one that they are present"
            self._report.error("presence", text, "main", 1 + self._checkpoint.number % 2)
        return dict(self._pages(header.PRESENCE, {number: pages.PRESENT for number in wanted}))

    def _absent(self, page):
        text = f"page {page} is in the journal, and is not noted as present"
        self._report.error("presence", text, "main", self._layout.page_address(page))

    def _wanted(self, presences):
        """Map pages and pool pages that are present, with what is noted of them."""
        layout = self._layout
        map_pages, pool_pages = {}, {}
        for presence, page in presences.items():
            for entry, value in pages.present_entries(page):
                number = layout.first_map + presence * PRESENCE_PAGES + entry
                if number < layout.first_pool:
                    map_pages[number] = value
                    if value == pages.FULL:
                        self._presence_error(presence, f"page {number} is a map page, and is noted as full")
                elif number < layout.pages:
                    pool_pages[number] = value
                else:
                    self._presence_error(presence, f"page {number} is behind the last one, and is noted as present")
        for number in self._replay.pages:
            if number >= layout.first_map and number not in map_pages and number not in pool_pages:
                # Of a presence page that cannot be read nothing is known.
                if layout.presence_place(number)[0] in presences:
                    self._absent(number)
        return map_pages, pool_pages

    def _presence_error(self, presence, text):
        self._report.error("presence", text, "main", self._layout.page_address(presence))

    def _pages(self, kind, wanted):
        """(number, page) of these pages, as far as they are valid."""
        numbers = sorted(wanted)
        for number in numbers:
            if number in self._replay.pages:
                self._seen[kind] += 1
                yield number, self._replay.pages[number]
        for first, last in runs([number for number in numbers if number not in self._replay.pages]):
            address = self._layout.page_address(first)
            for block, data in self._main.runs(address, last - first + 1):
                for at in range(0, len(data) if data is not None else 1, 4096):
                    number = first + block - address + at // 4096
                    if number not in wanted or number in self._replay.pages:
                        continue
                    self._seen[kind] += 1
                    page = self._open(kind, number, None if data is None else data[at : at + 4096])
                    if page is not None:
                        yield number, page

    def _open(self, kind, number, block):
        """A page that was read from its place; None, reported, if it cannot be used."""
        address = self._layout.page_address(number)
        try:
            head = header.open_kind(block, kind, address, self._uuid)
            if head.part != number:
                raise header.Fault(f"says that it is page {head.part}")
            if head.sequence >= self._replay.end:
                raise header.Fault(f"holds what LSN {head.sequence} says, and the journal ends at {self._replay.end}")
            page = pages.decode(kind, block)
            wrong = pages.complaint(kind, page, number, self._layout)
        except header.Fault as fault:
            wrong, page = (f"{NAMES[kind]}-page", str(fault)), None
        if wrong is None:
            return page
        self._damaged.add(kind)
        self._report.error(wrong[0], f"{self._describe(kind, number)} {wrong[1]}", "main", address)
        return None

    def _describe(self, kind, number):
        layout = self._layout
        if kind == header.PRESENCE:
            return f"presence page {number}"
        first = layout.first_lbn(number) if kind == header.MAP else layout.first_pbn(number)
        last = first + layout.page_entries(number) - 1
        return f"the {NAMES[kind]} page of blocks {first} to {last} of {'the volume' if kind == header.MAP else 'main'}"

    def _take_map(self, number, entries):
        layout = self._layout
        exist = layout.page_entries(number)
        if any(entries[exist:]):
            text = f"{self._describe(header.MAP, number)} has entries behind the end of the volume"
            self._report.error("map-entry", text, "main", layout.page_address(number))
            entries = entries[:exist]
        blocks = [entry for entry in entries if entry >= FIRST_DATA_ENTRY]
        self._references.update(blocks)
        self._mapped += len(blocks)
        self._zero += entries.count(1)
        self._poisoned += entries.count(2)
        first = layout.first_lbn(number)
        for index, entry in enumerate(entries):
            if entry >= FIRST_DATA_ENTRY:
                self._first_lbn.setdefault(entry, first + index)

    def _judge_pool(self, found, wanted):
        layout = self._layout
        references = self._references
        for number, (counts, fingerprints) in sorted(found.items()):
            exist = layout.page_entries(number)
            first = layout.first_pbn(number)
            is_full = 0 not in counts[:exist]
            if is_full != (wanted[number] == pages.FULL):
                said = "full" if wanted[number] == pages.FULL else "not full"
                used = exist - counts[:exist].count(0)
                text = f"{self._describe(header.POOL, number)} is noted as {said}, and {used} of its {exist} blocks are used"
                self._report.error("presence", text, "main", layout.page_address(number))
            for index in range(exist):
                pbn, count = first + index, counts[index]
                if count:
                    self.stored[pbn] = fingerprints[index]
                if count != references.get(pbn, 0):
                    self._miscount(number, pbn, count)
        for pbn in sorted(references):
            number = layout.pool_place(pbn)[0]
            # A damaged page was reported, and says nothing of its blocks.
            if number not in wanted and header.PRESENCE not in self._damaged:
                self._miscount(number, pbn, 0)

    def _miscount(self, number, pbn, count):
        references = self._references.get(pbn, 0)
        if references < count and self._damaged & {header.MAP, header.PRESENCE}:
            # What is missing may be on a page that cannot be read.
            return
        by = f", by block {self._first_lbn[pbn]} of the volume first" if references else ""
        if not references:
            rule, text = "leak", f"block {pbn} of main is not referred to, and has a count of {count}: it is lost for use"
        elif not count:
            rule, text = "free-block", f"block {pbn} of main counts as free, and is referred to {references} times{by}"
        else:
            rule, text = "count", f"block {pbn} of main has a count of {count}, and is referred to {references} times{by}"
        self._report.error(rule, text, "main", self._layout.page_address(number))

    def _judge_totals(self):
        checkpoint, replay = self._checkpoint, self._replay
        for rule, said, counted, pages_of in (
            ("mapped-blocks", checkpoint.mapped + replay.mapped, self._mapped, header.MAP),
            ("used-blocks", checkpoint.used + replay.used, len(self.stored), header.POOL),
        ):
            if said != counted and not self._damaged & {pages_of, header.PRESENCE}:
                name = rule.partition("-")[0]
                text = f"after the checkpoint and the journal {said} blocks are {name}, and {counted} are"
                self._report.error(rule, text, "main", 1 + checkpoint.number % 2)
