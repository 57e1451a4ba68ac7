// SPDX-License-Identifier: GPL-2.0-only

//! Shared ownership and atomics.

pub mod atomic;
pub mod interleave;

use crate::alloc::{failure, AllocError, Flags};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;

/// A reference-counted allocation.
#[derive(Debug)]
pub struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    /// Allocates memory and moves `value` into it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        failure::allocate()?;
        Ok(Self(std::sync::Arc::new(value)))
    }
}

impl<T: Unpin> Arc<T> {
    /// The allocation for one owner, if this was the last reference; otherwise the reference is dropped.
    pub fn into_unique_or_drop(this: Self) -> Option<Pin<UniqueArc<T>>> {
        let value = std::sync::Arc::into_inner(this.0)?;
        Some(Pin::new(UniqueArc(Box::new(value))))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<UniqueArc<T>> for Arc<T> {
    fn from(unique: UniqueArc<T>) -> Self {
        Self(std::sync::Arc::new(*unique.0))
    }
}

/// An allocation that has one owner and can become an [`Arc`].
///
/// The kernel's keeps its place when it does; here the value moves, which only pinned ones would notice.
#[derive(Debug)]
pub struct UniqueArc<T>(Box<T>);

impl<T> UniqueArc<T> {
    /// Allocates memory and moves `value` into it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        failure::allocate()?;
        Ok(Self(Box::new(value)))
    }
}

impl<T> Deref for UniqueArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for UniqueArc<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
