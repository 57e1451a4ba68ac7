# SPDX-License-Identifier: GPL-2.0-only
"""Whatever the metadata says, the checker ends with a verdict and never with a traceback."""

import os
import random
import unittest

import support
from support import BLOCK, MAIN, Volume

# Mutations of each kind; for a long run set CHECKER_MUTATIONS.
COUNT = int(os.environ.get("CHECKER_MUTATIONS", "250"))


def metadata_blocks(volume):
    """(leg, block) of every block with metadata: what lies before the data, but for what is blank."""
    for leg, end in ((0, volume.layout.data_start), (1, 3)):
        for block in range(end):
            if any(volume.legs[leg].read(block)):
                yield leg, block


class Mutations(unittest.TestCase):
    def mutate(self, seed, seal, patch):
        source = random.Random(seed)
        caught = 0
        names = [support.at_rest(), support.crashed()]
        volumes = [Volume(name) for name in names]
        places = [list(metadata_blocks(volume)) for volume in volumes]
        for number in range(COUNT):
            which = number % len(volumes)
            volume = volumes[which]
            leg, block = source.choice(places[which])
            before = volume.legs[leg].read(block)
            offset, content = patch(source, before)
            volume.patch(leg, block, offset, content, seal=seal)
            try:
                report = volume.check(with_data=number % 16 == 0)
                caught += not report.is_clean
                report.as_json()
                report.as_text()
            except Exception as error:
                raise AssertionError(f"seed {seed}, mutation {number}: block {block} of leg {leg}, {content} at {offset}") from error
            volume.patch(leg, block, 0, before, seal=False)
        return caught

    def test_one_byte(self):
        def flip(source, block):
            offset = source.randrange(BLOCK)
            return offset, bytes([block[offset] ^ source.randrange(1, 256)])

        self.assertGreater(self.mutate(1, False, flip), 0)

    def test_one_byte_sealed(self):
        def flip(source, block):
            offset = source.choice((source.randrange(8, 48), source.randrange(48, 160), source.randrange(8, BLOCK)))
            return offset, bytes([block[offset] ^ source.randrange(1, 256)])

        self.assertGreater(self.mutate(2, True, flip), COUNT // 20)

    def test_numbers_sealed(self):
        def replace(source, _block):
            offset = source.randrange(8, BLOCK - 8)
            number = source.choice((0, 1, 2, 15, 16, 0xFFFF, 1 << 32, (1 << 40) - 1, (1 << 62) - 1, 1 << 62, (1 << 64) - 1))
            return offset, number.to_bytes(8, "little")[: source.choice((1, 2, 5, 8))]

        self.mutate(3, True, replace)

    def test_superblocks_sealed(self):
        # Both say the same.
        source = random.Random(4)
        for _ in range(COUNT):
            volume = Volume(support.at_rest())
            offset = source.choice((72, 80, 88, 96, 104, 112, 136))
            number = source.choice((0, 1, 3, 63, 1 << 20, 1 << 37, (1 << 64) - 1, source.getrandbits(20), source.getrandbits(64)))
            for leg in (0, 1):
                volume.put(leg, 0, offset, "<Q", number)
            try:
                volume.check().as_text()
            except Exception as error:
                raise AssertionError(f"{number} at {offset} of the superblocks") from error

    def test_every_byte_of_a_header(self):
        volume = Volume(support.at_rest())
        for leg, block in metadata_blocks(volume):
            if block > 2 and leg == MAIN:
                break
            before = volume.legs[leg].read(block)
            for offset in range(8, 144):
                volume.patch(leg, block, offset, bytes([before[offset] ^ 0xFF]))
                volume.check()
            volume.patch(leg, block, 0, before, seal=False)


if __name__ == "__main__":
    unittest.main()
