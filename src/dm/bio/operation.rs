// SPDX-License-Identifier: GPL-2.0-only

//! What a bio asks for.

use crate::sys::bindings as c;

/// What a bio asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Make all that was written last; carries no data.
    Flush,
    /// Forget data.
    Discard,
    /// Forget data beyond recovery.
    SecureErase,
    /// Write zeros; carries no data.
    WriteZeroes,
    /// Anything else, by the kernel's number.
    Other(u8),
}

impl Operation {
    /// Returns whether this changes what is on the device.
    pub const fn changes_data(self) -> bool {
        !matches!(self, Self::Read | Self::Flush)
    }

    pub(in super::super) fn from_raw(operation: c::blk_opf_t, sectors: u32) -> Self {
        match operation & c::SHIM_REQ_OP_MASK {
            c::req_op_REQ_OP_READ => Self::Read,
            // Device-mapper passes flushes on as writes without data.
            c::req_op_REQ_OP_WRITE if sectors == 0 => Self::Flush,
            c::req_op_REQ_OP_WRITE => Self::Write,
            c::req_op_REQ_OP_FLUSH => Self::Flush,
            c::req_op_REQ_OP_DISCARD => Self::Discard,
            c::req_op_REQ_OP_SECURE_ERASE => Self::SecureErase,
            c::req_op_REQ_OP_WRITE_ZEROES => Self::WriteZeroes,
            // CAST: the mask is eight bits wide.
            other => Self::Other(other as u8),
        }
    }
}
