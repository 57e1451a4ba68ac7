// SPDX-License-Identifier: GPL-2.0-only

//! A table line becomes a target, or a sentence that says why not.
//!
//! Nothing is read from or written to the devices here: a table that is reloaded is constructed while the old one
//! still serves I/O. What the spare holds is looked at when the table is resumed.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc, //
    }, //
};

use crate::{
    dm::{
        ConstructError,
        Constructor,
        Device,
        SplitPool, //
    },
    engine::{
        Engine,
        Settings,
        SettingsError, //
    },
    kern::{
        crc32c,
        new_irq_lock,
        BioSet,
        GracePeriods,
        IoEpoch,
        Plain,
        Timer,
        Worker, //
    },
};

use crate::target::{
    name::Name,
    ownership::Ownership,
    sentences::{
        check_are_two,
        logical_block_sectors, //
    },
    table::Table, //
};

use super::{
    counters::Counters,
    inbox::Inbox,
    options::Options,
    orders::Orders,
    requests::Requests,
    suspend::Answers,
    worker::Core,
    Remap, //
};

/// Longest bio that is taken whole, in sectors (1 MiB), but for discards: a failing one is repaired block by block, and
/// others wait for it.
pub(super) const LONGEST_BIO: u32 = 2048;
/// Held bios that the engine knows at once; further ones wait in the inbox.
const REQUESTS: u32 = 64;
/// Repairs that run at once; each owns a buffer of one block.
const JOBS: u32 = 16;
/// Own bios that can always be had, with no memory free.
const OWN_BIOS: u32 = 32;
/// Parts of held bios that can always be had.
const SPLIT_BIOS: u32 = 16;
/// One flush for main, one for the spare.
const FLUSHES: u32 = 2;

impl Remap {
    /// Constructs the target of one table line. A function of its own, for the stack's sake.
    #[inline(never)]
    pub(in crate::target) fn construct(
        context: &mut Constructor<'_>,
        table: &Table<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        let options = read_options(table)?;
        if !context.is_writable() && !options.read_only {
            return Err(ConstructError::invalid(fmt!(
                "the table is read-only: create it without --readonly, since remapping must write, or with the option read_only"
            )));
        }
        let main = context.device(table.main)?;
        let spare = context.device(table.spare)?;
        check_devices(context, &main, &spare, options.read_only)?;
        let ownership = Ownership::new("spare", &spare, context.device_name())?;

        context.set_flush_bios(FLUSHES);
        // Also when no leg has a volatile cache now: it may be switched on, or get another table, later.
        context.set_flush_supported(true);
        context.set_write_zeroes_bios(1);
        if main.max_discard_sectors() > 0 {
            context.set_discard_bios(1);
            context.set_discards_supported(true);
        }

        let settings = settings(&main, &spare, &options)?;
        let logical_block_sectors = settings
            .main_logical_block_sectors
            .max(settings.spare_logical_block_sectors);
        let engine = make_engine(settings)?;
        let name = Name::new(context.device_name());
        let lookup = engine.lookup();
        let inbox = Inbox::new(engine.io_bound())?;
        let requests = Requests::new(REQUESTS)?;
        let worker = Worker::new(fmt!("dm-spare/{name}"))?;
        let commit_timer = Timer::new(&worker)?;
        let checkpoint_timer = Timer::new(&worker)?;
        let window_timer = Timer::new(&worker)?;
        let grace_periods = GracePeriods::new(JOBS as usize)?;
        let epoch = IoEpoch::new()?;
        let bios = BioSet::new(OWN_BIOS)?;
        let split = SplitPool::new(SPLIT_BIOS)?;
        let events = context.events();

        let target = Arc::pin_init(
            try_pin_init!(Self {
                name,
                options,
                worker,
                commit_timer,
                checkpoint_timer,
                window_timer,
                epoch,
                bios,
                split,
                inbox <- new_irq_lock!(inbox, "dm_spare::inbox"),
                core <- new_mutex!(
                    Core {
                        engine,
                        requests,
                        grace_periods,
                    },
                    "dm_spare::core"
                ),
                answers <- Answers::new(),
                orders <- Orders::new(),
                lookup,
                logical_block_sectors,
                ending: Atomic::new(0),
                counters: Counters::new(),
                ownership,
                events,
                main,
                spare,
            }? Error),
            GFP_KERNEL,
        )?;
        Ok(target)
    }
}

fn read_options(table: &Table<'_>) -> Result<Options, ConstructError> {
    Options::parse(table.words.iter().copied())
        .map_err(|error| ConstructError::invalid(fmt!("{}", Plain(&error))))
}

fn check_devices(
    context: &Constructor<'_>,
    main: &Device,
    spare: &Device,
    read_only: bool,
) -> Result<(), ConstructError> {
    check_are_two(main, spare)?;
    if context.length() != main.sectors() {
        return Err(ConstructError::invalid(fmt!(
            "the table says {} sectors, main device {} has {}: write {} as the length",
            context.length(),
            main.name(),
            main.sectors(),
            main.sectors()
        )));
    }
    for device in [main, spare] {
        if device.is_read_only() && !read_only {
            return Err(ConstructError::new(
                EROFS,
                fmt!("device {} is read-only: make it writable, or create the device with --readonly and the option read_only", device.name()),
            ));
        }
    }
    Ok(())
}

fn settings(main: &Device, spare: &Device, options: &Options) -> Result<Settings, ConstructError> {
    Ok(Settings {
        main_sectors: main.sectors(),
        spare_sectors: spare.sectors(),
        main_logical_block_sectors: logical_block_sectors(main)?,
        spare_logical_block_sectors: logical_block_sectors(spare)?,
        read_retries: options.read_retries,
        fail_after: options.fail_after,
        read_only: options.read_only,
        metadata_copies: options.metadata_copies,
        expected_uuid: options.uuid,
        commit_timeout_milliseconds: options.commit_timeout,
        max_requests: REQUESTS,
        jobs: JOBS,
    })
}

/// A function of its own, so that the stack has what it needs only while it needs it: the kernel's has 16 KiB for all.
#[inline(never)]
fn make_engine(settings: Settings) -> Result<KBox<Engine>, ConstructError> {
    // Matched in place: each `?` would be one more copy of an engine on the stack.
    match Engine::new(settings, crc32c, GFP_KERNEL) {
        Ok(engine) => Ok(KBox::new(engine, GFP_KERNEL)?),
        Err(error) => Err(refuse_settings(error)),
    }
}

fn refuse_settings(error: SettingsError) -> ConstructError {
    let code = if error.is_no_memory() { ENOMEM } else { EINVAL };
    ConstructError::new(code, fmt!("{}", Plain(&error)))
}
