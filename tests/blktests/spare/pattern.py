# SPDX-License-Identifier: GPL-2.0-only
"""Self-describing sectors, for programs that run long: spare-pattern (tools/pattern) is the one for commands.

Each sector says 16 times where it belongs and which generation of data it is,
with a checksum, so a reader can tell old data from new, a torn sector from a
whole one, and data of another place. All I/O is direct.
"""

import errno
import fcntl
import mmap
import os
import struct
import sys
import zlib

SECTOR = 512
BODY = struct.Struct("<8sQQI")
HEADER = struct.Struct("<8sQQII")
MAGIC = b"SPARESEC"
ZEROS = bytes(SECTOR)
BLKSSZGET = 0x1268


def sector_content(number, generation):
    """The 512 bytes of one sector."""
    body = BODY.pack(MAGIC, number, generation, 0)
    return (body + zlib.crc32(body).to_bytes(4, "little")) * (SECTOR // HEADER.size)


def describe(content, number):
    """What one sector read from place `number` turns out to hold."""
    if content == ZEROS:
        return "zeros"
    header = content[: HEADER.size]
    magic, place, generation, padding, check = HEADER.unpack(header)
    body = BODY.pack(magic, place, generation, padding)
    if magic != MAGIC or check != zlib.crc32(body):
        return "unknown"
    if content != header * (SECTOR // HEADER.size):
        return "torn"
    if place != number:
        return f"belongs to {place} generation {generation}"
    return f"generation {generation}"


class Device:
    """A block device opened for direct I/O, with an aligned buffer."""

    def __init__(self, path, flags):
        self.descriptor = os.open(path, flags | os.O_DIRECT)
        if not os.path.exists(path) or os.path.isfile(path):
            sys.exit(f"{path} is not a block device")
        raw = fcntl.ioctl(self.descriptor, BLKSSZGET, struct.pack("I", 0))
        self.logical_sectors = struct.unpack("I", raw)[0] // SECTOR
        self.buffer = mmap.mmap(-1, 1 << 20)

    def read(self, start, count):
        """The bytes of `count` sectors, or None for an input/output error."""
        view = memoryview(self.buffer)[: count * SECTOR]
        try:
            if os.preadv(self.descriptor, [view], start * SECTOR) != len(view):
                return None
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ENODATA):
                raise
            return None
        return bytes(view)

    def write(self, start, content):
        """None, or the name of the error."""
        self.buffer[: len(content)] = content
        view = memoryview(self.buffer)[: len(content)]
        try:
            written = os.pwritev(self.descriptor, [view], start * SECTOR)
        except OSError as error:
            return errno.errorcode[error.errno]
        return None if written == len(content) else "short write"


def read_states(device, start, count, chunk):
    """Yields (sector, state); a request that fails is tried in smaller pieces."""
    generation = 0
    for at in range(start, start + count, chunk):
        length = min(chunk, start + count - at)
        content = device.read(at, length)
        if content is None:
            if length <= device.logical_sectors:
                for number in range(at, at + length):
                    yield number, "unreadable"
                continue
            smaller = 8 if length > 8 and device.logical_sectors < 8 else device.logical_sectors
            yield from read_states(device, at, length, smaller)
            continue
        for index in range(length):
            number = at + index
            piece = content[index * SECTOR : (index + 1) * SECTOR]
            # Most sectors are of the generation of the one before: compare first, then explain.
            if piece != sector_content(number, generation):
                state = describe(piece, number)
                generation = int(state.split()[1]) if state.startswith("generation") else 0
                yield number, state
            else:
                yield number, f"generation {generation}"
