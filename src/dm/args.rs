// SPDX-License-Identifier: GPL-2.0-only

//! Reading the arguments of a table line.

use super::{
    ConstructError,
    Words, //
};
use core::ops::RangeInclusive;
use kernel::prelude::*;

/// The arguments of a table line that are not yet read, in order.
pub struct Arguments<'a> {
    words: Words<'a>,
    position: usize,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(words: Words<'a>) -> Self {
        Self { words, position: 0 }
    }

    /// Returns how many arguments are left.
    pub fn remaining(&self) -> usize {
        self.words.len().saturating_sub(self.position)
    }

    /// Takes the next argument, if there is one.
    ///
    /// # Errors
    ///
    /// The argument is not valid UTF-8.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator would go on after an error"
    )]
    pub fn next(&mut self) -> Option<Result<&'a str, ConstructError>> {
        let word = self.words.get_bytes(self.position)?;
        self.position = self.position.saturating_add(1);
        Some(word.to_str().map_err(|_| {
            ConstructError::invalid(fmt!(
                "argument {} is not valid UTF-8; write it in ASCII",
                self.position
            ))
        }))
    }

    /// Takes the next argument, if there is one.
    ///
    /// # Errors
    ///
    /// The argument is not valid UTF-8.
    pub fn optional(&mut self) -> Result<Option<&'a str>, ConstructError> {
        self.next().transpose()
    }

    /// Takes the next argument. `what` names it in errors: "main device".
    ///
    /// # Errors
    ///
    /// There is none, or it is not valid UTF-8.
    pub fn required(&mut self, what: &str) -> Result<&'a str, ConstructError> {
        self.optional()?.ok_or_else(|| {
            ConstructError::invalid(fmt!(
                "the {what} is missing; give it as argument {} of the table line",
                self.position.saturating_add(1)
            ))
        })
    }

    /// Takes `<#options> <option> ...`, the count and all that follows, and
    /// returns the options. A table line that ends before the count has none.
    ///
    /// # Errors
    ///
    /// The count is no number, is above `maximum`, or is not the number of
    /// arguments that follow it.
    pub fn feature_arguments(&mut self, maximum: usize) -> Result<Self, ConstructError> {
        let Some(count) = self.optional()? else {
            return Ok(Self::new(self.words.part(0, 0)));
        };
        let number = match count.parse::<usize>() {
            Ok(number) if number <= maximum => number,
            _ => {
                return Err(ConstructError::invalid(fmt!(
                    "the option count is `{count}`, expected a number from 0 to {maximum}"
                )))
            }
        };
        let following = self.remaining();
        if number != following {
            return Err(ConstructError::invalid(fmt!(
                "the option count is {number} but {following} words follow it; make them equal"
            )));
        }
        let options = self.words.part(self.position, self.words.len());
        self.position = self.words.len();
        Ok(Self::new(options))
    }

    /// Makes sure that every argument was read.
    ///
    /// # Errors
    ///
    /// One is left.
    pub fn finish(mut self) -> Result<(), ConstructError> {
        match self.optional()? {
            None => Ok(()),
            Some(word) => Err(ConstructError::invalid(fmt!(
                "the argument `{word}` is one too many; remove it"
            ))),
        }
    }
}

/// Reads a decimal number. `what` names it in errors: "number of retries".
///
/// # Errors
///
/// The word is no number, or it is out of `range`.
pub fn parse_number(
    what: &str,
    word: &str,
    range: RangeInclusive<u64>,
) -> Result<u64, ConstructError> {
    match word.parse::<u64>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(ConstructError::invalid(fmt!(
            "the {what} is `{word}`, expected a number from {} to {}",
            range.start(),
            range.end()
        ))),
    }
}
