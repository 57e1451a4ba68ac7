/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before all else of User-mode Linux's stacktrace.c. It asks of every
 * word of a stack whether that is the address of code. KASAN and kmemleak want a
 * trace of every allocation, so these questions take half of a debug guest's
 * time. A word that lies neither in the kernel nor where modules are is answered
 * at a glance; the answers stay what they were.
 */
#ifndef UML_STACK_WORDS_H
#define UML_STACK_WORDS_H

#include <linux/kernel.h>
#include <linux/mm.h>
#include <asm/sections.h>

#define __kernel_text_address(word)                                        \
	((((word) >= (unsigned long)_stext && (word) < (unsigned long)_end) || \
	  ((word) >= MODULES_VADDR && (word) < MODULES_END)) &&                \
	 (__kernel_text_address)(word))

#endif
