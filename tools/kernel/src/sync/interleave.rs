// SPDX-License-Identifier: GPL-2.0-only

//! Lets a test have something happen in the middle of a function: what another processor might do there.

use std::cell::RefCell;

type Meanwhile = Box<dyn FnOnce()>;

std::thread_local! {
    static MEANWHILE: RefCell<Option<Meanwhile>> = const { RefCell::new(None) };
}

/// Has `meanwhile` run on this thread just before its next [`Atomic::fetch_add`](super::atomic::Atomic::fetch_add).
pub fn before_next_addition(meanwhile: impl FnOnce() + 'static) {
    MEANWHILE.with(|slot| *slot.borrow_mut() = Some(Box::new(meanwhile)));
}

pub(super) fn point() {
    // Taken out first: what runs may add as well.
    let meanwhile = MEANWHILE.with(|slot| slot.borrow_mut().take());
    if let Some(meanwhile) = meanwhile {
        meanwhile();
    }
}
