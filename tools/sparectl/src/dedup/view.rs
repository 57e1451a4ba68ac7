// SPDX-License-Identifier: GPL-2.0-only

//! A volume as it is once its journal was replayed: by the engine's own recovery, and in memory only.

use super::host::Host;
use super::pages::Pages;
use super::presence::Presences;
use super::survey::{read_checkpoint, Survey};
use super::Fault;
use crate::failure::Failure;
use crate::storage::{BlockSource, Overlay};
use dm_spare_engine::dedup::format::{Checkpoint, Layout, Superblock};
use dm_spare_engine::dedup::{Activation, Leg, Refusal};
use dm_spare_engine::Block;

/// A volume after recovery.
pub struct View<'a> {
    /// What the volume is.
    pub superblock: Superblock,
    /// Where things lie.
    pub layout: Layout,
    /// How the recovery went.
    pub activation: Activation,
    main: Overlay<'a>,
}

/// Why there is no view.
#[derive(Debug)]
pub enum NoView {
    /// The engine refuses the volume.
    Refused(Refusal),
    /// Sizes or memory do not allow it.
    Failed(Failure),
}

impl From<NoView> for Failure {
    fn from(why: NoView) -> Self {
        match why {
            NoView::Refused(refusal) => Failure::new(refusal.to_string()),
            NoView::Failed(failure) => failure,
        }
    }
}

impl<'a> View<'a> {
    /// Has the engine recover the volume that a survey has found.
    ///
    /// # Errors
    ///
    /// The engine's refusal; or that the survey has found no volume.
    pub fn new(
        survey: &Survey,
        main: &'a mut dyn BlockSource,
        spare: &'a mut dyn BlockSource,
    ) -> Result<Self, NoView> {
        let Some((superblock, layout)) = survey.volume else {
            return Err(NoView::Failed(Failure::new(
                "no superblock is valid: name main and spare of a volume",
            )));
        };
        let mut main = Overlay::new(main);
        let mut spare = Overlay::new(spare);
        let mut host = Host::new(
            superblock.geometry,
            superblock.spare_blocks,
            &mut main,
            &mut spare,
        )
        .map_err(NoView::Failed)?;
        let activation = host.activate([0; 16], [0; 16]).map_err(NoView::Refused)?;
        Ok(Self {
            superblock,
            layout,
            activation,
            main,
        })
    }

    /// Main, after recovery.
    pub fn main(&mut self) -> &mut dyn BlockSource {
        &mut self.main
    }

    /// The checkpoint that the recovery has made, and its block.
    ///
    /// # Errors
    ///
    /// There is none: the engine has not written what it said.
    pub fn checkpoint(&mut self) -> Result<(Checkpoint, Box<Block>), Fault> {
        newest_checkpoint(&mut self.main, &self.layout, self.superblock.uuid)
    }

    /// Pages of the volume.
    pub fn pages(&mut self) -> Pages<'_> {
        Pages::new(&mut self.main, self.layout, self.superblock.uuid)
    }

    /// Which pages there are.
    ///
    /// # Errors
    ///
    /// As [`checkpoint`](Self::checkpoint).
    pub fn presences(&mut self) -> Result<Presences, Fault> {
        let (_, roots) = self.checkpoint()?;
        Ok(Presences::read(&mut self.pages(), &roots))
    }
}

/// The newest checkpoint on main, and its block.
///
/// # Errors
///
/// What is wrong with the one in the first place, if there is none in either.
pub fn newest_checkpoint(
    main: &mut dyn BlockSource,
    layout: &Layout,
    uuid: [u8; 16],
) -> Result<(Checkpoint, Box<Block>), Fault> {
    let mut both = [0, 1].map(|number| read_checkpoint(main, Leg::Main, number, layout, uuid));
    both.sort_by_key(|found| {
        found
            .as_ref()
            .map_or(0, |(one, _)| one.number.saturating_add(1))
    });
    let [older, newer] = both;
    newer.or(older)
}
