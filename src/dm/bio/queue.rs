// SPDX-License-Identifier: GPL-2.0-only

//! A queue of held bios that needs no memory of its own.

use super::HeldBio;
use crate::{
    dm::Target,
    sys::bindings as c, //
};
use core::{
    marker::PhantomData,
    mem,
    ptr::{
        self,
        NonNull, //
    },
};

/// Held bios, first in, first out.
///
/// The bios are linked through their own `bi_next`. Dropping the queue ends each
/// of them with an I/O error.
///
/// # Invariants
///
/// `head` is null, or the first of a list of bios that came from
/// `HeldBio::into_raw` for `T` and belong to the queue; `tail` is its last
/// one. The `bi_next` of the last is null.
pub struct BioQueue<T: Target> {
    head: *mut c::bio,
    tail: *mut c::bio,
    _bios: PhantomData<HeldBio<T>>,
}

// SAFETY: a queue is a collection of held bios, which are `Send`.
unsafe impl<T: Target> Send for BioQueue<T> {}

impl<T: Target> BioQueue<T> {
    /// Makes an empty queue.
    pub const fn new() -> Self {
        // INVARIANT: empty.
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            _bios: PhantomData,
        }
    }

    /// Returns whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends a bio. Any context.
    pub fn push(&mut self, bio: HeldBio<T>) {
        let bio = bio.into_raw().as_ptr();
        // SAFETY: the bio belongs to the queue from here on.
        unsafe { (*bio).bi_next = ptr::null_mut() };
        // INVARIANT: `bio` is the new last element.
        self.link(bio, bio);
    }

    /// Takes the oldest bio out. Any context.
    pub fn pop(&mut self) -> Option<HeldBio<T>> {
        let bio = NonNull::new(self.head)?;
        // SAFETY: the bio belongs to the queue by the type invariant.
        self.head = unsafe { (*bio.as_ptr()).bi_next };
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        // SAFETY: the bio still belongs to the queue, which gives it up here.
        unsafe { (*bio.as_ptr()).bi_next = ptr::null_mut() };
        // SAFETY: by the type invariant, and it is no longer in the list.
        Some(unsafe { HeldBio::from_raw(bio) })
    }

    /// Takes all bios out, in order.
    #[must_use = "the bios in it would end with an I/O error"]
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Appends all bios of another queue, in order.
    pub fn append(&mut self, mut other: Self) {
        let (head, tail) = (other.head, other.tail);
        // INVARIANT: the other queue gives its bios up.
        other.head = ptr::null_mut();
        other.tail = ptr::null_mut();
        if !head.is_null() {
            self.link(head, tail);
        }
    }

    /// Links a list, whose bios the queue owns from here on, to the end.
    fn link(&mut self, head: *mut c::bio, tail: *mut c::bio) {
        if self.tail.is_null() {
            self.head = head;
        } else {
            // SAFETY: the last bio belongs to the queue by the type invariant.
            unsafe { (*self.tail).bi_next = head };
        }
        self.tail = tail;
    }
}

impl<T: Target> Default for BioQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Target> Drop for BioQueue<T> {
    fn drop(&mut self) {
        while let Some(bio) = self.pop() {
            bio.complete(crate::dm::Status::IOERR);
        }
    }
}
