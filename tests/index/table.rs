// SPDX-License-Identifier: GPL-2.0-only

//! The table line.

use kernel::prelude::*;

use crate::{
    dm::{
        parse_number,
        Arguments,
        ConstructError,
        Constructor,
        Device,
        StatusWriter, //
    },
    engine::{
        index::{
            Geometry,
            MemorySize,
            Parameters, //
        },
        SECTORS_PER_BLOCK, //
    },
};

/// How the index is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Create,
    Load,
    Rebuild,
    Clean,
}

/// What a table line says, but for the device.
pub(crate) struct Table {
    pub(crate) mode: Mode,
    pub(crate) zones: u32,
    pub(crate) geometry: Geometry,
}

impl Table {
    /// Reads the arguments, and opens the device.
    pub(crate) fn parse(
        context: &mut Constructor<'_>,
        mut arguments: Arguments<'_>,
    ) -> Result<(Self, Device), ConstructError> {
        let device = context.device(arguments.required("device")?)?;
        let mode = Mode::parse(arguments.required("mode")?)?;
        let zones = number("number of zones", &mut arguments)?;
        let parameters = match arguments.required("kind of size")? {
            "memory" => named_size(&mut arguments)?,
            "shape" => Parameters {
                pages: number("pages of a chapter", &mut arguments)?,
                dense_chapters: number("dense chapters", &mut arguments)?,
                sparse_chapters: number("sparse chapters", &mut arguments)?,
                checkpoint_chapters: number("chapters of a checkpoint", &mut arguments)?,
                bucket_bits: number("bucket bits", &mut arguments)?,
            },
            other => {
                return Err(ConstructError::invalid(fmt!(
                    "the kind of size is `{other}`, expected memory or shape"
                )))
            }
        };
        arguments.finish()?;
        let geometry = Geometry::new(parameters).ok_or_else(|| {
            ConstructError::invalid(fmt!("there is no index with the parameters given"))
        })?;
        let sectors = geometry.disk_blocks().saturating_mul(SECTORS_PER_BLOCK);
        if sectors > device.sectors() {
            return Err(ConstructError::invalid(fmt!(
                "the index takes {sectors} sectors, but device {} has {}",
                device.name(),
                device.sectors()
            )));
        }
        let table = Self {
            mode,
            zones,
            geometry,
        };
        Ok((table, device))
    }

    /// Writes arguments that mean the same.
    pub(crate) fn write(&self, device: &str, out: &mut StatusWriter<'_>) {
        let parameters = &self.geometry.parameters;
        out.put(fmt!(
            "{device} {} {} shape {} {} {} {} {}",
            self.mode.name(),
            self.zones,
            parameters.pages,
            parameters.dense_chapters,
            parameters.sparse_chapters,
            parameters.checkpoint_chapters,
            parameters.bucket_bits
        ));
    }
}

impl Mode {
    const ALL: [Self; 4] = [Self::Create, Self::Load, Self::Rebuild, Self::Clean];

    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Load => "load",
            Self::Rebuild => "rebuild",
            Self::Clean => "clean",
        }
    }

    fn parse(word: &str) -> Result<Self, ConstructError> {
        let known = Self::ALL.into_iter().find(|mode| mode.name() == word);
        known.ok_or_else(|| {
            ConstructError::invalid(fmt!(
                "the mode is `{word}`, expected create, load, rebuild or clean"
            ))
        })
    }
}

fn number(what: &str, arguments: &mut Arguments<'_>) -> Result<u32, ConstructError> {
    let word = arguments.required(what)?;
    let number = parse_number(what, word, 0..=u64::from(u32::MAX))?;
    // CAST: within the range that was asked for.
    Ok(number as u32)
}

fn named_size(arguments: &mut Arguments<'_>) -> Result<Parameters, ConstructError> {
    let mebibytes = number("memory in MiB", arguments)?;
    let size = MemorySize::from_mebibytes(mebibytes).ok_or_else(|| {
        ConstructError::invalid(fmt!("there is no size with {mebibytes} MiB of memory"))
    })?;
    match arguments.required("dense or sparse")? {
        "dense" => Ok(Parameters::of_size(size, false)),
        "sparse" => Ok(Parameters::of_size(size, true)),
        other => Err(ConstructError::invalid(fmt!(
            "the index is `{other}`, expected dense or sparse"
        ))),
    }
}
