// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl dump`: map and pool of a volume as JSON lines. Writes nothing to the legs.

use super::open_volume;
use crate::cli::Dump;
use crate::commands::{Session, DONE};
use crate::dedup::dump::dump;
use crate::dedup::view::View;
use crate::failure::Failure;
use crate::leg::Access;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Runs the command.
///
/// # Errors
///
/// The legs hold no volume that the module would load, or the output cannot be written.
pub fn run(arguments: &Dump, session: &mut Session<'_>) -> Result<u8, Failure> {
    let (mut main, mut spare, survey) =
        open_volume(&arguments.main, &arguments.spare, Access::Read)?;
    let mut view = View::new(&survey, &mut main, &mut spare)?;
    match &arguments.output {
        None => {
            let mut out = BufWriter::new(&mut *session.out);
            dump(&mut view, &mut out)?;
            out.flush()?;
        }
        Some(path) => {
            let file = File::create_new(path).map_err(|error| Failure::io("make", path, &error))?;
            let mut out = BufWriter::new(file);
            dump(&mut view, &mut out)?;
            let done = out.flush().and_then(|()| out.get_ref().sync_all());
            done.map_err(|error| Failure::io("write", path, &error))?;
        }
    }
    Ok(DONE)
}
