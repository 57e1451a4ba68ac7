// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl check` of a volume of dedup mode. Writes nothing.

use super::{check_roles, survey};
use crate::cli::Check;
use crate::commands::check::{report, Verdict};
use crate::commands::Session;
use crate::dedup::rules::judge;
use crate::failure::Failure;
use crate::leg::Leg;
use crate::progress;

/// Runs the command.
///
/// # Errors
///
/// Main was not named, or there is too little memory.
pub fn run(
    arguments: &Check,
    main: Option<Leg>,
    mut spare: Leg,
    session: &mut Session<'_>,
) -> Result<u8, Failure> {
    let Some(mut main) = main else {
        return Err(Failure::new(format!(
            "{} is a leg of a volume of dedup mode, whose metadata is on main: name the spare, and main with --main",
            spare.path().display()
        )));
    };
    check_roles(&mut main, &mut spare)?;
    let survey = survey(&mut main, &mut spare);
    let bar = progress::bar(0, "pages");
    let findings = judge(
        &survey,
        &mut main,
        &mut spare,
        arguments.data,
        &mut |what, done, total| {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_message(what);
            }
            bar.set_position(done);
        },
    );
    bar.finish_and_clear();
    let uuid = survey.volume.map(|(superblock, _)| superblock.uuid);
    report(arguments, &Verdict::new(uuid, findings?), session)
}
