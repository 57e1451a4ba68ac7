// SPDX-License-Identifier: GPL-2.0-only

//! What the table lines of both modes begin with.

use kernel::prelude::*;

use crate::dm::{
    Arguments,
    ConstructError, //
};

/// Most words that the options of a table line are read of.
const OPTION_WORDS_MAX: usize = 32;

/// `<main> <spare> [<#options> <option>...]`, not looked at any further.
pub(crate) struct Table<'a> {
    /// The path of the main device.
    pub(crate) main: &'a str,
    /// The path of the spare.
    pub(crate) spare: &'a str,
    /// The words of the options.
    pub(crate) words: KVec<&'a str>,
}

impl<'a> Table<'a> {
    /// Reads the arguments of a table line.
    ///
    /// # Errors
    ///
    /// A device is missing, or the options are not as many as it says.
    pub(crate) fn read(mut arguments: Arguments<'a>) -> Result<Self, ConstructError> {
        let main = arguments.required("main device")?;
        let spare = arguments.required("spare device")?;
        let mut options = arguments.feature_arguments(OPTION_WORDS_MAX)?;
        arguments.finish()?;
        let mut words = KVec::with_capacity(options.remaining(), GFP_KERNEL)?;
        while let Some(word) = options.next() {
            words.push(word?, GFP_KERNEL)?;
        }
        Ok(Self { main, spare, words })
    }

    /// Whether the options begin with `mode dedup`.
    pub(crate) fn asks_for_dedup(&self) -> bool {
        matches!(self.words.as_slice(), ["mode", "dedup", ..])
    }
}
