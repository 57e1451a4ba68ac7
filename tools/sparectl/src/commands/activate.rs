// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl activate` and `deactivate`: the sets that the configuration names.

mod search;

use super::create::{map, report};
use super::{Session, DONE};
use crate::cli::{Activate, Selection};
use crate::configuration::{read_folder, Configuration};
use crate::failure::{Failure, FAILED};
use dm_spare_engine::Uuid;
use search::find_spare;
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

/// Activates one set, unless it is active; says what is not there yet.
fn attempt(
    configuration: &Configuration,
    arguments: &Activate,
    session: &mut Session<'_>,
) -> Result<Option<String>, Failure> {
    let Configuration {
        name,
        uuid,
        main,
        options,
    } = configuration;
    if session.mapper.exists(name)? {
        writeln!(session.out, "{name}: already active")?;
        return Ok(None);
    }
    if !main.exists() {
        return Ok(Some(format!(
            "{name}: its main device {} does not exist: attach it, or correct MAIN in {name}.conf",
            main.display()
        )));
    }
    let Some(spare) = find_spare(*uuid, &arguments.spares)? else {
        return Ok(Some(format!(
            "{name}: no device holds the spare of set {uuid}: attach it, or correct UUID in {name}.conf"
        )));
    };
    let mut words = vec!["mode".to_owned(), "remap".to_owned()];
    words.extend(options.iter().cloned());
    words.extend(["uuid".to_owned(), uuid.to_string()]);
    map(session.mapper, name, main, &spare, &words)
        .and_then(|()| report(session, name))
        .map_err(|failure| Failure::new(format!("{name}: {failure}")))?;
    Ok(None)
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
