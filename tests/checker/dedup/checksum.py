# SPDX-License-Identifier: GPL-2.0-only
"""CRC-32C of whole blocks, some twenty times as fast as byte by byte.

A message is a polynomial over two elements, and the checksum its remainder. With
a message of n bits, its first k bits may be cut off and added to what follows,
multiplied by x^(n-k) mod P: a number of 32 bits, so the product is the sum of a few
shifted copies. Python does that with numbers of any length at the speed of memory.
After nine such steps a few bytes are left, which the usual table takes.

Bits are reflected: the lowest bit of the first byte has the greatest power.
"""

POLYNOMIAL = 0x82F63B78
ONES = 0xFFFFFFFF
# Below so many bits the table is faster.
SHORT = 256
# So many lengths are tried for the one whose factor has the fewest bits.
TRIED = 256

_steps = {}


def _make_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _make_table()


def _powers(count):
    """x^0 to x^(count - 1) mod P."""
    value = 1 << 31
    powers = []
    for _ in range(count):
        powers.append(value)
        value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
    return powers


def _make_steps(bits):
    """How a message of so many bits is shortened: (bits cut off, their mask, left shifts that are added)."""
    powers = _powers(bits)
    steps = []
    while bits > SHORT:
        # The product is 31 bits longer than what is cut off, and must fit into the rest.
        least = (bits + 31 + 1) // 2
        least += (8 - least) % 8
        rest = min(range(least, min(least + TRIED, bits - 8), 8), key=lambda length: powers[length].bit_count())
        cut = bits - rest
        align = rest - (cut + 31)
        shifts = [align + bit for bit in range(32) if powers[rest] >> bit & 1]
        steps.append((cut, (1 << cut) - 1, shifts))
        bits = rest
    return steps, bits // 8


def crc32c(data):
    """The checksum of some bytes."""
    length = len(data)
    if length * 8 <= SHORT:
        return _finish(ONES, data)
    if length not in _steps:
        _steps[length] = _make_steps(length * 8)
    steps, left = _steps[length]
    message = int.from_bytes(data, "little") ^ ONES
    for cut, mask, shifts in steps:
        first = message & mask
        message >>= cut
        for shift in shifts:
            message ^= first << shift
    return _finish(0, message.to_bytes(left, "little"))


def _finish(crc, data):
    table = _TABLE
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ ONES
