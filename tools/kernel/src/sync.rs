// SPDX-License-Identifier: GPL-2.0-only

//! Shared ownership and atomics.

pub mod atomic;
pub mod barrier;
pub mod interleave;

use crate::alloc::{AllocError, Flags};
use core::ops::Deref;

/// A reference-counted allocation.
#[derive(Debug)]
pub struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    /// Allocates memory and moves `value` into it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(std::sync::Arc::new(value)))
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
