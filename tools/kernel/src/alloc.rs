// SPDX-License-Identifier: GPL-2.0-only

//! Fallible allocation: boxes and vectors whose growth takes [`Flags`].

pub mod failure;
mod kvec;

pub use kvec::{KVVec, KVec, PushError, RemoveError, VVec};

use core::ops::{Deref, DerefMut};

/// Out of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AllocError;

/// How an allocation may behave; without meaning on the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

/// The usual flags.
pub mod flags {
    use super::Flags;

    /// A normal allocation, which may sleep.
    pub const GFP_KERNEL: Flags = Flags(0);
}

/// A uniquely owned allocation.
#[derive(Debug)]
pub struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    /// Allocates memory and moves `value` into it.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        failure::allocate()?;
        Ok(Self(Box::new(value)))
    }
}

impl<T: Zeroable> KBox<T> {
    /// Allocates memory that is all zero.
    pub fn zeroed(_flags: Flags) -> Result<Self, AllocError> {
        failure::allocate()?;
        Ok(Self(Box::new(T::zeroed())))
    }
}

/// A type for which zeros are a valid value. In the kernel's crate the memory tells, here the type does.
pub trait Zeroable {
    /// The value.
    fn zeroed() -> Self;
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
