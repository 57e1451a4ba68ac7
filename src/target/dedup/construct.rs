// SPDX-License-Identifier: GPL-2.0-only

//! A table line of dedup mode becomes a target, or a sentence that says why not.
//!
//! Nothing is read from or written to the devices here: a table that is reloaded is constructed while the old one
//! still serves I/O. What they hold is looked at when the table is resumed.

use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc, //
    },
};

use crate::{
    dm::{
        ConstructError,
        Constructor,
        Device,
        PartSet, //
    },
    engine::{
        dedup::{
            default_index_mebibytes,
            format::{
                layout::{
                    FIRST_BLOCKS,
                    MAIN_BLOCKS_MINIMUM, //
                },
                superblock::Method,
                Geometry, //
            },
            index_geometry,
            Settings,
            SettingsError,
            Translations,
            Volume, //
        },
        SECTORS_PER_BLOCK, //
    },
    kern::{
        crc32c,
        new_irq_lock,
        BioSet,
        IoEpoch,
        Plain,
        Timer,
        Worker, //
    },
    target::{
        index::{
            Index,
            IndexSettings, //
        },
        name::Name,
        ownership::Ownership,
        sentences::{
            check_are_two,
            logical_block_sectors, //
        },
        table::Table, //
    },
};

use super::{
    advice::{
        Adviser,
        Mailbox,
        WAITING,
        ZONES, //
    },
    arrivals::Arrivals,
    counters::Counters,
    inbox::Inbox,
    lifecycle::Answers,
    map::READ_BLOCKS,
    message::Commits,
    options::Options,
    shell::{
        Core,
        Shell,
        REQUESTS, //
    },
    status::Snapshot,
    Dedup, //
};

/// Pages of the cache in a MiB.
const PAGES_PER_MB: u32 = 256;
/// Blocks whose places are known to whoever reads, for each page of the cache: an eighth of its memory.
const TRANSLATIONS_PER_PAGE: usize = 64;
/// Most buffers of the journal: one batch is on its way, another one is filled.
const JOURNAL_BUFFERS: u64 = 256;
/// Pages that are written back at once.
const WRITE_BUFFERS: u32 = 64;
/// Own bios that can always be had, with no memory free.
const OWN_BIOS: u32 = 32;
/// Parts of reads that can always be had.
const PART_BIOS: u32 = 16;
/// I/O that no request waits for, with room to spare: presence pages and superblocks at activation.
const OTHER_ENDS: usize = 256;

impl Dedup {
    /// Constructs the target of one table line. A function of its own, for the stack's sake.
    #[inline(never)]
    pub(in crate::target) fn construct(
        context: &mut Constructor<'_>,
        table: &Table<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        let options = Options::parse(table.words.iter().copied())
            .map_err(|error| ConstructError::invalid(fmt!("{}", Plain(&error))))?;
        if !context.is_writable() {
            return Err(ConstructError::invalid(fmt!(
                "the table is read-only: create it without --readonly, since dedup mode must write"
            )));
        }
        let main = context.device(table.main)?;
        let spare = context.device(table.spare)?;
        check_devices(&main, &spare)?;
        let index_memory = index_memory(&main, &options)?;
        let settings = settings(context.length(), &main, &spare, &options, index_memory)?;
        let main_ownership = Ownership::new("main", &main, context.device_name())?;
        let spare_ownership = Ownership::new("spare", &spare, context.device_name())?;

        context.set_flush_bios(1);
        context.set_flush_supported(true);
        context.set_discard_bios(1);
        context.set_discards_supported(true);
        context.set_write_zeroes_bios(1);

        let main = Arc::new(main, GFP_KERNEL)?;
        let adviser = make_adviser(context.device_name(), &main, &settings, index_memory)?;
        let translations = make_translations(&settings)?;
        let volume = make_volume(settings, translations.clone())?;
        let snapshot = Snapshot::new(volume.status());
        let ends = ends(&settings);
        let arrivals = Arrivals::new()?;
        let inbox = Inbox::new(ends)?;
        let core = Core {
            volume,
            shell: Shell::new(ends, settings.checks_reads)?,
        };
        let name = Name::new(context.device_name());
        let worker = Worker::new(fmt!("dm-spare/{name}"))?;
        let commit_timer = Timer::new(&worker)?;
        let bios = BioSet::new(OWN_BIOS)?;
        let parts = PartSet::new(PART_BIOS)?;
        let epoch = IoEpoch::new()?;
        let events = context.events();

        let target = Arc::pin_init(
            try_pin_init!(Self {
                name,
                options,
                settings,
                index_memory,
                worker,
                commit_timer,
                bios,
                parts,
                translations,
                epoch,
                arrivals <- new_spinlock!(arrivals, "dm_spare::dedup_arrivals"),
                inbox <- new_irq_lock!(inbox, "dm_spare::dedup_inbox"),
                core <- new_mutex!(core, "dm_spare::dedup_core"),
                answers <- Answers::new(),
                commits <- Commits::new(),
                snapshot <- new_mutex!(snapshot, "dm_spare::dedup_snapshot"),
                returning: Atomic::new(0),
                ending: Atomic::new(0),
                counters: Counters::new(),
                main_ownership,
                spare_ownership,
                events,
                adviser,
                main,
                spare,
            }? Error),
            GFP_KERNEL,
        )?;
        Ok(target)
    }
}

fn check_devices(main: &Device, spare: &Device) -> Result<(), ConstructError> {
    check_are_two(main, spare)?;
    for device in [main, spare] {
        if device.is_read_only() {
            return Err(ConstructError::new(
                EROFS,
                fmt!("device {} is read-only: make it writable", device.name()),
            ));
        }
        logical_block_sectors(device)?;
    }
    Ok(())
}

