// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

mod create;

pub use create::{Create, CreateDedup, CreateRemap};

use crate::bad_blocks::parse_block_size;
use crate::commands::index_geometry::parse_size;
use crate::configuration::FOLDER;
use crate::table_line::parse_uuid;
use crate::volume_size::parse_volume_size;
use clap::{Args, Parser, Subcommand, ValueEnum};
use dm_spare_engine::index::MemorySize;
use dm_spare_engine::Uuid;
use std::path::PathBuf;

/// Manages device-mapper spare sets: a main device that fails here and there, and a spare that takes its bad blocks; and
/// volumes that store each distinct block once.
#[derive(Parser, Debug)]
#[command(
    name = "sparectl",
    version,
    max_term_width = 100,
    after_help = "Example:\n  sparectl create mended /dev/sdb /dev/sdc\n\nEach command has its own: sparectl COMMAND --help"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a set of remap mode on a blank spare, or a volume of dedup mode on two blank devices.
    ///
    /// The kernel does the same by itself when blank devices are first put together; this is for preparing them
    /// beforehand, with a UUID that is known. In remap mode main is not touched.
    #[command(
        after_help = "Examples:\n  sparectl format /dev/sdb /dev/sdc --metadata-copies 3\n  sparectl format /dev/sdb /dev/sdc --mode dedup --sectors 4194304 --index-memory 64"
    )]
    Format(Format),
    /// Create the mapped device of a set of remap mode, or of a volume of dedup mode.
    ///
    /// The mode is that of what the devices hold; on blank devices it is remap mode, unless --mode says otherwise. In
    /// remap mode, a spare whose first 4096 bytes are zero is formatted for the main device, and everything else on a
    /// spare that is no set is refused. In dedup mode, two blank devices are formatted; sizes that belong to a volume
    /// are taken from it.
    #[command(
        after_help = "Examples:\n  sparectl create mended /dev/sdb /dev/sdc --read-retries 5\n  sparectl create vol /dev/sdb /dev/sdc --mode dedup --size 100G --cache-mb 256"
    )]
    Create(Create),
    /// Show how a set or a volume is doing.
    ///
    /// With --watch on a terminal, a view with rates, fill and graphs, which ends with q, Esc or Ctrl-C. Where the output
    /// is no terminal, a table each second, or with --json one line of JSON.
    #[command(
        after_help = "Examples:\n  sparectl status mended\n  sparectl status mended --watch\n  sparectl status mended --json | jq .counts.remapped\n  sparectl status vol --json | jq .percents.saving"
    )]
    Status(Status),
    /// Decode the metadata of a set or a volume.
    ///
    /// In remap mode it is on the spare. In dedup mode each leg can be shown, and both if main is named beside the
    /// spare. Reads the devices themselves; the set need not be active, and must not be for the result to be exact.
    #[command(
        after_help = "Examples:\n  sparectl show /dev/sdc --remaps\n  sparectl show /dev/sdc --main /dev/sdb --json"
    )]
    Show(Show),
    /// Check the metadata of a set or a volume, without changing anything.
    ///
    /// In dedup mode main must be named; the journal is replayed in memory, and every reference is recounted.
    ///
    /// Exit codes: 0 clean, 4 errors (activation repairs what it can), 8 the check could not be done,
    /// 16 wrong usage.
    #[command(
        after_help = "Examples:\n  sparectl check /dev/sdc --main /dev/sdb\n  sparectl check /dev/sdc --main /dev/sdb --data"
    )]
    Check(Check),
    /// Remap the blocks that a bad-block list names.
    ///
    /// What can be read of each block is moved to the spare; sectors that cannot be read give an error from then on,
    /// until they are overwritten.
    #[command(
        after_help = "Examples:\n  sparectl import mended --badblocks sdb.badblocks --block-size 4096\n  sparectl import mended --ddrescue sdb.map --dry-run"
    )]
    Import(Import),
    /// Make a volume of dedup mode right again.
    ///
    /// Replays the journal, believes the map, and makes everything else from it: counts, superblocks, checkpoints,
    /// fingerprints that are damaged, and, also when nothing was wrong, the index. Blocks of the volume that a damaged page of the map spoke of are poisoned: they
    /// cannot be read until they are written again. Data is not touched. What is left can be done once more, also after a
    /// power cut; but do not cut the power while it runs.
    ///
    /// Exit codes: 0 nothing was wrong, 1 everything was corrected, 4 errors are left, 8 it could not be done, 16 wrong
    /// usage.
    #[command(after_help = "Example:\n  sparectl repair /dev/sdb /dev/sdc")]
    Repair(Repair),
    /// Write map and pool of a volume of dedup mode as JSON lines.
    ///
    /// The journal is replayed in memory, and nothing is written to the devices. The dump holds no data, but the secret of
    /// the volume's fingerprints. Where its last line is missing, it is not whole.
    #[command(after_help = "Example:\n  sparectl dump /dev/sdb /dev/sdc --output volume.dump")]
    Dump(Dump),
    /// Make a volume of dedup mode from a dump, and the data that lies on main.
    ///
    /// The first 4096 bytes of both devices must be zero, and their sizes those of the volume. The data must lie where it
    /// was: on the same main, or on a copy of it.
    #[command(after_help = "Example:\n  sparectl restore /dev/sdb /dev/sdc --input volume.dump")]
    Restore(Restore),
    /// Say what deduplication would save, without writing anything.
    ///
    /// Reads files, folders with all that is in them, and block devices in blocks of 4096 bytes, as dedup mode would store
    /// them, and counts how many are distinct. Symbolic links in folders are not followed, and a file with several names
    /// counts once. When there are more distinct blocks than fit into the memory, they are estimated from a sample. The
    /// volume's own metadata, about 1 percent of main and the index, is not counted.
    #[command(
        after_help = "Examples:\n  sparectl estimate /srv/images\n  sparectl estimate /dev/sdb /dev/sdc --json | jq .saving_percent"
    )]
    Estimate(Estimate),
    /// Print what a deduplication index of each size holds, and what memory and disk it takes.
    ///
    /// Sizes double from one line to the next; `--memory` prints any other. Beside them are the figures of dm-vdo's
    /// index, where they are known: bytes of its volume index, and bytes on the disk, for each record.
    #[command(
        after_help = "Examples:\n  sparectl index-geometry\n  sparectl index-geometry --memory 0.25 --json | jq .[0].records"
    )]
    IndexGeometry(IndexGeometry),
    /// Move blocks to the spare.
    #[command(
        after_help = "Example (blocks 5000 to 5007, of 4096 bytes each):\n  sparectl remap mended 5000 8"
    )]
    Remap(Blocks),
    /// Move blocks back to main, if it takes them.
    #[command(after_help = "Example:\n  sparectl unremap mended 5000 8")]
    Unremap(Blocks),
    /// Read blocks, and repair those that fail.
    #[command(after_help = "Example (the first GiB):\n  sparectl test mended 0 262144")]
    Test(Blocks),
    /// Write the whole table to every metadata copy.
    #[command(after_help = "Example:\n  sparectl sync mended")]
    Sync(Sync),
    /// Create the mapped devices that the configuration names, at boot or by hand.
    ///
    /// For each set or volume there is a file NAME.conf with UUID=, MAIN= and optionally OPTIONS= (words of the table
    /// line). The spare is found by the UUID among all block devices, and tells the mode. MAIN can be left out for a
    /// volume of dedup mode: its main device is then found by the UUID too.
    #[command(
        after_help = "Examples:\n  sparectl activate 6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111\n  sparectl activate --all --wait 30"
    )]
    Activate(Activate),
    /// Remove the mapped devices that the configuration names.
    #[command(after_help = "Example:\n  sparectl deactivate --all")]
    Deactivate(Selection),
    /// Write man pages or shell completions.
    #[command(
        hide = true,
        after_help = "Example:\n  sparectl generate man build/tools/man"
    )]
    Generate(Generate),
}

