// SPDX-License-Identifier: GPL-2.0-only

//! Bisection and sorting.

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

/// Puts numbers in order: a heap sort, in place. That of `core` has paths which the kernel's objtool cannot follow, and
/// needs more of a stack.
pub(super) fn sort(numbers: &mut [u64]) {
    for root in (0..numbers.len() / 2).rev() {
        sink(numbers, root);
    }
    for end in (1..numbers.len()).rev() {
        numbers.swap(0, end);
        sink(numbers.get_mut(..end).unwrap_or_default(), 0);
    }
}

/// Lets a number of a heap sink to where no child is greater.
fn sink(heap: &mut [u64], mut root: usize) {
    loop {
        let left = 2 * root + 1;
        let greater = usize::from(heap.get(left + 1) > heap.get(left));
        let child = left + greater;
        match (heap.get(root), heap.get(child)) {
            (Some(parent), Some(number)) if number > parent => heap.swap(root, child),
            _ => return,
        }
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_numbers_are_those_that_came_in_order() {
        let mut state = 1u64;
        for length in 0..200 {
            let mut numbers: Vec<u64> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    (state >> 33) % 97
                })
                .collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort(&mut numbers);
            assert_eq!(numbers, expected);
        }
    }
}
