// SPDX-License-Identifier: GPL-2.0-only

//! Allocations that fail because a test wants them to, in its own thread.

use super::AllocError;
use std::cell::Cell;
use std::ops::Range;

thread_local! {
    /// How many allocations are still to succeed, how many then to fail, and how many have failed.
    static PLAN: Cell<(u64, u64, u64)> = const { Cell::new((0, 0, 0)) };
}

/// Of the allocations from now on, which are counted from 0, those in the range fail.
pub fn fail(range: Range<u64>) {
    let count = range.end.saturating_sub(range.start);
    PLAN.set((range.start, count, 0));
}

/// All allocations succeed from now on; how many have failed.
pub fn stop() -> u64 {
    let (_, _, failed) = PLAN.replace((0, 0, 0));
    failed
}

/// Asked by everything that allocates.
#[inline]
pub(crate) fn allocate() -> Result<(), AllocError> {
    match PLAN.get() {
        (_, 0, _) => Ok(()),
        (0, count, failed) => {
            PLAN.set((0, count - 1, failed + 1));
            Err(AllocError)
        }
        (before, count, failed) => {
            PLAN.set((before - 1, count, failed));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::{flags::GFP_KERNEL, KBox, KVec};

    #[test]
    fn the_allocations_that_were_named_fail() {
        fail(1..3);
        let results: Vec<bool> = (0..5).map(|n| KBox::new(n, GFP_KERNEL).is_ok()).collect();
        assert_eq!(results, [true, false, false, true, true]);
        assert_eq!(stop(), 2);
        assert!(KBox::new(0, GFP_KERNEL).is_ok());
    }

    #[test]
    fn a_vector_that_has_room_or_no_elements_allocates_nothing() {
        fail(1..u64::MAX);
        let mut numbers = KVec::with_capacity(2, GFP_KERNEL).expect("the first");
        assert!(numbers.push(1, GFP_KERNEL).is_ok());
        assert!(numbers.extend_from_slice(&[2], GFP_KERNEL).is_ok());
        assert!(numbers.push(3, GFP_KERNEL).is_err());
        assert!(numbers.extend_from_slice(&[3], GFP_KERNEL).is_err());
        assert_eq!(numbers[..], [1, 2]);
        assert!(KVec::<u8>::with_capacity(0, GFP_KERNEL).is_ok());
        assert!(KVec::from_elem(0, 0, GFP_KERNEL).is_ok());
        assert!(KVec::from_elem(0, 1, GFP_KERNEL).is_err());
        assert_eq!(stop(), 3);
    }
}
