// SPDX-License-Identifier: GPL-2.0-only

//! Sorting in place without the standard library's sorts, whose panics the kernel's object checker cannot follow.

/// Sorts by a key: a heap sort (Williams, 1964). Takes n log n steps whatever the order was, and no memory; not stable.
pub(super) fn sort_by_key<T>(values: &mut [T], key: impl Fn(&T) -> u64) {
    let length = values.len();
    for root in (0..length / 2).rev() {
        sift_down(values, root, &key);
    }
    for end in (1..length).rev() {
        values.swap(0, end);
        if let Some(heap) = values.get_mut(..end) {
            sift_down(heap, 0, &key);
        }
    }
}

/// Makes the part of a heap below `root` a heap again, its root being the only one out of place.
fn sift_down<T>(heap: &mut [T], mut root: usize, key: &impl Fn(&T) -> u64) {
    let at = |heap: &[T], index: usize| heap.get(index).map(key);
    loop {
        let (left, right) = (2 * root + 1, 2 * root + 2);
        let mut largest = root;
        for child in [left, right] {
            if at(heap, child) > at(heap, largest) {
                largest = child;
            }
        }
        if largest == root {
            return;
        }
        heap.swap(root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by_key;

    #[test]
    fn every_order_of_few_and_many_with_equals() {
        for length in 0..40usize {
            for seed in 0..50u64 {
                let mut state = seed + 1;
                let mut values: Vec<u64> = (0..length)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                        (state >> 33) % 16
                    })
                    .collect();
                let mut wanted = values.clone();
                wanted.sort_unstable();
                sort_by_key(&mut values, |value| *value);
                assert_eq!(values, wanted);
            }
        }
    }
}
