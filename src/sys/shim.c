// SPDX-License-Identifier: GPL-2.0-only
/* Inline functions and macros of the kernel as functions for Rust. */

#include <linux/bug.h>
#include <linux/bvec.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/wait_bit.h>

#include "../../include/shim.h"

/*
 * dm calls status with an enum argument. Under kernel control flow integrity
 * a Rust function has another type identity, so the call takes this detour.
 */
void shim_status(struct dm_target *ti, status_type_t type, unsigned int flags,
		 char *result, unsigned int maxlen)
{
	const struct shim_instance_head *head = ti->private;

	head->status(ti, type, flags, result, maxlen);
}

void shim_warn(const char *what)
{
	WARN_ONCE(1, "%s\n", what);
}

void shim_device_facts(struct block_device *bdev,
		       struct shim_device_facts *facts)
{
	facts->sectors = bdev_nr_sectors(bdev);
	facts->major = MAJOR(bdev->bd_dev);
	facts->minor = MINOR(bdev->bd_dev);
	facts->logical_block_size = bdev_logical_block_size(bdev);
	facts->physical_block_size = bdev_physical_block_size(bdev);
	facts->max_discard_sectors = bdev_max_discard_sectors(bdev);
	facts->max_write_zeroes_sectors = bdev_write_zeroes_sectors(bdev);
	facts->zoned = bdev_is_zoned(bdev);
	facts->read_only = bdev_read_only(bdev);
}

void shim_bio_set_dev(struct bio *bio, struct block_device *bdev)
{
	bio_set_dev(bio, bdev);
}

/*
 * False when the buffer is not memory that a device may be pointed at, or the
 * bio is full. Caches that alias are not cared for: no architecture that Rust
 * code runs on has them.
 */
bool shim_bio_add_buffer(struct bio *bio, void *buffer, unsigned int length)
{
	unsigned int offset = offset_in_page(buffer);
	struct page *page;

	if (is_vmalloc_addr(buffer)) {
		if (length > PAGE_SIZE - offset)
			return false;
		page = vmalloc_to_page(buffer);
	} else {
		if (!virt_addr_valid(buffer))
			return false;
		page = virt_to_page(buffer);
	}
	return bio_add_page(bio, page, length, offset) == length;
}

/*
 * Copies length bytes, skip bytes after start, between the pages of a bio and
 * a buffer. The caller keeps skip + length within start->bi_size.
 */
void shim_bio_copy(struct bio *bio, const struct bvec_iter *start, void *buffer,
		   unsigned int skip, unsigned int length, bool to_bio)
{
	struct bvec_iter iter = *start;
	struct bio_vec bvec;

	bio_advance_iter(bio, &iter, skip);
	iter.bi_size = length;
	__bio_for_each_segment(bvec, bio, iter, iter) {
		if (to_bio)
			memcpy_to_bvec(&bvec, buffer);
		else
			memcpy_from_bvec(buffer, &bvec);
		buffer += bvec.bv_len;
	}
}

void shim_bio_reset_remaining(struct bio *bio)
{
	atomic_set(&bio->__bi_remaining, 1);
}

void shim_bio_increment_remaining(struct bio *bio)
{
	bio_inc_remaining(bio);
}

/* The first error of several parts wins; any of them may come on any CPU. */
void shim_bio_merge_status(struct bio *bio, blk_status_t status)
{
	if (status)
		cmpxchg(&bio->bi_status, 0, status);
}

/* The counter may be gone once it is zero: only its address is used then. */
void shim_in_flight_leave(atomic_t *count)
{
	if (atomic_dec_and_test(count))
		wake_up_var(count);
}

void shim_in_flight_wait(atomic_t *count)
{
	wait_var_event(count, !atomic_read_acquire(count));
}

unsigned long shim_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool shim_spin_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	return spin_trylock_irqsave(lock, *flags);
}

void shim_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

void shim_spin_assert_held(spinlock_t *lock)
{
	lockdep_assert_held(lock);
}

unsigned int shim_noio_save(void)
{
	return memalloc_noio_save();
}

void shim_noio_restore(unsigned int flags)
{
	memalloc_noio_restore(flags);
}

struct workqueue_struct *shim_ordered_workqueue(const char *name)
{
	return alloc_ordered_workqueue("%s", WQ_MEM_RECLAIM, name);
}

void shim_work_init(struct work_struct *work, work_func_t function)
{
	INIT_WORK(work, function);
}

void shim_delayed_work_init(struct delayed_work *work, work_func_t function)
{
	INIT_DELAYED_WORK(work, function);
}

bool shim_delayed_work_queue(struct workqueue_struct *queue,
			     struct delayed_work *work,
			     unsigned int milliseconds)
{
	return queue_delayed_work(queue, work, msecs_to_jiffies(milliseconds));
}

/* The reference keeps the task valid for kthread_stop() after it has ended. */
struct task_struct *shim_thread_start(int (*function)(void *data), void *data,
				      const char *name)
{
	struct task_struct *task = kthread_create(function, data, "%s", name);

	if (!IS_ERR(task)) {
		get_task_struct(task);
		wake_up_process(task);
	}
	return task;
}
