// SPDX-License-Identifier: GPL-2.0-only

//! The parts of `sparectl`, the tool that manages device-mapper spare sets.
//!
//! | module | what it does |
//! |---|---|
//! | `cli`, `commands` | the command line, and a file for each command |
//! | `leg`, `storage` | devices and image files, and how blocks of them are read and written |
//! | `host` | runs the kernel module's engine on a spare: formatting, loading |
//! | `survey` | what lies on a spare, copy by copy, read independently of the engine's loader |
//! | `rules` | what must hold of that |
//! | `dedup` | volumes of dedup mode |
//! | `estimate` | how many blocks of files, folders and devices are distinct |
//! | `mapper` | what is asked of device-mapper |
//! | `table_line`, `volume_size`, `status_line`, `configuration` | the texts that go to the kernel, come from it, and are read at boot |
//! | `watch` | how a device is doing over time, drawn on a terminal |
//! | `bad_blocks`, `rescue_map`, `runs` | lists of bad blocks, made into runs of blocks |

pub mod bad_blocks;
pub mod cli;
pub mod commands;
pub mod configuration;
pub mod dedup;
pub mod estimate;
pub mod failure;
pub mod host;
pub mod leg;
pub mod mapper;
mod progress;
pub mod rescue_map;
pub mod rules;
pub mod runs;
pub mod status_line;
pub mod storage;
pub mod survey;
pub mod table_line;
pub mod volume_size;
pub mod watch;
