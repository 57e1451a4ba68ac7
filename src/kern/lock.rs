// SPDX-License-Identifier: GPL-2.0-only

//! A spin lock that may be taken in every context.

use crate::sys::bindings as c;
use kernel::{
    prelude::*,
    sync::lock::{
        Backend,
        Lock, //
    },
};

/// A spin lock that keeps interrupts of this CPU off while it is held.
///
/// May be taken from task, softirq and hardirq context alike. The holder must
/// not sleep. Make one with [`new_irq_lock!`](crate::kern::new_irq_lock).
pub type IrqLock<T> = Lock<T, IrqSave>;

/// The backend of [`IrqLock`]: `spin_lock_irqsave` and its counterparts.
///
/// Unlike the kernel crate's own irq-safe spin lock it exists in every kernel
/// that this project supports.
pub struct IrqSave;

// SAFETY: a spin lock excludes every other holder, on this CPU too since
// interrupts are off; `relock` is the default and locks in the same way.
unsafe impl Backend for IrqSave {
    type State = c::spinlock_t;
    /// The saved interrupt state of the CPU.
    type GuardState = c_ulong;

    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut c::lock_class_key) {
        // SAFETY: by the trait's contract `ptr` is valid for writes, `name` and
        // `key` live for ever.
        unsafe { c::__spin_lock_init(ptr, name, key) }
    }

    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: by the trait's contract the lock is initialised.
        unsafe { c::shim_spin_lock_irqsave(ptr) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        let mut flags = 0;
        // SAFETY: by the trait's contract the lock is initialised; `flags` is a
        // local variable.
        let locked = unsafe { c::shim_spin_trylock_irqsave(ptr, &mut flags) };
        locked.then_some(flags)
    }

    unsafe fn unlock(ptr: *mut Self::State, guard_state: &Self::GuardState) {
        // SAFETY: by the trait's contract the caller holds the lock, and the
        // flags are those that locking returned.
        unsafe { c::shim_spin_unlock_irqrestore(ptr, *guard_state) }
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: by the trait's contract the lock is initialised.
        unsafe { c::shim_spin_assert_held(ptr) }
    }
}

/// Makes an initialiser of an [`IrqLock`](crate::kern::IrqLock) around a value,
/// with a lock class of its own and, optionally, a name.
#[macro_export]
macro_rules! new_irq_lock {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::kern::IrqLock::new(
            $inner,
            ::kernel::optional_name!($($name)?),
            ::kernel::static_lock_class!(),
        )
    };
}
#[doc(inline)]
pub use new_irq_lock;
