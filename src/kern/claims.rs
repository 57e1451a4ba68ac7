// SPDX-License-Identifier: GPL-2.0-only

//! Exclusive claims within this module, by number, with succession.
//!
//! device-mapper lets any number of its targets open one device. A target that keeps state on a device needs to be its only
//! user, except that a reloaded table makes a second instance of the same mapped device, which takes the claim
//! over from the first one once that has come to rest. The list is the module's, not the kernel's.

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};

/// Not yet prepared.
const FRESH: i32 = 0;
/// Somebody is preparing the lock.
const PREPARING: i32 = 1;
/// The lock may be taken.
const READY: i32 = 2;

static STATE: Atomic<i32> = Atomic::new(FRESH);
static NEXT_INSTANCE: Atomic<i64> = Atomic::new(1);

kernel::sync::global_lock! {
    // SAFETY: `prepare` initialises it before `STATE` becomes `READY`, and nothing takes it earlier.
    unsafe(uninit) static CLAIMS: Mutex<KVec<Claim>> = KVec::new();
}

/// One claimed number.
struct Claim {
    key: u64,
    owner: u64,
    instance: i64,
    active: bool,
}

/// Makes claims possible. Called once, from the module's initialisation; further calls do nothing. May sleep.
pub fn prepare() {
    // ORDERING: whoever wins is alone; the release below publishes what it did.
    if STATE.cmpxchg(FRESH, PREPARING, Relaxed).is_ok() {
        // SAFETY: The exchange above succeeds at most once, so this is the only call, and `STATE` is not yet `READY`, so nobody
        // uses the lock.
        unsafe { CLAIMS.init() };
        // ORDERING: pairs with the acquire of `ready`.
        STATE.store(READY, Release);
    }
}

fn ready() -> Result {
    // ORDERING: pairs with the release in `prepare`.
    if STATE.load(Acquire) == READY {
        Ok(())
    } else {
        Err(ENODEV)
    }
}

/// One instance's right to claim a number. Dropping it gives the claim back. All methods may sleep.
pub struct Claimant {
    key: u64,
    owner: u64,
    instance: i64,
}

impl Claimant {
    /// An instance that belongs to `owner` and may claim `key`; claims nothing yet.
    ///
    /// # Errors
    ///
    /// `EBUSY` when another owner has claimed `key`.
    pub fn new(key: u64, owner: u64) -> Result<Self> {
        ready()?;
        let taken = CLAIMS
            .lock()
            .iter()
            .any(|claim| claim.key == key && claim.owner != owner);
        if taken {
            return Err(EBUSY);
        }
        Ok(Self {
            key,
            owner,
            instance: NEXT_INSTANCE.fetch_add(1, Relaxed),
        })
    }

    /// Claims the number, from nobody or from an instance of the same owner that has come to rest.
    ///
    /// # Errors
    ///
    /// `EBUSY` when another owner, or an instance that is active, has it; `ENOMEM`.
    pub fn claim(&self) -> Result {
        ready()?;
        let mut claims = CLAIMS.lock();
        match claims.iter_mut().find(|claim| claim.key == self.key) {
            Some(claim) if claim.instance == self.instance => claim.active = true,
            Some(claim) if claim.owner == self.owner && !claim.active => {
                claim.instance = self.instance;
                claim.active = true;
            }
            Some(_) => return Err(EBUSY),
            None => claims.push(
                Claim {
                    key: self.key,
                    owner: self.owner,
                    instance: self.instance,
                    active: true,
                },
                GFP_KERNEL,
            )?,
        }
        Ok(())
    }

    /// Comes to rest: the claim is kept, but a successor of the same owner may take it over.
    pub fn rest(&self) {
        if ready().is_err() {
            return;
        }
        let mut claims = CLAIMS.lock();
        if let Some(claim) = claims
            .iter_mut()
            .find(|claim| claim.key == self.key && claim.instance == self.instance)
        {
            claim.active = false;
        }
    }
}

impl Drop for Claimant {
    fn drop(&mut self) {
        if ready().is_err() {
            return;
        }
        let mut claims = CLAIMS.lock();
        claims.retain(|claim| claim.key != self.key || claim.instance != self.instance);
        if claims.is_empty() {
            // A static is never dropped: the last one out frees the memory.
            *claims = KVec::new();
        }
    }
}
