# SPDX-License-Identifier: GPL-2.0-only
"""Of a volume at rest, each rule is broken by itself, and reported by its name."""

import struct
import unittest

import support
from support import BLOCK, MAIN, SPARE, Volume

from dedup import checkpoints, header, pages


class AtRest(unittest.TestCase):
    def setUp(self):
        self.volume = Volume(support.at_rest())
        self.layout = self.volume.layout

    def expect(self, *rules, with_data=False):
        self.assertEqual(self.volume.rules(with_data), set(rules))

    def test_untouched(self):
        self.expect(with_data=True)

    # Superblocks.

    def test_no_superblock(self):
        for leg in (MAIN, SPARE):
            self.volume.patch(leg, 0, 0, bytes(BLOCK), seal=False)
        self.expect("no-superblock")

    def test_superblock(self):
        for leg in (MAIN, SPARE):
            self.volume = Volume(self.volume.name)
            self.volume.patch(leg, 0, 200, b"x", seal=False)
            self.expect("superblock")

    def test_superblock_missing_behind_formatting(self):
        self.volume.patch(SPARE, 0, 0, bytes(BLOCK), seal=False)
        self.expect("superblock")
        redo = struct.pack("<Q", 1)
        for leg in (MAIN, SPARE):
            for number in (0, 1):
                place = checkpoints.address(number)
                self.volume.patch(leg, place, 48, redo + bytes(BLOCK - 56), seal=False)
                self.volume.put(leg, place, 24, "<Q", number)
        for block in range(8, 8 + self.layout.journal):
            self.volume.patch(MAIN, block, 0, bytes(BLOCK), seal=False)
        self.expect()
        self.assertEqual(self.volume.notes(), {"superblock"})

    def test_superblocks_disagree(self):
        for offset in (32, 48, 80, 120):
            self.volume = Volume(self.volume.name)
            self.volume.patch(SPARE, 0, offset, b"\x77")
            self.expect("superblocks-disagree")

    def test_version(self):
        for leg in (MAIN, SPARE):
            self.volume.patch(leg, 0, 9, b"\x02")
        self.expect("no-superblock")

    def test_features(self):
        for offset in (56, 64):
            self.volume = Volume(self.volume.name)
            for leg in (MAIN, SPARE):
                self.volume.patch(leg, 0, offset, b"\x01")
            self.expect("features")

    def test_compatible_feature(self):
        for leg in (MAIN, SPARE):
            self.volume.patch(leg, 0, 48, b"\x01")
        self.expect()

    def test_sizes(self):
        self.volume.legs[MAIN].bytes += bytes(BLOCK)
        self.expect("main-size")
        self.volume = Volume(self.volume.name)
        del self.volume.legs[SPARE].bytes[-BLOCK:]
        self.expect("spare-size")

    # Checkpoints.

    def test_no_checkpoint(self):
        for leg in (MAIN, SPARE):
            for place in (1, 2):
                self.volume.patch(leg, place, 100, b"\xff\x01", seal=False)
        self.expect("no-checkpoint")

    def test_checkpoint_damaged(self):
        newest = self.volume.newest().number
        for leg in (MAIN, SPARE):
            for number in (newest, newest - 1):
                self.volume = Volume(self.volume.name)
                self.volume.patch(leg, checkpoints.address(number), 48, b"\xff" * 7, seal=False)
                # A crash may have torn the newest on the spare, or the next one on main. But not the newest on main only.
                # What the spare lacks, the next activation writes first of all.
                if (leg, number) in ((MAIN, newest), (SPARE, newest - 1)):
                    self.expect("checkpoint")
                else:
                    self.expect()
                    self.assertEqual(self.volume.notes(), {"checkpoint"})

    def test_checkpoint_copies_differ(self):
        place = checkpoints.address(self.volume.newest().number)
        self.volume.put(SPARE, place, 56, "<Q", 1)
        self.expect("checkpoint")

    def test_checkpoint_fields(self):
        place = checkpoints.address(self.volume.newest().number)
        for offset, number in ((48, 0), (48, 1 << 62), (56, 1 << 40), (72, 1 << 40), (24, 14 + place % 2)):
            self.volume = Volume(self.volume.name)
            self.volume.put(MAIN, place, offset, "<Q", number)
            self.expect("checkpoint")

    def test_checkpoint_lost(self):
        newest = self.volume.newest().number
        for leg in (MAIN, SPARE):
            self.volume.patch(leg, checkpoints.address(newest), 100, b"\x55", seal=False)
        self.assertEqual(self.volume.rules(), {"checkpoint", "checkpoint-lost"})
        self.volume = Volume(self.volume.name)
        for leg in (MAIN, SPARE):
            self.volume.patch(leg, checkpoints.address(newest - 1), 100, b"\x55", seal=False)
        self.assertEqual(self.volume.rules(), {"checkpoint", "checkpoint-lost"})

    def put_in_both(self, offset, form, number):
        place = checkpoints.address(self.volume.newest().number)
        for leg in (MAIN, SPARE):
            self.volume.put(leg, place, offset, form, number)

    def test_totals(self):
        newest = self.volume.newest()
        self.put_in_both(56, "<Q", newest.used + 1)
        self.expect("used-blocks")
        self.put_in_both(56, "<Q", newest.used)
        self.put_in_both(72, "<Q", newest.mapped - 1)
        self.expect("mapped-blocks")

    def test_presence_pages_behind_the_last(self):
        self.put_in_both(80, "<B", 0xFF)
        self.expect("presence")

    # Pages.

    def one(self, kind):
        """The number of a present page of this kind, and its block."""
        number = self.volume.present(kind)[0]
        return number, self.layout.page_address(number)

    def test_page_damaged(self):
        for kind, rule in ((header.PRESENCE, "presence-page"), (header.MAP, "map-page"), (header.POOL, "pool-page")):
            self.volume = Volume(self.volume.name)
            number, address = self.one(kind)
            for change in ("bits", "part", "lsn", "uuid", "address", "kind", "unreadable"):
                with self.subTest(f"{rule} {change}"):
                    self.volume = Volume(self.volume.name)
                    if change == "bits":
                        self.volume.patch(MAIN, address, 4000, b"\x55\xaa\x33", seal=False)
                    elif change == "unreadable":
                        self.volume.legs[MAIN].unreadable.add(address)
                    else:
                        offset, form, value = {
                            "part": (12, "<I", number + 1),
                            "lsn": (24, "<Q", self.volume.newest().redo),
                            "uuid": (32, "<Q", 5),
                            "address": (16, "<Q", address + 1),
                            "kind": (8, "<B", 6),
                        }[change]
                        self.volume.put(MAIN, address, offset, form, value)
                    found = self.volume.rules()
                    self.assertIn(rule, found)
                    # What the page would say is unknown then, and not wrong.
                    self.assertLessEqual(found, {rule, "free-block"} if kind == header.POOL else {rule})

    def test_map_entry(self):
        _, address = self.one(header.MAP)
        index = self.volume.page(self.one(header.MAP)[0]).index(0)
        for entry in (3, 15, 16, self.layout.data_start - 1, self.layout.data_end, (1 << 40) - 1):
            self.volume = Volume(self.volume.name)
            self.volume.patch(MAIN, address, 48 + 5 * index, entry.to_bytes(5, "little"))
            self.expect("map-entry")

    def test_map_entry_behind_the_end(self):
        number = self.layout.first_pool - 1
        if number not in self.volume.present(header.MAP):
            self.skipTest("the last map page is not present")
        self.volume.patch(MAIN, self.layout.page_address(number), 48 + 5 * 808, b"\x01")
        self.expect("map-entry")

    def counted(self, wanted):
        """(block, offset of the count, count) of a data block whose count is wanted."""
        for number in self.volume.present(header.POOL):
            counts = self.volume.page(number)[0]
            for index in range(self.layout.page_entries(number)):
                if wanted(counts[index]):
                    return self.layout.page_address(number), 48 + 2 * index, counts[index]
        self.fail("there is no such block")

    def test_count(self):
        address, offset, count = self.counted(lambda count: count > 1)
        for other in (count + 1, count - 1):
            self.volume.put(MAIN, address, offset, "<H", other)
            self.expect("count")

    def test_leak(self):
        address, offset, _ = self.counted(lambda count: count == 0)
        self.volume.put(MAIN, address, offset, "<H", 1)
        self.expect("leak", "used-blocks")

    def test_free_block(self):
        address, offset, _ = self.counted(lambda count: count > 0)
        self.volume.put(MAIN, address, offset, "<H", 0)
        self.assertLessEqual({"free-block", "used-blocks"}, self.volume.rules())

    def test_reference_is_lost(self):
        number, address = self.one(header.MAP)
        index = next(index for index, entry in enumerate(self.volume.page(number)) if entry > 2)
        self.volume.patch(MAIN, address, 48 + 5 * index, bytes(5))
        found = self.volume.rules()
        self.assertIn("mapped-blocks", found)
        self.assertTrue({"leak", "count"} & found)

    def test_count_beyond(self):
        number = self.layout.pages - 1
        if number not in self.volume.present(header.POOL) or self.layout.page_entries(number) == 224:
            self.skipTest("the last pool page is whole, or not present")
        self.volume.put(MAIN, self.layout.page_address(number), 48 + 2 * 223, "<H", 1)
        self.assertIn("count-beyond", self.volume.rules())

    def set_presence(self, number, value):
        presence, entry = self.layout.presence_place(number)
        page = self.volume.page(presence)
        pages.set_presence(page, entry, value)
        self.volume.patch(MAIN, self.layout.page_address(presence), 48, bytes(page))

    def test_presence(self):
        for number in (self.one(header.MAP)[0], self.one(header.POOL)[0]):
            self.volume = Volume(self.volume.name)
            self.set_presence(number, 3 if self.volume.layout.page_kind(number) == header.MAP else 2)
            self.expect("presence")

    def test_full(self):
        for number in self.volume.present(header.POOL):
            self.volume = Volume(self.volume.name)
            is_full = 0 not in self.volume.page(number)[0][: self.layout.page_entries(number)]
            self.set_presence(number, 1 if is_full else 3)
            self.expect("presence")

    def test_presence_behind_the_last(self):
        self.set_presence(self.layout.pages, 1)
        self.expect("presence")

    def test_pool_page_absent(self):
        number = next(page for page in self.volume.present(header.POOL) if any(self.volume.page(page)[0]))
        self.set_presence(number, 0)
        self.expect("free-block", "used-blocks")

    def test_map_page_absent(self):
        number = next(page for page in self.volume.present(header.MAP) if any(entry > 2 for entry in self.volume.page(page)))
        self.set_presence(number, 0)
        found = self.volume.rules()
        self.assertIn("mapped-blocks", found)
        self.assertLessEqual(found, {"mapped-blocks", "leak", "count"})

    # Data.

    def test_data(self):
        number = self.one(header.POOL)[0]
        counts = self.volume.page(number)[0]
        index = next(index for index, count in enumerate(counts) if count)
        self.volume.patch(MAIN, self.layout.first_pbn(number) + index, 77, b"changed", seal=False)
        self.expect()
        self.expect("data", with_data=True)
        self.volume.legs[MAIN].unreadable.add(self.layout.first_pbn(number) + index)
        self.expect("data", with_data=True)

    def test_data_of_free_blocks(self):
        number = self.one(header.POOL)[0]
        counts = self.volume.page(number)[0]
        free = [index for index in range(self.layout.page_entries(number)) if not counts[index]]
        for index in free:
            self.volume.patch(MAIN, self.layout.first_pbn(number) + index, 77, b"changed", seal=False)
        self.expect(with_data=True)


if __name__ == "__main__":
    unittest.main()
