// SPDX-License-Identifier: GPL-2.0-only

//! Tests of `sparectl`: on image files by way of the program, and on a fake device-mapper by way of its library.

mod activation;
mod boot;
mod check;
mod dedup_activation;
mod dedup_check;
mod dedup_check_places;
mod dedup_create;
mod dedup_driver;
mod dedup_dump;
mod dedup_format;
mod dedup_images;
mod dedup_repair;
mod dedup_show;
mod dedup_status;
mod device_mapper;
mod estimate;
mod fake;
mod format;
mod help;
mod images;
mod import;
mod index_geometry;
mod lists;
mod messages;
mod show;
mod texts;
mod watch;
