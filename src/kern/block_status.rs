// SPDX-License-Identifier: GPL-2.0-only

//! The outcome of a block I/O.

use crate::sys::bindings as c;
use kernel::fmt;

/// What became of a bio: the kernel's `blk_status_t`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlockStatus(c::blk_status_t);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:expr, $text:literal;)*) => {
        impl BlockStatus {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// Returns a short name for logs and status lines.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    _ => "unknown",
                }
            }

            /// Takes a number that [`BlockStatus::raw`] returned; any other
            /// number becomes [`BlockStatus::IOERR`].
            pub const fn from_raw(raw: u8) -> Self {
                match Self(raw) {
                    $(Self::$name => Self::$name,)*
                    _ => Self::IOERR,
                }
            }
        }
    };
}

statuses! {
    /// Success.
    OK = 0, "ok";
    /// The device does not know the operation.
    NOTSUPP = c::SHIM_BLK_STS_NOTSUPP, "not-supported";
    /// The device did not answer in time.
    TIMEOUT = c::SHIM_BLK_STS_TIMEOUT, "timeout";
    /// The device has no room left.
    NOSPC = c::SHIM_BLK_STS_NOSPC, "no-space";
    /// The way to the device failed, for now perhaps.
    TRANSPORT = c::SHIM_BLK_STS_TRANSPORT, "transport";
    /// The device refused for good.
    TARGET = c::SHIM_BLK_STS_TARGET, "target";
    /// Another host holds a reservation.
    RESERVATION = c::SHIM_BLK_STS_RESV_CONFLICT, "reservation";
    /// The medium failed at these sectors.
    MEDIUM = c::SHIM_BLK_STS_MEDIUM, "medium";
    /// Protection information did not match.
    PROTECTION = c::SHIM_BLK_STS_PROTECTION, "protection";
    /// The kernel ran short of a resource.
    RESOURCE = c::SHIM_BLK_STS_RESOURCE, "resource";
    /// An I/O error that says no more.
    IOERR = c::SHIM_BLK_STS_IOERR, "io-error";
    /// Device-mapper is to queue the bio again.
    DM_REQUEUE = c::SHIM_BLK_STS_DM_REQUEUE, "dm-requeue";
    /// The bio would have had to wait and must not.
    AGAIN = c::SHIM_BLK_STS_AGAIN, "again";
    /// The device ran short of a resource.
    DEV_RESOURCE = c::SHIM_BLK_STS_DEV_RESOURCE, "device-resource";
    /// The device is offline.
    OFFLINE = c::SHIM_BLK_STS_OFFLINE, "offline";
    /// A duration limit ran out.
    DURATION_LIMIT = c::SHIM_BLK_STS_DURATION_LIMIT, "duration-limit";
    /// The bio itself is not valid.
    INVALID = c::SHIM_BLK_STS_INVAL, "invalid";
}

impl BlockStatus {
    /// Returns whether this is success.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Returns the number that the kernel uses, for storing.
    pub const fn raw(self) -> u8 {
        self.0
    }

    /// Returns the matching negative errno, 0 for success.
    pub fn to_errno(self) -> i32 {
        // SAFETY: a pure function over a table; it checks its argument.
        unsafe { c::blk_status_to_errno(self.0) }
    }

    pub(crate) const fn from_c(status: c::blk_status_t) -> Self {
        Self(status)
    }
}

impl fmt::Display for BlockStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
