# SPDX-License-Identifier: GPL-2.0-only
"""Device-mapper's ioctls, without a process for each: what `cycle` and `fail-nth` use.

Every function returns None, or the name of the error. Names of mapped devices
are those of dmsetup; no nodes are made.
"""

import errno
import fcntl
import os
import struct

_CREATE, _REMOVE, _SUSPEND, _LOAD, _CLEAR = 3, 4, 6, 9, 10
_HEAD = struct.Struct("<3I7IQ128s129s7x")
_TARGET = struct.Struct("<QQiI16s")
_SIZE = 4096
_SUSPEND_FLAG, _SKIP_LOCKFS_FLAG, _NOFLUSH_FLAG = 1 << 1, 1 << 10, 1 << 11


class Control:
    """The control node."""

    def __init__(self):
        self._descriptor = os.open("/dev/mapper/control", os.O_RDWR)

    def _request(self, number, name, payload=b"", flags=0):
        targets = 1 if payload else 0
        head = _HEAD.pack(4, 0, 0, _SIZE, _HEAD.size, targets, 0, flags, 0, 0, 0, name.encode(), b"")
        buffer = bytearray((head + payload).ljust(_SIZE, b"\0"))
        try:
            fcntl.ioctl(self._descriptor, (3 << 30) | (_HEAD.size << 16) | (0xFD << 8) | number, buffer)
        except OSError as error:
            return errno.errorcode[error.errno]
        return None

    def create(self, name):
        return self._request(_CREATE, name)

    def remove(self, name):
        return self._request(_REMOVE, name)

    def load(self, name, table):
        """`table` is one line: start, length, target, parameters."""
        start, length, target, parameters = table.split(" ", 3)
        text = parameters.encode() + b"\0"
        size = _TARGET.size + (len(text) + 7) // 8 * 8
        head = _TARGET.pack(int(start), int(length), 0, size, target.encode())
        return self._request(_LOAD, name, head + text)

    def clear(self, name):
        return self._request(_CLEAR, name)

    def resume(self, name):
        return self._request(_SUSPEND, name)

    def suspend(self, name, noflush=False):
        flags = _SUSPEND_FLAG | (_NOFLUSH_FLAG | _SKIP_LOCKFS_FLAG if noflush else 0)
        return self._request(_SUSPEND, name, flags=flags)
