/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before all else of User-mode Linux's vmalloc.c. Of areas that are given
 * back together, KASAN releases the shadow of each, and then asks once to flush the
 * translations of all that lies between the first and the last. In User-mode Linux
 * the shadow is mapped for good, and the second request clears it instead: from a
 * module's memory, which lies lowest, to a chunk of the per-CPU allocator, which
 * lies highest, that is 16 TiB of the host's memory. So only the first is let
 * through.
 */
#ifndef UML_SHADOW_SPAN_H
#define UML_SHADOW_SPAN_H

#include <linux/kasan.h>
#include <linux/vmalloc.h>

#define kasan_release_vmalloc(start, end, free_start, free_end, flags)              \
	do {                                                                        \
		if ((flags) & KASAN_VMALLOC_PAGE_RANGE)                             \
			(kasan_release_vmalloc)(start, end, free_start, free_end, flags); \
	} while (0)

#endif