/// A mode of the target.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Bad blocks of main are served by the spare.
    Remap,
    /// Each distinct block is stored once.
    Dedup,
}

/// `format`.
#[derive(Args, Debug)]
pub struct Format {
    /// The main device: in remap mode it is not touched, in dedup mode what is on it is lost.
    pub main: PathBuf,
    /// The spare, a block device or an image file.
    pub spare: PathBuf,
    /// The mode.
    #[arg(long, value_enum, default_value_t = Mode::Remap)]
    pub mode: Mode,
    /// Remap mode: copies of the metadata.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=4))]
    pub metadata_copies: Option<u32>,
    /// The set's UUID; a random one by default.
    #[arg(long, value_name = "UUID", value_parser = parse_uuid)]
    pub uuid: Option<Uuid>,
    /// Dedup mode: sectors of 512 bytes that the volume has, a multiple of 8, at will more than main [default: as many as main].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(8..))]
    pub sectors: Option<u64>,
    /// Dedup mode: the same as --sectors, with a unit: K, M, G or T, or s for sectors.
    #[arg(long, value_name = "SIZE", value_parser = parse_volume_size, conflicts_with = "sectors")]
    pub size: Option<u64>,
    /// Dedup mode: length of the journal in MiB [default: a 64th of main, 1 to 64].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub journal_mb: Option<u32>,
    /// Dedup mode: memory of the index in MiB, 0 for none [default: the largest up to 256 whose area takes at most a 16th of main].
    #[arg(long, value_name = "MIB")]
    pub index_memory: Option<u32>,
    /// Format what is not blank: in remap mode the spare, in dedup mode both devices. What is on it is lost.
    #[arg(long)]
    pub force: bool,
}

