// SPDX-License-Identifier: GPL-2.0-only

//! The C callbacks of a target: conversion, one call, conversion.
//!
//! Device-mapper calls them with a valid `dm_target`. All but the constructor
//! are called between its success and the destructor, when `ti->private` is an
//! [`Instance`]. What else each may rely on is in its `# Safety` section.

use super::super::{
    bio::{
        EndBio,
        MapBio, //
    },
    constructor::device_name,
    instance::Instance,
    per_bio::Area,
    Arguments,
    ConstructError,
    Constructor,
    DeviceVisitor,
    Limits,
    Reply,
    StatusKind,
    StatusWriter,
    Target,
    Words, //
};
use crate::{
    kern::InFlight,
    sys::bindings as c, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

/// `DM_STATUS_NOFLUSH_FLAG`, which the kernel keeps in `drivers/md/dm.h`.
const STATUS_NOFLUSH: c_uint = 1;

/// Returns the callbacks of `T` as device-mapper wants them.
pub(in super::super) fn target_type<T: Target>(module: &'static ThisModule) -> c::target_type {
    c::target_type {
        features: T::FEATURES.bits(),
        name: T::NAME.as_char_ptr(),
        module: module.as_ptr(),
        version: T::VERSION,
        ctr: Some(construct::<T>),
        dtr: Some(destruct::<T>),
        map: Some(map::<T>),
        end_io: if T::HAS_END_IO {
            Some(end_io::<T>)
        } else {
            None
        },
        presuspend: Some(presuspend::<T>),
        presuspend_undo: Some(presuspend_undo::<T>),
        postsuspend: Some(postsuspend::<T>),
        preresume: Some(preresume::<T>),
        resume: Some(resume::<T>),
        status: Some(c::shim_status),
        message: Some(message::<T>),
        iterate_devices: Some(iterate_devices::<T>),
        io_hints: Some(io_hints::<T>),
        ..Default::default()
    }
}

/// # Safety
///
/// `ti` is a target of type `T`, between the success of its constructor and the
/// end of its destructor, for all of `'a`.
unsafe fn instance<'a, T: Target>(ti: *mut c::dm_target) -> &'a Instance<T> {
    // SAFETY: by this function's contract the pointer is not null.
    let ti = unsafe { NonNull::new_unchecked(ti) };
    // SAFETY: by this function's contract.
    unsafe { Instance::of(ti) }
}

/// # Safety
///
/// As for [`instance`].
unsafe fn target<'a, T: Target>(ti: *mut c::dm_target) -> ArcBorrow<'a, T> {
    // SAFETY: by this function's contract.
    let instance = unsafe { instance::<T>(ti) };
    // SAFETY: the constructor has set the target, the destructor is not yet
    // done.
    unsafe { instance.target() }
}

/// # Safety
///
/// `ti` is valid and `argv` has `argc` strings, until this returns.
unsafe extern "C" fn construct<T: Target>(
    ti: *mut c::dm_target,
    argc: c_uint,
    argv: *mut *mut c_char,
) -> c_int {
    // SAFETY: by this function's contract.
    let words = unsafe { Words::from_raw(argc, argv) };
    // SAFETY: by this function's contract.
    match unsafe { try_construct::<T>(ti, Arguments::new(words)) } {
        Ok(()) => 0,
        Err(error) => {
            // SAFETY: by this function's contract.
            unsafe { (*ti).error = error.publish() };
            error.error().to_errno()
        }
    }
}

/// # Safety
///
/// As for [`construct`].
unsafe fn try_construct<T: Target>(
    ti: *mut c::dm_target,
    arguments: Arguments<'_>,
) -> Result<(), ConstructError> {
    let ti = NonNull::new(ti).ok_or(EINVAL)?;
    let instance = Instance::<T>::allocate()?;
    // SAFETY: just allocated, and freed below or in `destruct` only.
    let this = unsafe { instance.as_ref() };
    // SAFETY: this is the constructor; `free` waits for the leases.
    let mut context = unsafe { Constructor::from_raw(ti, this.shared()) };
    match T::new(&mut context, arguments) {
        Ok(target) => {
            this.set_target(target);
            // SAFETY: valid by this function's contract.
            unsafe { (*ti.as_ptr()).per_io_data_size = Area::<T>::SIZE };
            // SAFETY: as above.
            unsafe { (*ti.as_ptr()).private = instance.as_ptr().cast() };
            Ok(())
        }
        Err(error) => {
            // SAFETY: nobody has seen the instance but the constructor, which has
            // failed.
            unsafe { Instance::free(instance, ti) };
            Err(error)
        }
    }
}

/// # Safety
///
/// No callback of `ti` is running or will run.
unsafe extern "C" fn destruct<T: Target>(ti: *mut c::dm_target) {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // The last bios have come back, but a call that held one may still be on its
    // way out.
    this.visits().wait_idle();
    // SAFETY: the target was set and the instance is not yet freed.
    T::destroy(unsafe { this.target() });
    // SAFETY: `ti` is not null.
    let ti = unsafe { NonNull::new_unchecked(ti) };
    // SAFETY: by this function's contract nobody uses the instance.
    unsafe { Instance::free(NonNull::from(this), ti) };
}

/// # Safety
///
/// `bio` is a clone for `ti` that this call disposes of.
unsafe extern "C" fn map<T: Target>(ti: *mut c::dm_target, bio: *mut c::bio) -> c_int {
    // SAFETY: the target exists between constructor and destructor.
    let target = unsafe { target::<T>(ti) };
    // SAFETY: by this function's contract neither is null.
    let (ti, bio) = (unsafe { NonNull::new_unchecked(ti) }, unsafe {
        NonNull::new_unchecked(bio)
    });
    // SAFETY: by this function's contract.
    let bio = unsafe { MapBio::from_raw(ti, bio) };
    T::map(target, bio).into_raw()
}

/// # Safety
///
/// `bio` went through [`map`] for `ti` and was sent to a device or ended by the
/// layer; `error` is valid and exclusive to this call.
unsafe extern "C" fn end_io<T: Target>(
    ti: *mut c::dm_target,
    bio: *mut c::bio,
    error: *mut c::blk_status_t,
) -> c_int {
    // SAFETY: by this function's contract.
    let status = unsafe { &mut *error };
    // SAFETY: by this function's contract.
    let Some(bio) = (unsafe { EndBio::from_raw(bio, status) }) else {
        return c::DM_ENDIO_DONE as c_int;
    };
    // SAFETY: the target exists between constructor and destructor, and the
    // destructor waits for bios that are not yet ended and for visits.
    let target = unsafe { target::<T>(ti) };
    let (result, visit) = T::end_io(target, bio).into_raw();
    if let Some(visit) = visit {
        // SAFETY: entered when the bio was given away; the destructor waits for
        // it, and nothing of the target is used after this.
        unsafe { InFlight::leave(visit.as_ptr()) };
    }
    result
}

/// # Safety
///
/// As described at the top of this file.
unsafe extern "C" fn presuspend<T: Target>(ti: *mut c::dm_target) {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // SAFETY: `ti` is valid.
    let noflush = unsafe { c::dm_noflush_suspending(ti) } != 0;
    // SAFETY: the target exists between constructor and destructor.
    T::presuspend(unsafe { this.target() }, this.lifecycle.presuspend(noflush));
}

/// # Safety
///
/// As described at the top of this file.
unsafe extern "C" fn presuspend_undo<T: Target>(ti: *mut c::dm_target) {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // SAFETY: the target exists between constructor and destructor.
    T::presuspend_undo(unsafe { this.target() }, this.lifecycle.presuspend_undo());
}

/// # Safety
///
/// As described at the top of this file.
unsafe extern "C" fn postsuspend<T: Target>(ti: *mut c::dm_target) {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // SAFETY: the target exists between constructor and destructor.
    T::postsuspend(unsafe { this.target() }, this.lifecycle.postsuspend());
}

/// # Safety
///
/// As described at the top of this file.
unsafe extern "C" fn preresume<T: Target>(ti: *mut c::dm_target) -> c_int {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // SAFETY: the target exists between constructor and destructor.
    match T::preresume(unsafe { this.target() }, this.lifecycle.preresume()) {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// As described at the top of this file.
unsafe extern "C" fn resume<T: Target>(ti: *mut c::dm_target) {
    // SAFETY: by this function's contract.
    let this = unsafe { instance::<T>(ti) };
    // SAFETY: the target exists between constructor and destructor.
    T::resume(unsafe { this.target() }, this.lifecycle.resume());
}

/// Called through `shim_status`, which gives the enum a type that Rust can name.
///
/// # Safety
///
/// `result` is valid for writes of `length` bytes, exclusively for this call.
pub(in super::super) unsafe extern "C" fn status<T: Target>(
    ti: *mut c::dm_target,
    kind: c_uint,
    flags: c_uint,
    result: *mut c_char,
    length: c_uint,
) {
    // SAFETY: the target exists between constructor and destructor.
    let target = unsafe { target::<T>(ti) };
    // SAFETY: by this function's contract.
    let mut out = unsafe { StatusWriter::from_raw(result, length) };
    let noflush = flags & STATUS_NOFLUSH != 0;
    T::status(target, StatusKind::from_raw(kind), noflush, &mut out);
}

/// # Safety
///
/// `argv` has `argc` strings and `result` is valid for writes of `length`
/// bytes, exclusively for this call.
unsafe extern "C" fn message<T: Target>(
    ti: *mut c::dm_target,
    argc: c_uint,
    argv: *mut *mut c_char,
    result: *mut c_char,
    length: c_uint,
) -> c_int {
    // SAFETY: the target exists between constructor and destructor.
    let target = unsafe { target::<T>(ti) };
    // SAFETY: by this function's contract.
    let words = unsafe { Words::from_raw(argc, argv) };
    // SAFETY: by this function's contract.
    let mut reply = unsafe { Reply::from_raw(result, length) };
    match T::message(target, words, &mut reply) {
        Ok(()) => c_int::from(reply.is_present()),
        Err(error) => {
            // SAFETY: valid until this returns.
            let device = unsafe { device_name(ti) };
            pr_err!("{device}: {}\n", error.sentence());
            error.error().to_errno()
        }
    }
}

/// # Safety
///
/// `callout` may be called with `ti` and `data` until this returns.
unsafe extern "C" fn iterate_devices<T: Target>(
    ti: *mut c::dm_target,
    callout: c::iterate_devices_callout_fn,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the target exists between constructor and destructor.
    let target = unsafe { target::<T>(ti) };
    // SAFETY: by this function's contract.
    let mut visitor = unsafe { DeviceVisitor::from_raw(ti, callout, data) };
    T::iterate_devices(target, &mut visitor);
    visitor.result()
}

/// # Safety
///
/// `limits` is valid and exclusive to this call.
unsafe extern "C" fn io_hints<T: Target>(ti: *mut c::dm_target, limits: *mut c::queue_limits) {
    // SAFETY: the target exists between constructor and destructor.
    let target = unsafe { target::<T>(ti) };
    // SAFETY: by this function's contract.
    let mut limits = unsafe { Limits::from_raw(limits) };
    limits.disable_polling();
    T::io_hints(target, &mut limits);
}
