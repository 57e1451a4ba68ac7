// SPDX-License-Identifier: GPL-2.0-only

//! Waiting, without a thread, for I/O that is already under way.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)

use super::client::ClientSlot;
use crate::sys::bindings as c;
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        ArcBorrow, //
    },
    types::Opaque, //
};

/// Who hears that a grace period has ended.
pub trait EpochClient: Send + Sync + Sized + 'static {
    /// Everything that had entered before the matching
    /// [`IoEpoch::after_grace_period`] has left. Softirqs are off: must not
    /// sleep.
    fn grace_period_ended(this: ArcBorrow<'_, Self>, ticket: u32);
}

/// Proof of one [`IoEpoch::enter`], to be given to [`IoEpoch::leave`] once.
///
/// It can be copied so that it fits into per-bio data. Leaving twice, or never,
/// upsets the domain's count: a grace period then ends early, or not at all.
#[derive(Clone, Copy)]
pub struct EpochToken(bool);

/// Every ticket is waiting for its grace period; ask again when one has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TicketsExhausted;

#[repr(C)]
struct Slot<T> {
    head: Opaque<c::callback_head>,
    client: ClientSlot<T>,
    ticket: Atomic<u32>,
    taken: Atomic<i32>,
}

struct Domain<T> {
    srcu: Opaque<c::srcu_struct>,
    slots: KVec<Slot<T>>,
}

/// A domain in which I/O enters and leaves, and whose grace periods are heard
/// of by callback.
///
/// Entering and leaving touch only data of the current CPU.
///
/// # Invariants
///
/// `domain` is an allocation that this object owns; its SRCU structure is
/// initialised and its slots never move.
pub struct IoEpoch<T: EpochClient> {
    domain: NonNull<Domain<T>>,
}

// SAFETY: SRCU may be used on every thread, and so may the slots.
unsafe impl<T: EpochClient> Send for IoEpoch<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: EpochClient> Sync for IoEpoch<T> {}

impl<T: EpochClient> IoEpoch<T> {
    /// Makes a domain that can await `tickets` grace periods at a time. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(tickets: usize) -> Result<Self> {
        let mut slots = KVec::with_capacity(tickets, GFP_KERNEL)?;
        for _ in 0..tickets {
            slots.push(
                Slot {
                    head: Opaque::zeroed(),
                    client: ClientSlot::new(),
                    ticket: Atomic::new(0),
                    taken: Atomic::new(0),
                },
                GFP_KERNEL,
            )?;
        }
        let domain = KBox::new(
            Domain {
                srcu: Opaque::zeroed(),
                slots,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: the structure is zeroed memory at its final address.
        to_result(unsafe { c::shim_srcu_init(domain.srcu.get()) })?;
        // SAFETY: `KBox::into_raw` never returns null.
        let domain = unsafe { NonNull::new_unchecked(KBox::into_raw(domain)) };
        // INVARIANT: initialised above; nothing changes the vector any more.
        Ok(Self { domain })
    }

    /// Enters. Task or softirq or hardirq context, never sleeps.
    pub fn enter(&self) -> EpochToken {
        // SAFETY: the SRCU structure is initialised by the type invariant.
        EpochToken(unsafe { c::shim_srcu_down_read(self.srcu()) } != 0)
    }

    /// Leaves, possibly in another context or task than the one that entered.
    /// Any context but NMI.
    pub fn leave(&self, token: EpochToken) {
        // SAFETY: the SRCU structure is initialised by the type invariant; the
        // index is 0 or 1, as `enter` got it.
        unsafe { c::shim_srcu_up_read(self.srcu(), c_int::from(token.0)) };
    }

    /// Has [`EpochClient::grace_period_ended`] called with `ticket` once all
    /// that has entered so far has left. Any context with interrupts on; does
    /// not wait.
    ///
    /// Until then the domain holds a reference to `client`. A domain serves one
    /// object only.
    ///
    /// # Errors
    ///
    /// [`TicketsExhausted`] when as many calls as [`IoEpoch::new`] was told of
    /// are outstanding.
    pub fn after_grace_period(
        &self,
        client: ArcBorrow<'_, T>,
        ticket: u32,
    ) -> Result<(), TicketsExhausted> {
        let slot = self
            .domain()
            .slots
            .iter()
            // ORDERING: full, pairs with the release in `grace_period_ended`.
            .find(|slot| slot.taken.cmpxchg(0, 1, Full).is_ok())
            .ok_or(TicketsExhausted)?;
        if !slot.client.acquire(client) {
            slot.taken.store(0, Release);
            return Err(TicketsExhausted);
        }
        // ORDERING: `call_srcu` orders this store before the callback.
        slot.ticket.store(ticket, Relaxed);
        // SAFETY: the domain is initialised, the head belongs to the slot that
        // was just taken and is not queued, and `grace_period_ended::<T>` is
        // the function for its type. `Drop` waits for the callback.
        unsafe { c::call_srcu(self.srcu(), slot.head.get(), Some(grace_period_ended::<T>)) };
        // A user's failed write waits for this: some ticks are saved.
        // SAFETY: the domain is initialised. What this queues `Drop` waits for.
        unsafe { c::srcu_expedite_current(self.srcu()) };
        Ok(())
    }

    /// Waits until every callback asked for so far has run. Sleeps.
    pub fn barrier(&self) {
        // SAFETY: the SRCU structure is initialised by the type invariant.
        unsafe { c::srcu_barrier(self.srcu()) };
    }

    fn domain(&self) -> &Domain<T> {
        // SAFETY: valid by the type invariant; only shared references are made.
        unsafe { self.domain.as_ref() }
    }

    fn srcu(&self) -> *mut c::srcu_struct {
        self.domain().srcu.get()
    }
}

impl<T: EpochClient> Drop for IoEpoch<T> {
    /// Waits for all that entered and for all callbacks. Sleeps.
    fn drop(&mut self) {
        // A domain with something inside cannot be freed: better wait for ever
        // than let C use freed memory. Expedited, since as a rule nothing is
        // inside any more, and whoever removes a device waits for this.
        // SAFETY: the SRCU structure is initialised by the type invariant.
        unsafe { c::synchronize_srcu_expedited(self.srcu()) };
        self.barrier();
        // A request to expedite that came while another was pending has queued itself anew meanwhile.
        self.barrier();
        // SAFETY: as above, and nothing is inside and no callback is pending.
        unsafe { c::cleanup_srcu_struct(self.srcu()) };
        // SAFETY: the allocation came from `KBox::into_raw`, is ours, and C has
        // forgotten it.
        drop(unsafe { KBox::from_raw(self.domain.as_ptr()) });
    }
}

/// # Safety
///
/// C calls this with the head of a live, taken [`Slot<T>`] that holds one
/// acquired reference.
unsafe extern "C" fn grace_period_ended<T: EpochClient>(head: *mut c::callback_head) {
    // CAST: `head` is the first field of the `repr(C)` slot.
    let slot = head.cast::<Slot<T>>();
    // SAFETY: by this function's contract the slot is alive: the domain's
    // owner waits for this callback before freeing it.
    let slot = unsafe { &*slot };
    let ticket = slot.ticket.load(Relaxed);
    // SAFETY: by this function's contract.
    let client = unsafe { slot.client.release() };
    // ORDERING: the slot's fields were read before its next owner takes it.
    slot.taken.store(0, Release);
    T::grace_period_ended(client.as_arc_borrow(), ticket);
}
