/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input of the private bindgen run: the declarations that the kernel crate's
 * bindings lack. The constants below exist because bindgen does not see macros
 * that contain casts.
 */
#ifndef DM_SPARE_BINDINGS_HELPER_H
#define DM_SPARE_BINDINGS_HELPER_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/crc32.h>
#include <linux/device-mapper.h>
#include <linux/kthread.h>
#include <linux/workqueue.h>

#include "shim.h"

const gfp_t SHIM_GFP_NOIO = GFP_NOIO;
const blk_mode_t SHIM_BLK_OPEN_WRITE = BLK_OPEN_WRITE;
const int SHIM_BIOSET_NEED_BVECS = BIOSET_NEED_BVECS;

const blk_opf_t SHIM_REQ_OP_MASK = REQ_OP_MASK;
const blk_opf_t SHIM_REQ_SYNC = REQ_SYNC;
const blk_opf_t SHIM_REQ_IDLE = REQ_IDLE;
const blk_opf_t SHIM_REQ_FUA = REQ_FUA;
const blk_opf_t SHIM_REQ_PREFLUSH = REQ_PREFLUSH;
const blk_opf_t SHIM_REQ_NOWAIT = REQ_NOWAIT;
const blk_opf_t SHIM_REQ_ATOMIC = REQ_ATOMIC;

const blk_status_t SHIM_BLK_STS_NOTSUPP = BLK_STS_NOTSUPP;
const blk_status_t SHIM_BLK_STS_TIMEOUT = BLK_STS_TIMEOUT;
const blk_status_t SHIM_BLK_STS_NOSPC = BLK_STS_NOSPC;
const blk_status_t SHIM_BLK_STS_TRANSPORT = BLK_STS_TRANSPORT;
const blk_status_t SHIM_BLK_STS_TARGET = BLK_STS_TARGET;
const blk_status_t SHIM_BLK_STS_RESV_CONFLICT = BLK_STS_RESV_CONFLICT;
const blk_status_t SHIM_BLK_STS_MEDIUM = BLK_STS_MEDIUM;
const blk_status_t SHIM_BLK_STS_PROTECTION = BLK_STS_PROTECTION;
const blk_status_t SHIM_BLK_STS_RESOURCE = BLK_STS_RESOURCE;
const blk_status_t SHIM_BLK_STS_IOERR = BLK_STS_IOERR;
const blk_status_t SHIM_BLK_STS_DM_REQUEUE = BLK_STS_DM_REQUEUE;
const blk_status_t SHIM_BLK_STS_AGAIN = BLK_STS_AGAIN;
const blk_status_t SHIM_BLK_STS_DEV_RESOURCE = BLK_STS_DEV_RESOURCE;
const blk_status_t SHIM_BLK_STS_OFFLINE = BLK_STS_OFFLINE;
const blk_status_t SHIM_BLK_STS_DURATION_LIMIT = BLK_STS_DURATION_LIMIT;
const blk_status_t SHIM_BLK_STS_INVAL = BLK_STS_INVAL;

const unsigned int SHIM_BLK_FEAT_POLL = (__force unsigned int)BLK_FEAT_POLL;

const unsigned int SHIM_DM_TARGET_SINGLETON = DM_TARGET_SINGLETON;
const unsigned int SHIM_DM_TARGET_ALWAYS_WRITEABLE = DM_TARGET_ALWAYS_WRITEABLE;
const unsigned int SHIM_DM_TARGET_IMMUTABLE = DM_TARGET_IMMUTABLE;
const unsigned int SHIM_DM_TARGET_NOWAIT = DM_TARGET_NOWAIT;

#endif
