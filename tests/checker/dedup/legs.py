# SPDX-License-Identifier: GPL-2.0-only
"""The two legs: image files or block devices, opened for reading only."""

import mmap
import os
import stat

from . import BLOCK

# Blocks that are read at once.
CHUNK = 256


class Leg:
    """A device that is read in whole blocks, past every cache if it is a block device."""

    def __init__(self, name, path):
        """Raises OSError if it cannot be opened, or is neither a file nor a block device."""
        self.name = name
        self.path = path
        kind = os.stat(path).st_mode
        if stat.S_ISBLK(kind):
            flags = os.O_DIRECT
        elif stat.S_ISREG(kind):
            flags = 0
        else:
            raise OSError(f"{path} is neither a file nor a block device")
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
        self.size = os.lseek(self._file, 0, os.SEEK_END) // BLOCK
        # O_DIRECT wants memory that begins at a page.
        self._memory = mmap.mmap(-1, CHUNK * BLOCK)
        self._view = memoryview(self._memory)

    def _read(self, first, count):
        """Bytes of up to CHUNK blocks; None if one of them cannot be read."""
        wanted = count * BLOCK
        try:
            got = os.preadv(self._file, [self._view[:wanted]], first * BLOCK)
        except OSError:
            return None
        return bytes(self._view[:wanted]) if got == wanted else None

    def read(self, block):
        """One block; None if it cannot be read."""
        return self._read(block, 1) if 0 <= block < self.size else None

    def runs(self, first, count):
        """(first block, bytes of whole blocks) of a range, in turn; None for the bytes of a block that cannot be read."""
        end = first + count
        while first < end:
            run = min(CHUNK, end - first)
            data = self._read(first, run) if first + run <= self.size else None
            if data is not None:
                yield first, data
            else:
                for block in range(first, first + run):
                    yield block, self.read(block)
            first += run

    def close(self):
        """Gives the device back."""
        os.close(self._file)
        self._view.release()
        self._memory.close()
