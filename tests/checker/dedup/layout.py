# SPDX-License-Identifier: GPL-2.0-only
"""Where things lie on main."""

from . import header

FIRST_BLOCKS = 8
MAP_ENTRIES = 809
POOL_BLOCKS = 224
PRESENCE_PAGES = 16192
DATA_BLOCKS_MINIMUM = 64
JOURNAL_RANGE = range(64, (1 << 20) + 1)
LOGICAL_RANGE = range(1, (1 << 37) + 1)
MAIN_MAXIMUM = 1 << 36
FIRST_DATA_ENTRY = 16


def _up(number, divisor):
    return -(-number // divisor)


class Layout:
    """What follows from the four sizes of a superblock; raises header.Fault if nothing does."""

    def __init__(self, main, logical, journal, index):
        if main > MAIN_MAXIMUM or logical not in LOGICAL_RANGE or journal not in JOURNAL_RANGE:
            raise header.Fault(f"has sizes that cannot be: main {main}, volume {logical}, journal {journal} blocks")
        self.main, self.logical, self.journal = main, logical, journal
        self.map_pages = _up(logical, MAP_ENTRIES)
        self.pages_start = FIRST_BLOCKS + journal
        rest = main - self.pages_start - index - self.map_pages
        groups = _up(rest, POOL_BLOCKS + 1)
        self.presence_pages = _up(self.map_pages + groups, PRESENCE_PAGES)
        self.data_blocks = rest - groups - self.presence_pages
        if self.data_blocks < DATA_BLOCKS_MINIMUM:
            raise header.Fault("has sizes that leave no room for data")
        self.pool_pages = _up(self.data_blocks, POOL_BLOCKS)
        self.first_map = self.presence_pages
        self.first_pool = self.first_map + self.map_pages
        self.pages = self.first_pool + self.pool_pages
        self.data_start = self.pages_start + self.presence_pages + self.map_pages + groups + index
        self.data_end = self.data_start + self.data_blocks

    def page_kind(self, page):
        """The kind of block that a page is, or None if there is no such page."""
        if page < self.first_map:
            return header.PRESENCE
        if page < self.first_pool:
            return header.MAP
        return header.POOL if page < self.pages else None

    def page_address(self, page):
        """The block of a page."""
        return self.pages_start + page

    def journal_address(self, lsn):
        """The block of an LSN."""
        return FIRST_BLOCKS + lsn % self.journal

    def is_data(self, block):
        """Whether a block of main is a data block."""
        return self.data_start <= block < self.data_end

    def map_place(self, lbn):
        """(page, entry) of a block of the volume."""
        page, entry = divmod(lbn, MAP_ENTRIES)
        return self.first_map + page, entry

    def pool_place(self, pbn):
        """(page, entry) of a data block."""
        page, entry = divmod(pbn - self.data_start, POOL_BLOCKS)
        return self.first_pool + page, entry

    def presence_place(self, page):
        """(presence page, entry) of a map or pool page."""
        return divmod(page - self.first_map, PRESENCE_PAGES)

    def first_pbn(self, page):
        """The first data block of a pool page."""
        return self.data_start + (page - self.first_pool) * POOL_BLOCKS

    def first_lbn(self, page):
        """The first block of the volume of a map page."""
        return (page - self.first_map) * MAP_ENTRIES

    def page_entries(self, page):
        """How many entries of a map or pool page stand for something."""
        if page < self.first_pool:
            return min(MAP_ENTRIES, self.logical - self.first_lbn(page))
        return min(POOL_BLOCKS, self.data_end - self.first_pbn(page))
