/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Rust cannot call: inline functions, macros, variadic functions, and the
 * one callback whose C type Rust cannot spell. No state, no policy.
 */
#ifndef DM_SPARE_SHIM_H
#define DM_SPARE_SHIM_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/* The facts about a block device that a target asks for. */
struct shim_device_facts {
	u64 sectors;
	u32 major;
	u32 minor;
	u32 logical_block_size;
	u32 physical_block_size;
	u32 max_discard_sectors;
	u32 max_write_zeroes_sectors;
	bool zoned;
	bool read_only;
};

/* First member of whatever ti->private points to; see shim_status(). */
struct shim_instance_head {
	void (*status)(struct dm_target *ti, unsigned int type,
		       unsigned int flags, char *result, unsigned int maxlen);
};

void shim_status(struct dm_target *ti, status_type_t type, unsigned int flags,
		 char *result, unsigned int maxlen);
void shim_warn(const char *what);

void shim_device_facts(struct block_device *bdev,
		       struct shim_device_facts *facts);

void shim_bio_set_dev(struct bio *bio, struct block_device *bdev);
bool shim_bio_add_buffer(struct bio *bio, void *buffer, unsigned int length);
void shim_bio_copy(struct bio *bio, const struct bvec_iter *start, void *buffer,
		   unsigned int skip, unsigned int length, bool to_bio);
void shim_bio_reset_remaining(struct bio *bio);
void shim_bio_increment_remaining(struct bio *bio);
void shim_bio_merge_status(struct bio *bio, blk_status_t status);

void shim_in_flight_leave(atomic_t *count);
void shim_in_flight_wait(atomic_t *count);

unsigned long shim_spin_lock_irqsave(spinlock_t *lock);
bool shim_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags);
void shim_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
void shim_spin_assert_held(spinlock_t *lock);

unsigned int shim_noio_save(void);
void shim_noio_restore(unsigned int flags);

struct workqueue_struct *shim_ordered_workqueue(const char *name);
void shim_work_init(struct work_struct *work, work_func_t function);
void shim_delayed_work_init(struct delayed_work *work, work_func_t function);
bool shim_delayed_work_queue(struct workqueue_struct *queue,
			     struct delayed_work *work,
			     unsigned int milliseconds);

struct task_struct *shim_thread_start(int (*function)(void *data), void *data,
				      const char *name);

#endif
