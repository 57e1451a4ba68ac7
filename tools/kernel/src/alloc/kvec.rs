// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's vector: growth is explicit and takes [`Flags`].

use super::failure::allocate;
use super::{AllocError, Flags};
use core::ops::{Deref, DerefMut};

/// The vector was full; holds the value that was refused.
#[derive(Debug)]
pub struct PushError<T>(pub T);

/// The index was not inside the vector.
#[derive(Debug)]
pub struct RemoveError;

/// A growable array.
#[derive(Debug)]
pub struct KVec<T>(Vec<T>);

/// A growable array that may lie in virtually contiguous memory; the same as [`KVec`] on the host.
pub type KVVec<T> = KVec<T>;

/// A growable array in virtually contiguous memory; the same as [`KVec`] on the host.
pub type VVec<T> = KVec<T>;

impl<T> KVec<T> {
    /// An empty vector.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty vector with room for `capacity` values.
    pub fn with_capacity(capacity: usize, _flags: Flags) -> Result<Self, AllocError> {
        if capacity != 0 {
            allocate()?;
        }
        Ok(Self(Vec::with_capacity(capacity)))
    }

    /// Appends a value, growing if needed.
    pub fn push(&mut self, value: T, _flags: Flags) -> Result<(), AllocError> {
        self.make_room(1)?;
        self.0.push(value);
        Ok(())
    }

    fn make_room(&self, count: usize) -> Result<(), AllocError> {
        if self.0.capacity() - self.0.len() < count {
            allocate()?;
        }
        Ok(())
    }

    /// Appends a value if there is room.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.0.len() == self.0.capacity() {
            return Err(PushError(value));
        }
        self.0.push(value);
        Ok(())
    }

    /// Takes the last value.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Takes the value at `index`; later ones move down.
    pub fn remove(&mut self, index: usize) -> Result<T, RemoveError> {
        if index < self.0.len() {
            Ok(self.0.remove(index))
        } else {
            Err(RemoveError)
        }
    }

    /// Drops all values and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Clone> KVec<T> {
    /// Appends copies of all values of a slice, growing if needed.
    pub fn extend_from_slice(&mut self, other: &[T], _flags: Flags) -> Result<(), AllocError> {
        self.make_room(other.len())?;
        self.0.extend_from_slice(other);
        Ok(())
    }

    /// A vector of `length` times the same value.
    pub fn from_elem(value: T, length: usize, _flags: Flags) -> Result<Self, AllocError> {
        if length != 0 {
            allocate()?;
        }
        Ok(Self(vec![value; length]))
    }
}

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
