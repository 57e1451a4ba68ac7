// SPDX-License-Identifier: GPL-2.0-only

//! `status --watch` on a terminal: rates, what is shown of each mode, and the picture.

use crate::fake::{spare_line, DEDUP_WORDS, STATS, WORDS};
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Terminal;
use sparectl::failure::Failure;
use sparectl::mapper::Traffic;
use sparectl::status_line::{parse_stats, TargetStatus};
use sparectl::watch::ends;
use sparectl::watch::figures::{figures, fills, graphs, words};
use sparectl::watch::history::{saving, History, Sample, READ, WRITTEN};
use sparectl::watch::view::{draw, short, Picture};
use std::time::Duration;

fn dedup() -> TargetStatus {
    let mut status = TargetStatus::parse(&spare_line(8000, DEDUP_WORDS)).expect("a status");
    status.stats = Some(parse_stats(STATS).expect("counters"));
    status
}

fn remap() -> TargetStatus {
    TargetStatus::parse(&spare_line(8000, WORDS)).expect("a status")
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A minute in which ever more is read and written, and ever more of that is there already.
fn a_minute(status: &mut TargetStatus) -> History {
    let mut history = History::new(600);
    for second in 0..=60 {
        let grown = second * second;
        if status.is_dedup() {
            status.counts.insert("hits".to_owned(), 2000 + grown * 5);
            let mapped = status.shares.get_mut("mapped").expect("mapped");
            mapped.part = 4000 + grown * 10;
            let used = status.shares.get_mut("used").expect("used");
            used.part = 2000 + grown * 2;
        } else {
            status.counts.insert("remapped".to_owned(), second / 4);
        }
        let traffic = Traffic {
            read: grown * 20,
            written: grown * 10,
        };
        history.push(Sample::new(at(second), status, Some(traffic)));
    }
    history
}

/// The picture as text, a line for each row.
fn picture(status: &TargetStatus, history: &History, width: u16, height: u16) -> String {
    picture_with(status, history, None, width, height)
}

fn picture_with(
    status: &TargetStatus,
    history: &History,
    complaint: Option<&Failure>,
    width: u16,
    height: u16,
) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let picture = Picture {
        name: "vol",
        status,
        complaint,
        history,
    };
    terminal
        .draw(|frame| draw(frame, &picture))
        .expect("a picture");
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(width)) {
        let row: String = row.iter().map(|cell| cell.symbol()).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn rates_follow_from_two_samples() {
    let mut history = History::new(3);
    assert_eq!(history.rate("hits"), None);
    assert_eq!(history.seconds(), 0.0);
    let mut status = dedup();
    for (second, hits, read) in [(0, 100, 0), (2, 110, 4), (3, 90, 10), (5, 190, 10)] {
        status.counts.insert("hits".to_owned(), hits);
        let traffic = Traffic { read, written: 0 };
        history.push(Sample::new(at(second), &status, Some(traffic)));
    }
    // The oldest one is forgotten; a counter that shrinks has no rate.
    assert_eq!(history.seconds(), 3.0);
    assert_eq!(history.rate("hits"), Some(50.0));
    assert_eq!(history.rates("hits"), [(0.0, 50.0)]);
    assert_eq!(history.rates(READ), [(-2.0, 6.0), (0.0, 0.0)]);
    assert_eq!(
        history.values("hits"),
        [(-3.0, 110.0), (-2.0, 90.0), (0.0, 190.0)]
    );
    assert_eq!(history.rate("nothing"), None);
    assert!(history.values("nothing").is_empty());
    history.push(Sample::new(at(5), &status, None));
    assert_eq!(history.rate("hits"), None, "no time has passed");
    assert_eq!(history.rate(WRITTEN), None);
}

#[test]
fn the_saving_is_finer_than_the_line_has_it() {
    let mut status = dedup();
    status.shares.get_mut("used").expect("used").part = 1999;
    assert_eq!(saving(&status), Some(50.025));
    status.shares.get_mut("used").expect("used").part = 5000;
    assert_eq!(saving(&status), Some(0.0));
    status.shares.get_mut("mapped").expect("mapped").part = 0;
    assert_eq!(saving(&status), Some(0.0));
    assert_eq!(saving(&remap()), None);
}

#[test]
fn each_mode_has_its_figures() {
    let labels = |mut status: TargetStatus| {
        let history = a_minute(&mut status);
        let figures = figures(&status, &history);
        let fills = fills(&status);
        let graphs = graphs(&status, &history);
        (
            figures.iter().map(|one| one.label).collect::<Vec<_>>(),
            fills.iter().map(|one| one.0).collect::<Vec<_>>(),
            graphs.map(|graph| graph.curves.len()),
        )
    };
    let (figures, fills, curves) = labels(dedup());
    assert_eq!(figures[..4], ["read", "written", "hits", "stored"]);
    assert_eq!(fills, ["logical", "physical", "journal"]);
    assert_eq!(curves, [3, 1]);
    let (figures, fills, curves) = labels(remap());
    assert_eq!(
        figures,
        [
            "read",
            "written",
            "remapped",
            "poisoned",
            "media errors",
            "other errors",
            "commits"
        ]
    );
    assert_eq!(fills, ["slots"]);
    assert_eq!(curves, [2, 3]);
    assert_eq!(words(&remap()), "copies 2 of 2   main failing   spare ok");
    assert_eq!(
        words(&dedup()),
        "saving 50.0%   index open   main ok   read only none   spare ok"
    );
    let mut without_counters = dedup();
    without_counters.stats = None;
    assert_eq!(labels(without_counters).1, ["logical", "physical"]);
}

#[test]
fn the_picture_of_a_volume() {
    let mut status = dedup();
    let history = a_minute(&mut status);
    let expected = include_str!("watch_dedup.txt");
    let drawn = picture(&status, &history, 80, 24);
    assert!(drawn == expected, "{drawn}");
}

#[test]
fn the_picture_of_a_set() {
    let mut status = remap();
    let history = a_minute(&mut status);
    let expected = include_str!("watch_remap.txt");
    let drawn = picture(&status, &history, 80, 24);
    assert!(drawn == expected, "{drawn}");
}

#[test]
fn no_size_and_no_value_is_too_odd_to_be_drawn() {
    let empty = History::new(10);
    let bare = TargetStatus::parse(&spare_line(8, "dedup activating")).expect("a status");
    for (width, height) in [
        (1, 1),
        (3, 2),
        (20, 5),
        (40, 10),
        (79, 9),
        (200, 60),
        (10, 60),
    ] {
        for mut status in [dedup(), remap()] {
            picture(&status, &empty, width, height);
            let history = a_minute(&mut status);
            picture(&status, &history, width, height);
            picture(&bare, &history, width, height);
        }
    }
    assert!(picture(&bare, &empty, 80, 24).starts_with("vol: dedup, activating"));
}

#[test]
fn what_is_missing_is_said_in_the_picture() {
    let mut status = dedup();
    let history = a_minute(&mut status);
    let complaint = Failure::new("there are no counters: the device is suspended");
    let drawn = picture_with(&status, &history, Some(&complaint), 80, 24);
    assert!(
        drawn.contains("there are no counters: the device is suspended\n"),
        "{drawn}"
    );
}

#[test]
fn numbers_are_short() {
    for (number, text) in [
        (0.0, "0"),
        (0.26, "0.3"),
        (12.0, "12"),
        (99.9, "99.9"),
        (123.4, "123"),
        (9999.0, "9999"),
        (12_345.0, "12.3k"),
        (4_500_000.0, "4.5M"),
        (2e9, "2.0G"),
    ] {
        assert_eq!(short(number), text);
    }
}

#[test]
fn three_keys_end_it() {
    let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    for event in [
        key(KeyCode::Char('q'), KeyModifiers::NONE),
        key(KeyCode::Char('Q'), KeyModifiers::SHIFT),
        key(KeyCode::Esc, KeyModifiers::NONE),
        key(KeyCode::Char('c'), KeyModifiers::CONTROL),
    ] {
        assert!(ends(&event), "{event:?}");
    }
    let release = KeyEvent {
        kind: KeyEventKind::Release,
        ..KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)
    };
    for event in [
        key(KeyCode::Char('c'), KeyModifiers::NONE),
        key(KeyCode::Enter, KeyModifiers::NONE),
        Event::Key(release),
        Event::Resize(80, 24),
    ] {
        assert!(!ends(&event), "{event:?}");
    }
}
