// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's log, searched for the sentence that matters.

use sparectl::mapper::last_sentence;

#[test]
fn the_targets_own_sentence_is_preferred() {
    let records = "\
6,100,1000,-;dm_spare: 254:0: set x is active
3,101,1001,-;dm_spare: 254:0: the spare belongs to a main device of 8 sectors and this one has 804; use the right pair
 SUBSYSTEM=block
3,102,1002,-;device-mapper: table: 254:0: spare: something else (-EINVAL)
3,103,1003,-;device-mapper: ioctl: error adding target to table
";
    assert_eq!(
        last_sentence(records).as_deref(),
        Some("the spare belongs to a main device of 8 sectors and this one has 804; use the right pair")
    );
}

#[test]
fn a_constructors_sentence_comes_from_device_mapper() {
    let records = "3,102,1002,-;device-mapper: table: 254:0: spare: option `read_retries` has no value (-EINVAL)\n";
    assert_eq!(
        last_sentence(records).as_deref(),
        Some("option `read_retries` has no value")
    );
}

#[test]
fn a_missing_module_is_explained() {
    let records =
        "3,102,1002,-;device-mapper: table: 254:0: spare: unknown target type (-EINVAL)\n";
    let sentence = last_sentence(records).expect("a sentence");
    assert!(sentence.contains("install dm-spare.ko"), "{sentence}");
}

#[test]
fn what_is_no_complaint_about_this_target_is_passed_over() {
    for records in [
        "",
        "6,100,1000,-;dm_spare: 254:0: loaded transaction 3\n",
        "3,100,1000,-;ata1: hard reset\n",
        "no record at all\n",
    ] {
        assert_eq!(last_sentence(records), None, "{records}");
    }
}
