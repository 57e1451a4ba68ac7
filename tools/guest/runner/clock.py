# SPDX-License-Identifier: GPL-2.0-only
"""The rate of this machine's time stamp counter, which is that of an emulated processor."""

import ctypes
import mmap
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
_READ_COUNTER = bytes.fromhex("0f31 48c1e220 4809d0 c3")
_SECONDS = 0.1


def kilohertz():
    """Measures for a tenth of a second. Only for x86_64."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(_READ_COUNTER)
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    begin, first = _reading(counter)
    time.sleep(_SECONDS)
    end, last = _reading(counter)
    return (last - first) * 1_000_000 // (end - begin)


def _reading(counter):
    """Nanoseconds and the counter at the same moment: of several readings the one that took least."""
    readings = []
    for _ in range(50):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        value = counter()
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        readings.append((after - before, (before + after) // 2, value))
    return min(readings)[1:]
