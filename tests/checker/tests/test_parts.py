# SPDX-License-Identifier: GPL-2.0-only
"""Checksums, fingerprints, and the sample of each kind of block."""

import random
import unittest

from support import PROJECT

from dedup import checkpoints, header, journal, pages, superblocks
from dedup.checksum import POLYNOMIAL, crc32c
from dedup.fingerprint import LOW, PRIME_1, PRIME_2, PRIME_3, PRIME_4, fingerprints

SAMPLES = PROJECT / "tests" / "images" / "dedup"
LSN = 1_000_003


def plain_checksum(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def rotate(number, bits):
    return (number << bits | number >> (64 - bits)) & LOW


def plain_xxh64(data, seed):
    """As the specification says, for lengths that are multiples of 32."""
    lanes = [(seed + PRIME_1 + PRIME_2) & LOW, (seed + PRIME_2) & LOW, seed, (seed - PRIME_1) & LOW]
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little")
        lane = at // 8 % 4
        lanes[lane] = rotate((lanes[lane] + word * PRIME_2) & LOW, 31) * PRIME_1 & LOW
    digest = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & LOW
    for lane in lanes:
        digest ^= rotate(lane * PRIME_2 & LOW, 31) * PRIME_1 & LOW
        digest = (digest * PRIME_1 + PRIME_4) & LOW
    digest = (digest + len(data)) & LOW
    digest = (digest ^ digest >> 33) * PRIME_2 & LOW
    digest = (digest ^ digest >> 29) * PRIME_3 & LOW
    return digest ^ digest >> 32


class Sums(unittest.TestCase):
    def test_checksum(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        source = random.Random(1)
        for length in (0, 1, 31, 32, 33, 36, 64, 500, 4088, 4096):
            data = source.randbytes(length)
            self.assertEqual(crc32c(data), plain_checksum(data), length)
        self.assertEqual(crc32c(bytes(4088)), plain_checksum(bytes(4088)))

    def test_fingerprints(self):
        source = random.Random(2)
        secret = source.randbytes(16)
        data = source.randbytes(5 * 4096) + bytes(4096) + b"\xff" * 4096
        one, two = (int.from_bytes(half, "little") for half in (secret[:8], secret[8:]))
        for number, found in enumerate(fingerprints(secret, data)):
            block = data[number * 4096 : (number + 1) * 4096]
            expected = plain_xxh64(block, one).to_bytes(8, "little") + plain_xxh64(block, two).to_bytes(8, "little")
            self.assertEqual(found, expected)


class Samples(unittest.TestCase):
    """tests/images/dedup: what they hold stands in tools/simulator/src/dedup/samples.rs."""

    @classmethod
    def setUpClass(cls):
        cls.superblock = superblocks.decode((SAMPLES / "superblock-main").read_bytes(), 0)
        cls.layout = cls.superblock.layout()

    def block(self, name):
        return (SAMPLES / name).read_bytes()

    def test_superblocks(self):
        self.assertEqual(self.superblock, superblocks.decode(self.block("superblock-spare"), 1))
        self.assertEqual(self.superblock.uuid, b"dedup-of-samples")
        self.assertEqual(self.superblock.secret, b"0123456789abcdef")
        with self.assertRaises(header.Fault):
            superblocks.decode(self.block("superblock-spare"), 0)

    def test_checkpoint(self):
        found = checkpoints.decode(self.block("checkpoint"), 2, 0, self.superblock, self.layout)
        self.assertEqual((found.number, found.redo, found.used, found.mapped, found.clean), (17, LSN, 123_456, 654_321, True))
        self.assertEqual([page for page in range(100) if found.has_presence_page(page)], [0, 1, 9])

    def test_pages(self):
        layout = self.layout
        for name, kind, number in (
            ("presence", header.PRESENCE, 1),
            ("map", header.MAP, layout.first_map),
            ("pool", header.POOL, layout.first_pool + 3),
        ):
            head = header.open_kind(self.block(name), kind, layout.page_address(number), self.superblock.uuid)
            self.assertEqual((head.part, head.sequence), (number, LSN))
            page = pages.decode(kind, self.block(name))
            self.assertIsNone(pages.complaint(kind, page, number, layout))
            if kind == header.PRESENCE:
                self.assertEqual([pages.presence(page, entry) for entry in range(6)], [0, 1, 3, 0, 1, 3])
            elif kind == header.MAP:
                self.assertEqual(page[:4], [0, 1, 2, layout.data_start + 3000])
            else:
                self.assertEqual(page[0][:3], [0, 9362, 18724])
                self.assertEqual(len(set(page[1])), 224)

    def test_journal(self):
        layout, uuid = self.layout, self.superblock.uuid
        address = layout.journal_address(LSN)
        block = self.block("records")
        head = header.open_any(block, address, uuid)
        self.assertEqual((head.kind, journal.offset_in_batch(head)), (header.RECORDS, 7))
        records = list(journal.records(block, head.count, layout))
        self.assertEqual(len(records), 181)
        self.assertEqual(records[0], journal.Record(journal.BIRTH, 0, layout.first_map, 0, b""))
        self.assertEqual(records[1][:4], (journal.STORE, 0, layout.data_start, layout.data_start))
        self.assertEqual(records[2], journal.Record(journal.SHARE, 1, layout.data_start, layout.data_start, b""))
        self.assertEqual(records[6], journal.Record(journal.RANGE, 1000, 2, 1, b""))
        head = header.open_any(self.block("image"), address, uuid)
        self.assertEqual((head.kind, head.part, journal.offset_in_batch(head)), (header.IMAGE, layout.first_map, 7))


if __name__ == "__main__":
    unittest.main()
