// SPDX-License-Identifier: GPL-2.0-only

//! The C edge: generated bindings, and nothing else.
//!
//! Only `src/dm` and `src/kern` look in here. What the kernel crate's own
//! bindings hold is taken from there, so that a `struct bio` is one type; what
//! they lack comes from a private bindgen run over
//! `include/bindings_helper.h`.

pub(crate) mod bindings;
