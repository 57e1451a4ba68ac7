# SPDX-License-Identifier: GPL-2.0-only
"""Of a volume after a crash, each rule of the journal is broken by itself."""

import struct
import unittest

import support
from support import BLOCK, MAIN, Volume

from dedup import checkpoints, header, journal


class Crashed(unittest.TestCase):
    def setUp(self):
        self.volume = Volume(support.crashed())
        self.layout = self.volume.layout
        self.newest = self.volume.newest()
        self.end = self.volume.replayed().end

    def lsns(self):
        return range(self.newest.redo, self.end)

    def find(self, wanted):
        """(LSN, offset, record) of a record of the journal."""
        lengths = {journal.STORE: 27, journal.SHARE: 11, journal.RANGE: 12, journal.BIRTH: 5}
        for lsn in self.lsns():
            at = 48
            for record in self.volume.records(lsn):
                if wanted(record):
                    return lsn, at, record
                at += lengths[record.kind]
        self.fail("there is no such record")

    def patch(self, lsn, offset, content, **options):
        self.volume.patch(MAIN, self.layout.journal_address(lsn), offset, content, **options)

    def test_untouched(self):
        self.assertEqual(self.volume.rules(with_data=True), set())
        self.assertIn("journal", self.volume.notes())

    def test_content(self):
        lsn, offset, _ = self.find(lambda record: record.kind == journal.STORE)
        huge = b"\xff" * 5
        for at, content in ((0, b"\x00"), (0, b"\x09"), (1, huge), (6, huge), (6, (20).to_bytes(5, "little"))):
            self.volume = Volume(self.volume.name)
            self.patch(lsn, offset + at, content)
            self.assertEqual(self.volume.rules(), {"journal-content"})

    def test_range_content(self):
        lsn, offset, _ = self.find(lambda record: record.kind == journal.RANGE)
        for at, content in ((1, b"\x03"), (7, bytes(5)), (7, b"\xff" * 5)):
            self.volume = Volume(self.volume.name)
            self.patch(lsn, offset + at, content)
            self.assertEqual(self.volume.rules(), {"journal-content"})

    def test_kind(self):
        self.patch(self.newest.redo, 8, b"\x01")
        self.assertEqual(self.volume.rules(), {"journal-content"})

    def test_unreadable(self):
        self.volume.legs[MAIN].unreadable.add(self.layout.journal_address(self.newest.redo))
        self.assertEqual(self.volume.rules(), {"journal-content"})

    def test_batch(self):
        lsn = next(lsn for lsn in self.lsns() if self.volume.records(lsn))
        self.patch(lsn, 12, struct.pack("<I", 7777))
        self.assertEqual(self.volume.rules(), {"journal-batch"})

    def test_redo_point_in_a_batch(self):
        lsn = next(lsn for lsn in self.lsns() if journal.offset_in_batch(self.volume.journal_block(lsn)[1]))
        for leg in (0, 1):
            place = checkpoints.address(self.newest.number)
            if checkpoints.decode(self.volume.legs[leg].read(place), place, leg, self.volume.superblock, self.layout) == self.newest:
                self.volume.put(leg, place, 48, "<Q", lsn)
        self.assertEqual(self.volume.rules(), {"journal-batch"})

    def test_image_is_missing(self):
        lsn = next(lsn for lsn in self.lsns() if self.volume.journal_block(lsn)[1].kind == header.IMAGE)
        # Records instead, none.
        _, head, _ = self.volume.journal_block(lsn)
        self.patch(lsn, 8, struct.pack("<BBHI", header.RECORDS, 1, 0, head.count))
        found = self.volume.rules()
        self.assertTrue(found and found <= {"journal-image", "journal-record"}, found)

    def test_same_record_twice(self):
        for lsn in self.lsns():
            kinds = [record.kind for record in self.volume.records(lsn)]
            if kinds[:2] == [journal.STORE, journal.STORE]:
                block = self.volume.journal_block(lsn)[2]
                self.patch(lsn, 48 + 27, block[48 : 48 + 27])
                self.assertEqual(self.volume.rules(), {"journal-record"})
                return
        self.fail("no block begins with two stores")

    def test_store_of_a_used_block(self):
        _, _, first = self.find(lambda record: record.kind == journal.STORE)
        lsn, offset, _ = self.find(lambda record: record.kind == journal.STORE and record.number != first.number)
        self.patch(lsn, offset + 6, first.number.to_bytes(5, "little"))
        found = self.volume.rules()
        self.assertTrue(found, "nothing was found")
        self.assertLessEqual(found, {"journal-record", "journal-image", "leak", "count", "used-blocks", "free-block"})

    def test_share_becomes_another(self):
        lsn, offset, record = self.find(lambda record: record.kind == journal.SHARE)
        self.patch(lsn, offset + 6, (record.number + 1 if self.layout.is_data(record.number + 1) else record.number - 1).to_bytes(5, "little"))
        # Replay repeats what the records say: whoever reads them only sees it when it cannot be.
        self.volume.check()

    def test_gap(self):
        batches = [lsn for lsn in self.lsns() if journal.offset_in_batch(self.volume.journal_block(lsn)[1]) == 0]
        if len(batches) < 2:
            self.skipTest("the journal has one batch")
        self.patch(batches[-1] - 1, 500, b"\x99\x88", seal=False)
        self.assertEqual(self.volume.rules(), {"journal-gap"})

    def test_torn_last_batch(self):
        batches = [lsn for lsn in self.lsns() if journal.offset_in_batch(self.volume.journal_block(lsn)[1]) == 0]
        self.patch(batches[-1], 500, b"\x99\x88", seal=False)
        # Nothing of that batch was promised; but pages cannot know of it.
        self.assertLessEqual(self.volume.rules(), {"map-page", "pool-page", "presence-page"})

    def test_older_round_of_the_ring(self):
        batches = [lsn for lsn in self.lsns() if journal.offset_in_batch(self.volume.journal_block(lsn)[1]) == 0]
        self.patch(batches[-1], 24, struct.pack("<Q", batches[-1] - self.layout.journal))
        self.assertLessEqual(self.volume.rules(), {"map-page", "pool-page", "presence-page"})

    def test_pages_in_the_journal_may_be_torn(self):
        done = self.volume.replayed()
        for number in done.pages:
            self.volume.patch(MAIN, self.layout.page_address(number), 600, bytes(BLOCK - 600), seal=False)
        self.assertEqual(self.volume.rules(with_data=True), set())


if __name__ == "__main__":
    unittest.main()
