// SPDX-License-Identifier: GPL-2.0-only

//! Atomics whose orderings are types, as in the kernel's memory model.

use super::interleave;
use core::sync::atomic::{fence, AtomicI32, AtomicU32, AtomicU64, Ordering as Core};

/// No ordering.
#[derive(Clone, Copy, Debug)]
pub struct Relaxed;

/// Later accesses stay behind a load.
#[derive(Clone, Copy, Debug)]
pub struct Acquire;

/// Earlier accesses stay in front of a store.
#[derive(Clone, Copy, Debug)]
pub struct Release;

/// A full barrier before and behind.
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// An ordering of a load.
pub trait AcquireOrRelaxed {
    /// The same ordering in core's terms.
    const CORE: Core;
}

/// An ordering of a store.
pub trait ReleaseOrRelaxed {
    /// The same ordering in core's terms.
    const CORE: Core;
}

impl AcquireOrRelaxed for Relaxed {
    const CORE: Core = Core::Relaxed;
}

impl AcquireOrRelaxed for Acquire {
    const CORE: Core = Core::Acquire;
}

impl ReleaseOrRelaxed for Relaxed {
    const CORE: Core = Core::Relaxed;
}

impl ReleaseOrRelaxed for Release {
    const CORE: Core = Core::Release;
}

/// A type that has an atomic counterpart.
pub trait AtomicType: Copy {
    /// That counterpart.
    type Cell;
    /// Makes a cell.
    fn cell(value: Self) -> Self::Cell;
    /// Reads a cell.
    fn load(cell: &Self::Cell, order: Core) -> Self;
    /// Writes a cell.
    fn store(cell: &Self::Cell, value: Self, order: Core);
    /// Writes a cell and returns what it held.
    fn xchg(cell: &Self::Cell, value: Self) -> Self;
    /// Adds to a cell, wrapping around, and returns what it held.
    fn fetch_add(cell: &Self::Cell, value: Self) -> Self;
    /// Subtracts from a cell, wrapping around, and returns what it held.
    fn fetch_sub(cell: &Self::Cell, value: Self) -> Self;
}

macro_rules! atomic_type {
    ($type:ty, $cell:ty) => {
        impl AtomicType for $type {
            type Cell = $cell;

            #[inline]
            fn cell(value: Self) -> $cell {
                <$cell>::new(value)
            }

            #[inline]
            fn load(cell: &$cell, order: Core) -> Self {
                cell.load(order)
            }

            #[inline]
            fn store(cell: &$cell, value: Self, order: Core) {
                cell.store(value, order);
            }

            #[inline]
            fn xchg(cell: &$cell, value: Self) -> Self {
                cell.swap(value, Core::SeqCst)
            }

            #[inline]
            fn fetch_add(cell: &$cell, value: Self) -> Self {
                cell.fetch_add(value, Core::SeqCst)
            }

            #[inline]
            fn fetch_sub(cell: &$cell, value: Self) -> Self {
                cell.fetch_sub(value, Core::SeqCst)
            }
        }
    };
}

atomic_type!(i32, AtomicI32);
atomic_type!(u32, AtomicU32);
atomic_type!(u64, AtomicU64);

/// A value that several CPUs may read and write at once.
#[derive(Debug)]
pub struct Atomic<T: AtomicType>(T::Cell);

impl<T: AtomicType> Atomic<T> {
    /// Makes a new value.
    pub fn new(value: T) -> Self {
        Self(T::cell(value))
    }

    /// Reads the value.
    pub fn load<O: AcquireOrRelaxed>(&self, _order: O) -> T {
        T::load(&self.0, O::CORE)
    }

    /// Writes the value.
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _order: O) {
        T::store(&self.0, value, O::CORE);
    }

    /// Writes the value and returns the old one, with a full barrier before and behind.
    pub fn xchg(&self, value: T, _order: Full) -> T {
        fence(Core::SeqCst);
        let old = T::xchg(&self.0, value);
        fence(Core::SeqCst);
        old
    }

    /// Adds to the value, with a full barrier before and behind.
    pub fn fetch_add(&self, value: T, _order: Full) -> T {
        interleave::point();
        fence(Core::SeqCst);
        let old = T::fetch_add(&self.0, value);
        fence(Core::SeqCst);
        old
    }

    /// Subtracts from the value, with a full barrier before and behind.
    pub fn fetch_sub(&self, value: T, _order: Full) -> T {
        fence(Core::SeqCst);
        let old = T::fetch_sub(&self.0, value);
        fence(Core::SeqCst);
        old
    }
}