/// `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// Name of the mapped device.
    pub name: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Go on until interrupted, with rates: a view on a terminal, elsewhere a table each second.
    #[arg(long)]
    pub watch: bool,
}

/// `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// The spare, or main of a volume of dedup mode: a block device or an image file.
    pub device: PathBuf,
    /// Main of the volume, to show both legs; dedup mode only.
    #[arg(long, value_name = "MAIN")]
    pub main: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// List every remapped and every poisoned block.
    #[arg(long)]
    pub remaps: bool,
}

/// `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The spare, a block device or an image file.
    pub spare: PathBuf,
    /// The main device: in remap mode to compare its size, in dedup mode because most of the metadata is there.
    #[arg(long, value_name = "MAIN")]
    pub main: Option<PathBuf>,
    /// Compare every stored block with its fingerprint; dedup mode only.
    #[arg(long)]
    pub data: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// Name of the mapped device.
    pub name: String,
    /// Which list.
    #[command(flatten)]
    pub list: List,
    /// Bytes of a block in the badblocks list: the number of its -b option [default: 1024].
    #[arg(long, value_name = "BYTES", value_parser = parse_block_size, requires = "badblocks", conflicts_with = "ddrescue")]
    pub block_size: Option<u32>,
    /// Only say which blocks would be remapped.
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The list that is imported.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct List {
    /// A list that badblocks(8) has written.
    #[arg(long, value_name = "FILE")]
    pub badblocks: Option<PathBuf>,
    /// A map file of GNU ddrescue.
    #[arg(long, value_name = "MAPFILE")]
    pub ddrescue: Option<PathBuf>,
}

/// `index-geometry`.
#[derive(Args, Debug)]
pub struct IndexGeometry {
    /// Only this size: 16M, 32M, 64M, 128M, 0.25, 0.5, 0.75, or 1 to 1024 (GB).
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<MemorySize>,
    /// Only sparse indexes.
    #[arg(long)]
    pub sparse: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `repair`.
#[derive(Args, Debug)]
pub struct Repair {
    /// The main device.
    pub main: PathBuf,
    /// The spare.
    pub spare: PathBuf,
}

/// `dump`.
#[derive(Args, Debug)]
pub struct Dump {
    /// The main device.
    pub main: PathBuf,
    /// The spare.
    pub spare: PathBuf,
    /// The file to be made; stdout if none is named.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// The main device, with the data.
    pub main: PathBuf,
    /// The spare.
    pub spare: PathBuf,
    /// The dump; stdin if none is named.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
}

/// `estimate`.
#[derive(Args, Debug)]
pub struct Estimate {
    /// Files, folders and block devices.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// MiB of memory for what is remembered of distinct blocks; 256 are exact up to 28 GiB of them.
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub memory: u32,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `remap`, `unremap` and `test`.
#[derive(Args, Debug)]
pub struct Blocks {
    /// Name of the mapped device.
    pub name: String,
    /// The first block, of 4096 bytes.
    pub block: u64,
    /// How many blocks.
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `sync`.
#[derive(Args, Debug)]
pub struct Sync {
    /// Name of the mapped device.
    pub name: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which of the sets and volumes that the configuration names.
#[derive(Args, Debug)]
pub struct Selection {
    /// The set or volume.
    #[arg(value_parser = parse_uuid, required_unless_present = "all", conflicts_with = "all")]
    pub uuid: Option<Uuid>,
    /// All of them.
    #[arg(long)]
    pub all: bool,
    /// The folder with the files NAME.conf.
    #[arg(long, value_name = "FOLDER", default_value = FOLDER)]
    pub config_dir: PathBuf,
}

/// `activate`.
#[derive(Args, Debug)]
pub struct Activate {
    /// Which ones.
    #[command(flatten)]
    pub selection: Selection,
    /// Look for spares here only, not among all block devices; may be given several times.
    #[arg(long = "spare", value_name = "SPARE")]
    pub spares: Vec<PathBuf>,
    /// Look for main devices of volumes here only, where MAIN is not set; may be given several times.
    #[arg(long = "main", value_name = "MAIN")]
    pub mains: Vec<PathBuf>,
    /// Wait so many seconds for the devices to appear.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub wait: u64,
}

/// `generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// What to write.
    pub what: Generated,
    /// Where to; made if it does not exist.
    pub folder: PathBuf,
}

/// What can be generated.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generated {
    /// Man pages, section 8.
    Man,
    /// Completions for bash, zsh and fish.
    Completions,
}
