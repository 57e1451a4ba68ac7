// SPDX-License-Identifier: GPL-2.0-only

//! Bisection.

/// The first index of a range for which `is_below` no longer holds; the range's end if it always does.
pub(super) fn bisect(mut start: usize, mut end: usize, is_below: impl Fn(usize) -> bool) -> usize {
    while start < end {
        let middle = start + (end - start) / 2;
        if is_below(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}
