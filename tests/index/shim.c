// SPDX-License-Identifier: GPL-2.0-only
/* Every module on the layer links its own copy of the shim. */
#include "../../src/sys/shim.c"
