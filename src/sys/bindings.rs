// SPDX-License-Identifier: GPL-2.0-only

//! Generated bindings of `include/bindings_helper.h`, made by `bindings.mk`.

#![allow(
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    rustdoc::all,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr
)]

use kernel::ffi;

// The foreign types of the generated declarations resolve through this. A local
// definition of the same name goes before it.
pub(crate) use kernel::bindings::*;

include!(concat!(env!("SPARE_BINDINGS_DIR"), "/layer_generated.rs"));
