// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl activate` and `deactivate`: the sets and volumes that the configuration names.

mod search;

use super::create::{map, open_legs, report, Table};
use super::dedup::create::table as table_of_volume;
use super::{Session, DONE};
use crate::cli::{Activate, Selection};
use crate::configuration::{no_main, read_folder, Configuration};
use crate::failure::{Failure, FAILED};
use dm_spare_engine::Uuid;
use search::{find_main, find_spare, volume_on_main, Found};
use std::path::Path;
use std::time::{Duration, Instant};

/// Time between two looks for devices that are not there yet.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs `activate`. One set that cannot be activated does not keep the others from it.
///
/// # Errors
///
/// The configuration cannot be read or does not name the set, or a set could not be activated.
pub fn run(arguments: &Activate, session: &mut Session<'_>) -> Result<u8, Failure> {
    let (mut waiting, mut failures) = select(&arguments.selection)?;
    let deadline = Instant::now() + Duration::from_secs(arguments.wait);
    loop {
        let mut absent = Vec::new();
        for configuration in waiting {
            match attempt(&configuration, arguments, session) {
                Ok(None) => {}
                Ok(Some(what)) => absent.push((configuration, what)),
                Err(failure) => failures.push(failure.to_string()),
            }
        }
        if absent.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            failures.extend(absent.into_iter().map(|(_, what)| what));
            break;
        }
        waiting = absent
            .into_iter()
            .map(|(configuration, _)| configuration)
            .collect();
        std::thread::sleep(PAUSE);
    }
    conclude(failures)
}

/// Runs `deactivate`.
///
/// # Errors
///
/// The configuration cannot be read or does not name the set, or a device is in use.
pub fn undo(arguments: &Selection, session: &mut Session<'_>) -> Result<u8, Failure> {
    let (configurations, mut failures) = select(arguments)?;
    for configuration in configurations {
        let name = &configuration.name;
        let result = session.mapper.exists(name).and_then(|exists| {
            if exists {
                session.mapper.remove(name)?;
            }
            Ok(exists)
        });
        match result {
            Ok(true) => writeln!(session.out, "{name}: removed")?,
            Ok(false) => writeln!(session.out, "{name}: not active")?,
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    conclude(failures)
}

/// The configurations that are meant, and why others cannot be read.
fn select(selection: &Selection) -> Result<(Vec<Configuration>, Vec<String>), Failure> {
    let (mut chosen, mut failures) = (Vec::new(), Vec::new());
    for configuration in read_folder(&selection.config_dir)? {
        match configuration {
            Ok(configuration) if selection.uuid.is_none_or(|uuid| uuid == configuration.uuid) => {
                chosen.push(configuration);
            }
            Ok(_) => {}
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    match selection.uuid {
        Some(uuid) if chosen.is_empty() => Err(not_configured(selection, uuid, &failures)),
        // A file of another set that cannot be read is no matter for this one.
        Some(_) => Ok((chosen, Vec::new())),
        None => Ok((chosen, failures)),
    }
}

fn not_configured(selection: &Selection, uuid: Uuid, failures: &[String]) -> Failure {
    let unread = match failures.first() {
        Some(first) => format!(" ({first})"),
        None => String::new(),
    };
    Failure::new(format!(
        "no file in {} has UUID={uuid}: add NAME.conf with UUID= and MAIN={unread}",
        selection.config_dir.display()
    ))
}

/// Activates one set or volume, unless it is active; says what is not there yet.
fn attempt(
    configuration: &Configuration,
    arguments: &Activate,
    session: &mut Session<'_>,
) -> Result<Option<String>, Failure> {
    let Configuration {
        name, uuid, main, ..
    } = configuration;
    if session.mapper.exists(name)? {
        writeln!(session.out, "{name}: already active")?;
        return Ok(None);
    }
    if let Some(main) = main.as_ref().filter(|main| !main.exists()) {
        return Ok(Some(format!(
            "{name}: its main device {} does not exist: attach it, or correct MAIN in {name}.conf",
            main.display()
        )));
    }
    let Some((spare, found)) = find_spare(*uuid, &arguments.spares)? else {
        return Ok(Some(format!(
            "{name}: no device holds the spare of set {uuid}: attach it, or correct UUID in {name}.conf"
        )));
    };
    let main = match (main, found) {
        (Some(main), Found::Set) => main.clone(),
        (None, Found::Set) => return Err(no_main(name)),
        (Some(main), Found::Volume(_)) => {
            check_main(configuration, main)?;
            main.clone()
        }
        (None, Found::Volume(_)) => match find_main(*uuid, &arguments.mains)? {
            Some(main) => main,
            None => {
                return Ok(Some(format!(
                    "{name}: no device is main of volume {uuid}: attach it, or name it by MAIN= in {name}.conf"
                )))
            }
        },
    };
    put_together(configuration, &main, &spare, &found, session)
        .map_err(|failure| Failure::new(format!("{name}: {failure}")))?;
    Ok(None)
}

/// Refuses a main device that is another volume's. One whose superblock cannot be used is left to the module.
fn check_main(configuration: &Configuration, main: &Path) -> Result<(), Failure> {
    match volume_on_main(main) {
        Some(found) if found != configuration.uuid => Err(Failure::new(format!(
            "{0}: its main device {1} is main of volume {found}, not of {2}: correct MAIN in {0}.conf, or leave it out",
            configuration.name,
            main.display(),
            configuration.uuid
        ))),
        _ => Ok(()),
    }
}

fn put_together(
    configuration: &Configuration,
    main: &Path,
    spare: &Path,
    found: &Found,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let options = &configuration.options;
    let (main, spare) = open_legs(session.mapper, main, spare)?;
    let table = match found {
        Found::Set => {
            let mut words = vec!["mode".to_owned(), "remap".to_owned()];
            words.extend(options.iter().cloned());
            words.extend(["uuid".to_owned(), configuration.uuid.to_string()]);
            Table {
                sectors: main.sectors(),
                words,
            }
        }
        Found::Volume(superblock) => table_of_volume(&superblock.geometry, options),
    };
    map(session.mapper, &configuration.name, (main, spare), &table)?;
    report(session, &configuration.name)
}

fn conclude(failures: Vec<String>) -> Result<u8, Failure> {
    let Some((last, others)) = failures.split_last() else {
        return Ok(DONE);
    };
    for failure in others {
        eprintln!("sparectl: {failure}");
    }
    Err(Failure::new(last.clone()).with_code(FAILED))
}
