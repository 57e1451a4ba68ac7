# SPDX-License-Identifier: GPL-2.0-only
"""A checker of deduplicated volumes, written after Documentation/dedup-format.md alone."""

BLOCK = 4096