fn settings(
    length: u64,
    main: &Device,
    spare: &Device,
    options: &Options,
    index_memory: u32,
) -> Result<Settings, ConstructError> {
    if length % SECTORS_PER_BLOCK != 0 {
        return Err(ConstructError::invalid(fmt!(
            "the table says {length} sectors: write a multiple of {SECTORS_PER_BLOCK} as the length"
        )));
    }
    let main_blocks = main.sectors() / SECTORS_PER_BLOCK;
    let journal_blocks = match options.journal_mb {
        Some(megabytes) => u64::from(megabytes) * u64::from(PAGES_PER_MB),
        None => Geometry::default_journal_blocks(main_blocks),
    };
    let geometry = Geometry {
        main_blocks,
        logical_blocks: length / SECTORS_PER_BLOCK,
        journal_blocks,
        index_blocks: index_geometry(index_memory).map_or(0, |index| index.disk_blocks()),
    };
    if geometry.main_blocks < MAIN_BLOCKS_MINIMUM {
        return Err(ConstructError::invalid(fmt!(
            "main device {} has {} sectors: it needs at least {}",
            main.name(),
            main.sectors(),
            MAIN_BLOCKS_MINIMUM * SECTORS_PER_BLOCK
        )));
    }
    if !geometry.is_supported() {
        return Err(ConstructError::invalid(fmt!(
            "main device {} has {} sectors: with a journal of {} MiB and an index_memory of {} MiB for {} sectors of volume it is too small or too large",
            main.name(),
            main.sectors(),
            journal_blocks / u64::from(PAGES_PER_MB),
            index_memory,
            length
        )));
    }
    let spare_blocks = spare.sectors() / SECTORS_PER_BLOCK;
    if spare_blocks < FIRST_BLOCKS {
        return Err(ConstructError::invalid(fmt!(
            "spare device {} has {} sectors: it needs at least {}",
            spare.name(),
            spare.sectors(),
            FIRST_BLOCKS * SECTORS_PER_BLOCK
        )));
    }
    // CAST: at most 256.
    let journal_buffers = (journal_blocks / 2).min(JOURNAL_BUFFERS) as u32;
    Ok(Settings {
        geometry,
        spare_blocks,
        method: Method::Fast,
        trusts_fingerprints: false,
        checks_reads: options.check_reads,
        cache_pages: options.cache_mb.saturating_mul(PAGES_PER_MB),
        // One more for the message `commit`.
        operations: REQUESTS + 1,
        journal_buffers,
        write_buffers: WRITE_BUFFERS,
        first_pool_page: 0,
    })
}

/// Memory of the index in MiB: what the line says, or the largest of a few sizes whose area takes at most a 16th of main.
fn index_memory(main: &Device, options: &Options) -> Result<u32, ConstructError> {
    match options.index_memory {
        Some(0) => Ok(0),
        Some(megabytes) if index_geometry(megabytes).is_none() => {
            Err(ConstructError::invalid(fmt!(
                "option `index_memory` has the value `{megabytes}`: give 0, 16, 32, 64, 128, 256, 512, 768 or a multiple of 1024"
            )))
        }
        Some(megabytes) => Ok(megabytes),
        None => Ok(default_index_mebibytes(
            main.sectors() / SECTORS_PER_BLOCK,
        )),
    }
}

#[inline(never)]
fn make_adviser(
    name: &str,
    main: &Arc<Device>,
    settings: &Settings,
    megabytes: u32,
) -> Result<Option<Adviser>> {
    let Some(geometry) = index_geometry(megabytes) else {
        return Ok(None);
    };
    let layout = settings.layout().map_err(|_| EINVAL)?;
    let settings = IndexSettings {
        geometry,
        zones: ZONES,
        waiting: WAITING,
        name,
        first_sector: layout.index_start.saturating_mul(SECTORS_PER_BLOCK),
    };
    let mailbox = Arc::pin_init(Mailbox::new()?, GFP_KERNEL)?;
    let index = Index::new(settings, main.clone(), mailbox.clone())?;
    Ok(Some(Adviser::new(mailbox, index)))
}

/// The table for reads without the worker; none if the worker has to check what is read.
fn make_translations(settings: &Settings) -> Result<Option<Arc<Translations>>> {
    if settings.checks_reads {
        return Ok(None);
    }
    // CAST: 32 bits fit into a `usize` on every supported machine.
    let places = settings.cache_pages as usize * TRANSLATIONS_PER_PAGE;
    let table = Translations::new(places, GFP_KERNEL)?;
    Ok(Some(Arc::new(table, GFP_KERNEL)?))
}

/// Ends of I/O that can wait at once: of each frame that is read, each buffer of the engine, each write, comparison and part
/// of a read.
fn ends(settings: &Settings) -> usize {
    let buffers = settings.journal_buffers + settings.write_buffers;
    let requests = REQUESTS * (READ_BLOCKS + 2);
    // CAST: 32 bits fit into a `usize` on every supported machine.
    (settings.cache_pages + buffers + requests) as usize + OTHER_ENDS
}

/// Makes a volume. A function of its own, so that the stack has what it needs only while it needs it. Sleeps.
///
/// # Errors
///
/// Sizes that do not go together, or too little memory.
#[inline(never)]
pub(super) fn make_volume(
    settings: Settings,
    translations: Option<Arc<Translations>>,
) -> Result<KBox<Volume>> {
    match Volume::new(settings, translations, crc32c, GFP_KERNEL) {
        Ok(volume) => Ok(KBox::new(volume, GFP_KERNEL)?),
        Err(SettingsError::Memory) => Err(ENOMEM),
        Err(SettingsError::Geometry | SettingsError::Range) => Err(EINVAL),
    }
}
