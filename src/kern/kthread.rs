// SPDX-License-Identifier: GPL-2.0-only

//! Kernel threads that are joined when they are dropped.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::sys::bindings as c;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::from_err_ptr,
    fmt,
    prelude::*,
    str::CString, //
};

/// What a thread is told from outside. Only the thread itself holds one.
pub struct StopSignal {
    // Belongs to the thread that it was made for.
    _not_send: PhantomData<*mut ()>,
}

impl StopSignal {
    /// Returns whether the thread is to end.
    pub fn should_stop(&self) -> bool {
        // SAFETY: runs in the thread that `Thread::spawn` started.
        unsafe { c::kthread_should_stop() }
    }

    /// Sleeps for about `milliseconds`, less if the thread is asked to stop meanwhile. If it is asked just when it goes
    /// to sleep it may sleep them all, so they should be few: whoever stops the thread waits for it.
    ///
    /// Context: the thread itself, which may hold nothing that forbids sleeping.
    pub fn sleep(&self, milliseconds: u32) {
        // SAFETY: a pure conversion.
        let jiffies = unsafe { c::__msecs_to_jiffies(milliseconds) };
        if self.should_stop() {
            return;
        }
        // SAFETY: runs in the thread that `Thread::spawn` started, which is a task and
        // not the idle one; the state that it sleeps in is set by the function itself.
        unsafe { c::schedule_timeout_interruptible(jiffies as c_long) };
    }
}

/// A kernel thread. Dropping it asks it to stop and waits until it has ended.
///
/// # Invariants
///
/// `task` is valid, with one reference owned by this object. `main` owns the
/// closure until the thread takes it.
pub struct Thread {
    task: NonNull<c::task_struct>,
    unstarted: NonNull<c_void>,
    free: unsafe fn(NonNull<c_void>),
}

// SAFETY: a task may be stopped by any other task, and what is behind
// `unstarted` is `Send`.
unsafe impl Send for Thread {}
// SAFETY: nothing can be done through a shared reference.
unsafe impl Sync for Thread {}

impl Thread {
    /// Starts a thread that runs `main` once. May sleep.
    ///
    /// `main` returns when [`StopSignal::should_stop`] says so, or earlier.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or `EINTR` when the current task is being killed.
    pub fn spawn<F>(name: fmt::Arguments<'_>, main: F) -> Result<Self>
    where
        F: FnOnce(&StopSignal) + Send + 'static,
    {
        let name = CString::try_from_fmt(name)?;
        let main = KBox::into_raw(KBox::new(main, GFP_KERNEL)?);
        // SAFETY: `enter::<F>` takes exactly what `main` points to; the name is
        // NUL-terminated and copied.
        let task =
            unsafe { c::shim_thread_start(Some(enter::<F>), main.cast(), name.as_char_ptr()) };
        let started = from_err_ptr(task).and_then(|task| NonNull::new(task).ok_or(ENOMEM));
        let (Ok(task), Some(unstarted)) = (started, NonNull::new(main.cast())) else {
            // SAFETY: no thread was started, so the closure is still ours.
            drop(unsafe { KBox::from_raw(main) });
            return Err(started.err().unwrap_or(ENOMEM));
        };
        // INVARIANT: the shim took the reference for us.
        Ok(Self {
            task,
            unstarted,
            free: free::<F>,
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: `task` is a valid kernel thread and its reference is ours; it
        // is given up here.
        let result = unsafe { c::kthread_stop_put(self.task.as_ptr()) };
        if result == EINTR.to_errno() {
            // SAFETY: the result says that the thread was stopped before its
            // function began, so the closure is still ours; `free` is the
            // function for its type.
            unsafe { (self.free)(self.unstarted) };
        }
    }
}

/// # Safety
///
/// `main` is a `KBox::into_raw` pointer to an `F` that the caller gives away.
unsafe fn free<F>(main: NonNull<c_void>) {
    // SAFETY: by this function's contract.
    drop(unsafe { KBox::from_raw(main.as_ptr().cast::<F>()) });
}

/// # Safety
///
/// C calls this once, with the closure that [`Thread::spawn`] handed over.
unsafe extern "C" fn enter<F: FnOnce(&StopSignal)>(main: *mut c_void) -> c_int {
    // SAFETY: by this function's contract the box is ours now.
    let main = unsafe { KBox::from_raw(main.cast::<F>()) };
    KBox::into_inner(main)(&StopSignal {
        _not_send: PhantomData,
    });
    0
}
