// SPDX-License-Identifier: GPL-2.0-only

//! The trait that a target implements.

pub(super) mod thunks;

use super::{
    Arguments,
    ConstructError,
    Constructor,
    DeviceVisitor,
    EndBio,
    Ended,
    Limits,
    MapBio,
    Mapped,
    MessageError,
    Quiesced,
    Reply,
    Running,
    Starting,
    StatusKind,
    StatusWriter,
    Suspending,
    Words, //
};
use crate::sys::bindings as c;
use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
};

/// Properties of a target type that device-mapper asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Features(c_uint);

impl Features {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// A table with this target has no other one.
    pub const SINGLETON: Self = Self(c::SHIM_DM_TARGET_SINGLETON);
    /// A device with this target never gets a table with another type.
    pub const IMMUTABLE: Self = Self(c::SHIM_DM_TARGET_IMMUTABLE);
    /// Read-only tables are refused.
    pub const ALWAYS_WRITEABLE: Self = Self(c::SHIM_DM_TARGET_ALWAYS_WRITEABLE);
    /// `map` honours [`MapBio::is_nowait`]; without this it never sees one.
    pub const NOWAIT: Self = Self(c::SHIM_DM_TARGET_NOWAIT);

    /// Joins two sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn bits(self) -> u64 {
        u64::from(self.0)
    }
}

/// A device-mapper target.
///
/// A value of the type is one line of a table. It is shared: callbacks run on
/// all CPUs at the same time and see it through an [`ArcBorrow`], from which
/// they may make an [`Arc`] to keep.
///
/// The order of calls is [`new`](Self::new); then any number of times
/// [`preresume`](Self::preresume), [`resume`](Self::resume),
/// [`presuspend`](Self::presuspend) and [`postsuspend`](Self::postsuspend) or
/// [`presuspend_undo`](Self::presuspend_undo); then [`destroy`](Self::destroy).
/// A table that is loaded and cleared again sees only the first and the last.
pub trait Target: Sized + Send + Sync + 'static {
    /// What the target keeps with each bio, from `map` to `end_io`. Reset to its
    /// default before each `map`; aligned to 8 bytes at most.
    type PerBio: Copy + Default + Send + 'static;

    /// The word that stands for the target in table lines.
    const NAME: &'static CStr;
    /// Major, minor and patch level, as `dmsetup targets` shows them.
    const VERSION: [u32; 3];
    /// What device-mapper has to know of the type.
    const FEATURES: Features = Features::NONE;
    /// Whether [`end_io`](Self::end_io) is to be called at all.
    const HAS_END_IO: bool = false;

    /// Makes a target of a table line. Process context.
    ///
    /// Whatever fails, the sentence of the error reaches the kernel log. The
    /// device may be live with another table at this time: nothing is written.
    fn new(
        context: &mut Constructor<'_>,
        arguments: Arguments<'_>,
    ) -> Result<Arc<Self>, ConstructError>;

    /// Ends the target. Process context, may sleep.
    ///
    /// Afterwards the layer drops its reference, which has to be the last:
    /// whatever holds another one (workers, timers, grace periods, own bios)
    /// is stopped and waited for here.
    fn destroy(_this: ArcBorrow<'_, Self>) {}

    /// Disposes of a bio. In the submitter's task; must not wait for other bios.
    fn map<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Self>) -> Mapped<'a>;

    /// A bio that was sent to a device has come back. Any context.
    ///
    /// Called only with [`HAS_END_IO`](Self::HAS_END_IO), and not for bios that
    /// the target completed or requeued itself.
    fn end_io<'a>(_this: ArcBorrow<'_, Self>, bio: EndBio<'a, Self>) -> Ended<'a> {
        bio.finish_unchanged()
    }

    /// A suspend begins. Bios still arrive; every bio that is held has to be
    /// let go, now or soon, for the suspend to go on.
    fn presuspend(_this: ArcBorrow<'_, Self>, _state: Suspending<'_>) {}

    /// The suspend that [`presuspend`](Self::presuspend) announced was given up.
    fn presuspend_undo(_this: ArcBorrow<'_, Self>, _state: Running<'_>) {}

    /// The suspend is complete: no bio is on its way and none arrives.
    fn postsuspend(_this: ArcBorrow<'_, Self>, _state: Quiesced<'_>) {}

    /// The device is about to be resumed. No bio arrives yet.
    ///
    /// Called again, without a resume in between, when another target of the
    /// table refused.
    ///
    /// # Errors
    ///
    /// Any errno; the device then stays suspended.
    fn preresume(_this: ArcBorrow<'_, Self>, _state: Starting<'_>) -> Result {
        Ok(())
    }

    /// The device is resumed. Bios arrive from now on.
    fn resume(_this: ArcBorrow<'_, Self>, _state: Running<'_>) {}

    /// Writes the status or table line. With `noflush`, without waiting for
    /// anything that may hang.
    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        noflush: bool,
        out: &mut StatusWriter<'_>,
    );

    /// Obeys a message. What is put into `reply` is shown to the user.
    ///
    /// # Errors
    ///
    /// A sentence, which the layer logs, with an errno for the caller.
    fn message(
        _this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        _reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        Err(MessageError::invalid(fmt!(
            "the message `{}` is not known; this target takes no messages",
            words.get(0).unwrap_or("")
        )))
    }

    /// Shows device-mapper every section of every device in use.
    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>);

    /// Adjusts the limits that the mapped device announces.
    fn io_hints(_this: ArcBorrow<'_, Self>, _limits: &mut Limits<'_>) {}
}
