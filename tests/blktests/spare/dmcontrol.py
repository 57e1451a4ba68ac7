# SPDX-License-Identifier: GPL-2.0-only
"""Device-mapper's ioctls, without a process for each: for `cycle`, `module-cycle`,
`fail-nth` and the runner.

Every function but `names` and `targets` returns None, or the name of the error. Names of mapped devices
are those of dmsetup; no nodes are made.
"""

import errno
import fcntl
import os
import struct

_LIST, _CREATE, _REMOVE, _SUSPEND, _LOAD, _CLEAR, _TARGETS = 2, 3, 4, 6, 9, 10, 13
_HEAD = struct.Struct("<3I7IQ128s129s7x")
_TARGET = struct.Struct("<QQiI16s")
# Of an entry of the list of devices: device number, distance to the next entry; the name follows.
_ENTRY = struct.Struct("<QI")
# Of an entry of the list of targets: distance to the next one; three numbers and the name follow.
_VERSION = struct.Struct("<I12x")
_SIZE = 4096
_LIST_SIZE = 1 << 16
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

    def names(self):
        """The names of all mapped devices, whether they have a table or not."""
        buffer, at = self._list(_LIST)
        found = set()
        step = 1
        while step:
            number, step = _ENTRY.unpack_from(buffer, at)
            if number == 0:
                break
            begin = at + _ENTRY.size
            found.add(buffer[begin : buffer.index(0, begin)].decode())
            at += step
        return found

    def targets(self):
        """The names of all targets that tables can use."""
        buffer, at = self._list(_TARGETS)
        found = set()
        step = 1
        while step:
            step, = _VERSION.unpack_from(buffer, at)
            begin = at + _VERSION.size
            found.add(buffer[begin : buffer.index(0, begin)].decode())
            at += step
        return found

    def _list(self, number):
        """What the kernel lists, and where in it the first entry begins."""
        buffer = bytearray(_HEAD.pack(4, 0, 0, _LIST_SIZE, _HEAD.size, 0, 0, 0, 0, 0, 0, b"", b"").ljust(_LIST_SIZE, b"\0"))
        fcntl.ioctl(self._descriptor, (3 << 30) | (_HEAD.size << 16) | (0xFD << 8) | number, buffer)
        return buffer, _HEAD.unpack_from(buffer)[4]

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
