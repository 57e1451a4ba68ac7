# SPDX-License-Identifier: GPL-2.0-only
"""Fingerprints of many blocks at once: XXH64 (specification 0.1.1) with two seeds.

A number of Python holds the state of all blocks, 128 bits for each: sums and products
of 64 bits stay within their 128, and what is too high is masked away. So each step of the
hash is one operation, whatever the number of blocks.
"""

import array
import sys

PRIME_1 = 0x9E3779B185EBCA87
PRIME_2 = 0xC2B2AE3D27D4EB4F
PRIME_3 = 0x165667B19E3779F9
PRIME_4 = 0x85EBCA77C2B2AE63
LOW = (1 << 64) - 1
BLOCK = 4096
WORDS = BLOCK // 8


class _Slots:
    """Arithmetic on so many numbers of 64 bits at once."""

    def __init__(self, count):
        self.count = count
        self.ones = int.from_bytes((1).to_bytes(16, "little") * count, "little")
        self.mask = self.ones * LOW

    def rotate(self, number, bits):
        return (number << bits | number >> (64 - bits)) & self.mask

    def mix(self, lane, product):
        return self.rotate(lane + product & self.mask, 31) * PRIME_1 & self.mask

    def load(self, words):
        """One number of these words, an array of as many as there are slots."""
        wide = array.array("Q", bytes(16 * self.count))
        wide[::2] = words
        return _ordered(wide)

    def store(self, number):
        """The numbers one by one."""
        wide = array.array("Q", number.to_bytes(16 * self.count, sys.byteorder))
        return wide[::2] if sys.byteorder == "little" else wide[::-1][::2]


def _ordered(wide):
    if sys.byteorder == "big":
        wide.byteswap()
    return int.from_bytes(wide.tobytes(), "little")


def _digests(slots, products, seed):
    start = [seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1]
    lanes = [slots.ones * (number & LOW) for number in start]
    mix = slots.mix
    for at in range(0, WORDS, 4):
        for lane in range(4):
            lanes[lane] = mix(lanes[lane], products[at + lane])
    digest = sum(slots.rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & slots.mask
    for lane in lanes:
        digest = (digest ^ mix(0, lane * PRIME_2 & slots.mask)) * PRIME_1 & slots.mask
        digest = digest + slots.ones * PRIME_4 & slots.mask
    digest = digest + slots.ones * BLOCK & slots.mask
    digest = (digest ^ digest >> 33) & slots.mask
    digest = digest * PRIME_2 & slots.mask
    digest = (digest ^ digest >> 29) & slots.mask
    digest = digest * PRIME_3 & slots.mask
    digest = (digest ^ digest >> 32) & slots.mask
    return slots.store(digest)


def fingerprints(secret, data):
    """The fingerprint of each block of `data`, whole blocks."""
    count = len(data) // BLOCK
    slots = _Slots(count)
    words = array.array("Q", data)
    if sys.byteorder == "big":
        words.byteswap()
    products = [slots.load(words[at::WORDS]) * PRIME_2 & slots.mask for at in range(WORDS)]
    seeds = (int.from_bytes(half, "little") for half in (secret[:8], secret[8:]))
    one, two = (_digests(slots, products, seed) for seed in seeds)
    return [first.to_bytes(8, "little") + second.to_bytes(8, "little") for first, second in zip(one, two)]
