// SPDX-License-Identifier: GPL-2.0-only

//! What the program does with a device.

use crate::device::{name, Access, Buffer, Device, CHUNK_MAXIMUM};
use crate::sector::{self, State};
use rustix::io::Errno;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Sectors in a row.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// The first.
    pub(crate) start: u64,
    /// How many.
    pub(crate) count: u64,
}

impl Extent {
    /// The requests of at most `chunk` sectors that it is made of: start and length.
    fn pieces(self, chunk: u32) -> impl Iterator<Item = (u64, u32)> {
        let chunk = u64::from(chunk.clamp(1, CHUNK_MAXIMUM));
        let end = self.start.saturating_add(self.count);
        (0..self.count.div_ceil(chunk)).map(move |piece| {
            let at = self.start + piece * chunk;
            // CAST: at most a chunk.
            (at, (end - at).min(chunk) as u32)
        })
    }
}

/// What a write puts into the sectors.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    Generation(u64),
    Zeros,
}

/// Writes; prints every request that fails. Whether none did.
pub(crate) fn write(
    path: &Path,
    extent: Extent,
    fill: Fill,
    chunk: u32,
    durable: bool,
) -> Result<bool, String> {
    let access = if durable {
        Access::DurableWrite
    } else {
        Access::Write
    };
    let device = Device::open(path, access)?;
    let mut buffer = Buffer::new();
    let mut out = Lines::new();
    let mut whole = true;
    for (at, length) in extent.pieces(chunk) {
        let content = buffer.sectors(length);
        if let Fill::Generation(generation) = fill {
            for (number, piece) in (at..).zip(content.chunks_exact_mut(sector::BYTES)) {
                sector::fill(piece, number, generation);
            }
        }
        if let Err(error) = device.write(at, content) {
            out.line(format_args!("write {at}+{length}: {}", name(&error)))?;
            whole = false;
        }
    }
    Ok(whole)
}

/// Reads; prints every request that fails. Whether none did.
pub(crate) fn read(path: &Path, extent: Extent, chunk: u32) -> Result<bool, String> {
    let device = Device::open(path, Access::Read)?;
    let mut buffer = Buffer::new();
    let mut out = Lines::new();
    let mut whole = true;
    for (at, length) in extent.pieces(chunk) {
        if let Err(error) = device.read(at, buffer.sectors(length)) {
            out.line(format_args!("read {at}+{length}: {}", name(&error)))?;
            whole = false;
        }
    }
    Ok(whole)
}

/// Prints what each run of alike sectors holds.
pub(crate) fn map(path: &Path, extent: Extent, chunk: u32) -> Result<bool, String> {
    let device = Device::open(path, Access::Read)?;
    let mut runs = Runs {
        out: Lines::new(),
        current: None,
        end: extent.start,
    };
    observe(&device, &mut Buffer::new(), extent, chunk, &mut runs)?;
    runs.finish()?;
    Ok(true)
}

/// Tells `runs` what every sector holds; what cannot be read is tried again in smaller pieces.
fn observe(
    device: &Device,
    buffer: &mut Buffer,
    extent: Extent,
    chunk: u32,
    runs: &mut Runs,
) -> Result<(), String> {
    for (at, length) in extent.pieces(chunk) {
        let content = buffer.sectors(length);
        match device.read(at, content) {
            Ok(()) => {
                for (number, piece) in (at..).zip(content.chunks_exact(sector::BYTES)) {
                    runs.add(1, sector::recognise(piece, number))?;
                }
            }
            Err(error) if !is_of_the_medium(&error) => {
                return Err(format!("read {at}+{length}: {}", name(&error)))
            }
            Err(_) if length <= device.logical_sectors => {
                runs.add(u64::from(length), State::Unreadable)?
            }
            Err(_) => {
                // A block first: that is what the target decides about.
                let smaller = if length > 8 {
                    device.logical_sectors.max(8)
                } else {
                    device.logical_sectors
                };
                let count = u64::from(length);
                observe(device, buffer, Extent { start: at, count }, smaller, runs)?;
            }
        }
    }
    Ok(())
}

fn is_of_the_medium(error: &io::Error) -> bool {
    let short = error.kind() == io::ErrorKind::UnexpectedEof;
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    short || matches!(number, Some(Errno::IO | Errno::NODATA))
}

/// Prints a digest of a whole device (XXH3, 128 bits).
pub(crate) fn sum(path: &Path) -> Result<bool, String> {
    let device = Device::open(path, Access::Read)?;
    let mut buffer = Buffer::new();
    let mut digest = Xxh3::new();
    loop {
        let content = buffer.sectors(CHUNK_MAXIMUM);
        match device.read_next(content) {
            Ok(0) => break,
            Ok(length) => digest.update(&content[..length]),
            Err(error) => {
                return Err(format!(
                    "{} cannot be read: {}",
                    path.display(),
                    name(&error)
                ))
            }
        }
    }
    Lines::new().line(format_args!("{:032x}", digest.digest128()))?;
    Ok(true)
}

/// Runs of alike sectors, printed when they end.
struct Runs {
    out: Lines,
    /// Where the current one begins, and what it holds.
    current: Option<(u64, State)>,
    end: u64,
}

impl Runs {
    /// The next `count` sectors hold this.
    fn add(&mut self, count: u64, state: State) -> Result<(), String> {
        match self.current {
            Some((_, before)) if before == state => {}
            _ => {
                self.finish()?;
                self.current = Some((self.end, state));
            }
        }
        self.end += count;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        match self.current.take() {
            Some((begin, state)) => self
                .out
                .line(format_args!("{begin}+{} {state}", self.end - begin)),
            None => Ok(()),
        }
    }
}

/// Standard output, line by line: what is printed stays printed if the next request hangs.
struct Lines(io::StdoutLock<'static>);

impl Lines {
    fn new() -> Self {
        Self(io::stdout().lock())
    }

    fn line(&mut self, line: impl Display) -> Result<(), String> {
        match writeln!(self.0, "{line}") {
            Ok(()) => Ok(()),
            // Whoever reads has seen enough, as `head` has.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(format!("standard output takes no more: {error}")),
        }
    }
}
