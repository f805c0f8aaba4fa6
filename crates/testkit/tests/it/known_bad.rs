//! A known-bad variant for each rule is caught: a check that cannot fail proves nothing.

use outflow_testkit::{
    sabotage::Sabotage,
    world::{Rule, Script, World, shrink},
};

/// Worlds in which a bad variant must be caught at the latest.
const WORLDS_MAX: u64 = 2_000;

/// Worlds that are lived to make a broken one small.
const SHRINKS: u32 = 200;

/// Lives worlds with a bad variant until one breaks, and tells by which rule it was caught.
#[track_caller]
fn check(sabotage: Sabotage, caught_by: &[Rule]) {
    let script = match sabotage {
        Sabotage::ClearsWhatIsKept => Script::with_blanks,
        _ if sabotage.breaks() == 13 => Script::of_seed,
        _ => Script::unguarded,
    };
    let broken = (0..WORLDS_MAX).find_map(|seed| World::of_script(script(seed)).sabotaged(sabotage).live().err());
    let Some(broken) = broken else { panic!("{sabotage:?} breaks rule {} and is not noticed in {WORLDS_MAX} worlds", sabotage.breaks()) };
    if !caught_by.contains(&broken.rule) {
        let broken = shrink(broken, Some(sabotage), SHRINKS);
        panic!("{sabotage:?} breaks rule {} and is caught by another:\n{broken}", sabotage.breaks());
    }
}

#[test]
fn rule_1_confirming_what_was_merely_sent() {
    check(Sabotage::ConfirmsWhatWasSent, &[Rule::Arrives, Rule::RefusedOnce]);
}

#[test]
fn rule_1_counts_that_do_not_prove() {
    check(Sabotage::BelievesWhatIsCompleted, &[Rule::Arrives]);
}

#[test]
fn rule_2_doubt_that_never_ends() {
    check(Sabotage::NeverSplits, &[Rule::DoubtShrinks]);
}

#[test]
fn rule_2_doubt_that_a_crash_forgets() {
    // An import that is forgotten leaves its file at the route, too.
    check(Sabotage::ForgetsDoubt, &[Rule::Arrives, Rule::OneImport, Rule::NothingRests]);
}

#[test]
fn rule_3_an_import_over_an_open_one() {
    check(Sabotage::StartsOverOpenImports, &[Rule::OneImport]);
}

#[test]
fn rule_3_imports_that_others_started() {
    check(Sabotage::OverlooksStartsOfOthers, &[Rule::OneImport, Rule::Arrives]);
}

#[test]
fn rule_4_a_broken_source_taken_for_whole() {
    // What was not read may be the second row of a key.
    check(Sabotage::TakesBrokenSourcesForWhole, &[Rule::SaysWhatIs, Rule::NoDuplicates]);
}

#[test]
fn rule_5_a_file_decided_at_transfer() {
    check(Sabotage::DecidesAtTransfer, &[Rule::AsPlanned]);
}

#[test]
fn rule_6_an_intent_written_afterwards() {
    // A crash before the belated intent also leaves a file at the route that nobody knows of.
    check(Sabotage::WritesIntentsAfterwards, &[Rule::IntentFirst, Rule::NothingRests]);
}

#[test]
fn rule_7_started_parts_dropped() {
    check(Sabotage::DropsWhatWasStarted, &[Rule::OneImport, Rule::Arrives]);
}

#[test]
fn rule_7_files_left_at_the_route() {
    check(Sabotage::LeavesFilesAtTheRoute, &[Rule::NothingRests]);
}

#[test]
fn rule_8_forgotten_refusals() {
    check(Sabotage::ForgetsRefusals, &[Rule::RefusedOnce]);
}

#[test]
fn fates_of_rows_that_are_not_kept() {
    check(Sabotage::ForgetsFates, &[Rule::PastIsTold]);
}

#[test]
fn keys_that_are_not_stored() {
    check(Sabotage::ForgetsKeys, &[Rule::LeavesFlagged, Rule::LeavesDeleted]);
}

#[test]
fn rule_9_words_of_the_service_kept_with_values() {
    check(Sabotage::QuotesValues, &[Rule::NothingRests]);
}

#[test]
fn rule_9_private_files_kept() {
    check(Sabotage::KeepsPrivateFiles, &[Rule::NothingRests]);
}

#[test]
fn rule_10_keys_compared_by_their_bytes() {
    // Where the keys that are there are read, a row that is there in another spelling is sent again and again.
    check(Sabotage::ComparesKeysByTheirBytes, &[Rule::NoDuplicates, Rule::Quiet]);
}

#[test]
fn rule_11_a_table_known_by_its_name() {
    check(Sabotage::TrustsNames, &[Rule::LossIsNoticed]);
}

#[test]
fn rule_11_a_row_made_again_and_not_noticed() {
    check(Sabotage::OverlooksNumbers, &[Rule::LossIsNoticed]);
}

#[test]
fn rule_11_a_torn_baseline_taken_for_empty() {
    check(Sabotage::TakesTornForEmpty, &[Rule::TornIsRefused]);
}

#[test]
fn rule_11_an_old_copy_that_sends_on() {
    // What went back meanwhile is not there, and the run calls itself done.
    check(Sabotage::OverlooksMarks, &[Rule::OldIsRefused, Rule::Arrives]);
}

#[test]
fn rule_12_an_import_that_overwrites() {
    check(Sabotage::Overwrites, &[Rule::OnlyOurs]);
}

#[test]
fn rule_12_an_update_that_inserts() {
    check(Sabotage::InsertsInUpdateOnly, &[Rule::NeverInserts]);
}

#[test]
fn rule_12_a_kept_field_that_is_cleared() {
    check(Sabotage::ClearsWhatIsKept, &[Rule::OnlyOurs]);
}

#[test]
fn rule_13_guards_that_are_never_asked() {
    check(Sabotage::AsksNoGuard, &[Rule::HoldsBack]);
}

#[test]
fn rule_13_an_approval_of_everything() {
    check(Sabotage::ApprovesEverything, &[Rule::HoldsBack]);
}

#[test]
fn every_rule_has_a_variant() {
    let broken: Vec<u8> = Sabotage::ALL.iter().map(|it| it.breaks()).collect();
    assert!((1..=13).all(|it| broken.contains(&it)), "{broken:?}");
}

#[test]
fn rule_12_rows_deleted_that_were_there_before() {
    check(Sabotage::DeletesAdopted, &[Rule::OnlyOurs]);
}

#[test]
fn rule_12_rows_deleted_that_another_activation_holds() {
    check(Sabotage::OverlooksWhatOthersHold, &[Rule::OnlyOurs]);
}

#[test]
fn rule_12_deletions_that_nobody_has_read() {
    check(Sabotage::BelievesDeletions, &[Rule::LeavesDeleted, Rule::Arrives]);
}
