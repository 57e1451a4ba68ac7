// SPDX-License-Identifier: GPL-2.0-only

//! The epoch of src/kern: what a grace period promises, one step at a time and under load.

#[expect(unreachable_pub, reason = "the file belongs to another crate")]
#[path = "../../../src/kern/epoch.rs"]
mod epoch;

use epoch::{GracePeriods, IoEpoch, TicketsExhausted};
use kernel::sync::interleave::before_next_addition;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

fn make() -> (IoEpoch, GracePeriods) {
    (IoEpoch::new().unwrap(), GracePeriods::new(2).unwrap())
}

#[test]
fn nothing_inside_ends_at_once() {
    let (epoch, mut periods) = make();
    assert_eq!(periods.poll(&epoch), None);
    periods.ask(7).unwrap();
    assert_eq!(periods.poll(&epoch), Some(7));
    assert_eq!(periods.poll(&epoch), None);
}

#[test]
fn waits_for_all_that_entered_before_and_for_nothing_later() {
    let (epoch, mut periods) = make();
    // Often enough for both phases to be the current one, on every processor.
    for round in 0..64 {
        let (first, second) = (epoch.enter(), epoch.enter());
        periods.ask(round).unwrap();
        assert_eq!(periods.poll(&epoch), None);
        assert!(epoch.leave(first), "a waiting grace period is told of");
        assert_eq!(periods.poll(&epoch), None);
        let later = epoch.enter();
        assert!(epoch.leave(second));
        assert_eq!(periods.poll(&epoch), Some(round));
        assert!(!epoch.leave(later), "nobody waits any more");
        assert!(epoch.is_empty());
    }
}

#[test]
fn what_is_asked_for_meanwhile_shares_the_next() {
    let (epoch, mut periods) = make();
    let first = epoch.enter();
    periods.ask(1).unwrap();
    assert_eq!(periods.poll(&epoch), None);
    let second = epoch.enter();
    periods.ask(2).unwrap();
    periods.ask(3).unwrap();
    assert_eq!(periods.ask(4), Err(TicketsExhausted));
    assert!(epoch.leave(first));
    assert_eq!(periods.poll(&epoch), Some(1));
    assert_eq!(periods.poll(&epoch), None);
    assert!(epoch.leave(second));
    let mut rest = [periods.poll(&epoch).unwrap(), periods.poll(&epoch).unwrap()];
    rest.sort_unstable();
    assert_eq!(rest, [2, 3]);
    assert_eq!(periods.poll(&epoch), None);
}

/// Who has read the phase and is held up before being counted is counted in a phase that is no longer the current
/// one. The grace period that runs meanwhile owes it nothing, the next one does.
#[test]
fn a_straggler_is_waited_for_by_the_next() {
    let shared = Rc::new((
        IoEpoch::new().unwrap(),
        RefCell::new(GracePeriods::new(2).unwrap()),
    ));
    for swaps in 1..=3 {
        let meanwhile = Rc::clone(&shared);
        before_next_addition(move || {
            for round in 0..swaps {
                meanwhile.1.borrow_mut().ask(round).unwrap();
                assert_eq!(meanwhile.1.borrow_mut().poll(&meanwhile.0), Some(round));
            }
        });
        let epoch = &shared.0;
        let token = epoch.enter();
        let mut periods = shared.1.borrow_mut();
        periods.ask(9).unwrap();
        assert_eq!(periods.poll(epoch), None, "after {swaps} swaps");
        assert!(epoch.leave(token));
        assert_eq!(periods.poll(epoch), Some(9));
    }
}

/// Ends the threads of a test, also when it has failed.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Threads enter, look at a word, and leave; meanwhile the word is changed and a grace period awaited. Whoever saw
/// the old word must be out when it ends, and the wait must end by being told, without looking again and again.
#[test]
fn under_load_no_old_reader_is_left_and_no_wake_up_is_lost() {
    const ROUNDS: u64 = 200_000;
    let (epoch, mut periods) = make();
    let word = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let inside = [const { AtomicU64::new(0) }; 3];
    let (wake, woken) = mpsc::channel();
    thread::scope(|scope| {
        for mine in &inside {
            let wake = wake.clone();
            let (epoch, word, stop) = (&epoch, &word, &stop);
            scope.spawn(move || {
                while !stop.load(SeqCst) {
                    let token = epoch.enter();
                    // What was seen, plus one: zero means outside.
                    mine.store(word.load(SeqCst) + 1, SeqCst);
                    if word.load(SeqCst) % 7 == 0 {
                        thread::yield_now();
                    }
                    mine.store(0, SeqCst);
                    if epoch.leave(token) {
                        let _ = wake.send(());
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        for round in 1..=ROUNDS {
            word.store(round, SeqCst);
            periods.ask(1).unwrap();
            while periods.poll(&epoch).is_none() {
                woken
                    .recv_timeout(std::time::Duration::from_secs(60))
                    .expect("a wake-up was lost");
            }
            for seen in &inside {
                let seen = seen.load(SeqCst);
                assert!(
                    seen == 0 || seen > round,
                    "round {round}: {} is inside",
                    seen - 1
                );
            }
        }
    });
    assert!(epoch.is_empty());
}
