// SPDX-License-Identifier: GPL-2.0-only

//! Device-mapper by way of the `dmsetup` program.
//!
//! The `devicemapper` crate would spare the child process, but it needs libdevmapper's development files and
//! libclang to build, and repeats an ioctl whose reply did not fit: a `remap` message would be carried out
//! twice. `dmsetup` is on every machine that maps devices, in an initramfs too, and waits for udev.

use super::kernel_log::KernelLog;
use super::{Mapper, TargetLine, Traffic};
use crate::failure::Failure;
use crate::leg::Leg;
use std::process::{Command, Stdio};

/// Runs `dmsetup`, which is found by `PATH`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dmsetup;

impl Mapper for Dmsetup {
    fn check_leg(&self, leg: &Leg) -> Result<(), Failure> {
        if leg.is_block_device() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} is a file, and only block devices can be mapped: use losetup --find --show on it, and name the loop device",
            leg.path().display()
        )))
    }

    fn create(&self, name: &str, table: &str) -> Result<(), Failure> {
        let mut words = vec!["create", name, "--table", table];
        if table.split(' ').any(|word| word == "read_only") {
            // Disks that are read-only themselves can be opened for reading only.
            words.push("--readonly");
        }
        run(&words).map(drop)
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        // Whoever looks at a device that was just unmounted, as udev does, holds it for a moment.
        run(&["remove", "--retry", name]).map(drop)
    }

    fn exists(&self, name: &str) -> Result<bool, Failure> {
        let listed = run(&["info", "-c", "--noheadings", "-o", "name"])?;
        Ok(listed.lines().any(|line| line.trim() == name))
    }

    fn status(&self, name: &str) -> Result<Vec<TargetLine>, Failure> {
        // Without a flush, or asking would wait for every I/O.
        let text = run(&["status", "--noflush", name])?;
        parse_status(&text).ok_or_else(|| {
            Failure::new(format!(
                "dmsetup status {name} printed `{}`, which is no status: use a newer dmsetup",
                text.trim()
            ))
        })
    }

    fn message(&self, name: &str, sector: u64, text: &str) -> Result<String, Failure> {
        run(&["message", name, &sector.to_string(), text])
    }

    fn traffic(&self, name: &str) -> Option<Traffic> {
        Traffic::of_device(name)
    }
}

/// Reads `START LENGTH TARGET WORDS…`, a line for each target.
fn parse_status(text: &str) -> Option<Vec<TargetLine>> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let mut words = line.trim().splitn(4, ' ');
            Some(TargetLine {
                start: words.next()?.parse().ok()?,
                length: words.next()?.parse().ok()?,
                target: words.next()?.to_owned(),
                words: words.next().unwrap_or("").trim().to_owned(),
            })
        })
        .collect()
}

fn run(arguments: &[&str]) -> Result<String, Failure> {
    let log = KernelLog::open();
    let output = Command::new("dmsetup")
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Failure::new(format!(
                "cannot run dmsetup: {error}; install it (Debian's package dmsetup) and run sparectl as root"
            ))
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let own_words = String::from_utf8_lossy(&output.stderr);
    Err(match log.and_then(KernelLog::sentence) {
        Some(sentence) => Failure::new(sentence),
        None => Failure::new(explain(arguments, &own_words)),
    })
}

/// A sentence made of what dmsetup printed, with a remedy.
fn explain(arguments: &[&str], printed: &str) -> String {
    let first = printed
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no reason was given");
    let remedy = if printed.contains("No such device") || printed.contains("not found") {
        "name a mapped device that exists (dmsetup ls)"
    } else if printed.contains("Permission denied") || printed.contains("/dev/mapper/control") {
        "run sparectl as root"
    } else if printed.contains("already exists") || printed.contains("File exists") {
        "choose another name, or remove that device"
    } else if printed.contains("Device or resource busy") {
        "unmount the device or stop what uses it"
    } else {
        "see the kernel log (dmesg)"
    };
    format!(
        "dmsetup {} failed: {first}; {remedy}",
        arguments.first().unwrap_or(&"")
    )
}

#[cfg(test)]
mod tests {
    use super::{explain, parse_status};

    #[test]
    fn status_lines_are_read() {
        let lines =
            parse_status("0 2048 spare remap ok remapped=3\n2048 8 linear \n").expect("two lines");
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].start, lines[0].length), (0, 2048));
        assert_eq!(lines[0].words, "remap ok remapped=3");
        assert_eq!(
            (lines[1].target.as_str(), lines[1].words.as_str()),
            ("linear", "")
        );
        assert!(parse_status("what is this").is_none());
    }

    #[test]
    fn a_failure_names_the_remedy() {
        let text = "Device gone not found\nCommand failed.\n";
        assert_eq!(
            explain(&["status"], text),
            "dmsetup status failed: Device gone not found; name a mapped device that exists (dmsetup ls)"
        );
        assert!(explain(&["create"], "").ends_with("see the kernel log (dmesg)"));
    }
}
