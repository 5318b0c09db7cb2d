//! The live rule, and matches that are killed and carried on.

use crate::support::{begin, bench_bay, items, loaded, play, trippoint};
use proptest::prelude::*;
use sim_range::RunOptions;
use sim_record::container::Item;
use sim_record::{InputKind, Seed};
use std::fs;
use std::sync::{Arc, Mutex};
use trippoint::replay::{Wanted, replay};
use trippoint::session::{Scan, Session, SessionError, Setup};
use trippoint::storage::MemoryStorage;

/// A whole match with a client, as bytes.
fn whole() -> Vec<u8> {
    let (mut session, bytes) = begin(&loaded(), 5);
    play(&mut session, std::iter::empty());
    std::mem::take(&mut *bytes.lock().unwrap())
}

fn verified(bytes: &[u8]) -> trippoint::replay::Outcome {
    let wanted = Wanted {
        verify: true,
        until: None,
        capture: None,
    };
    replay(&mut &bytes[..], "a match", wanted, |_, _| {}).unwrap()
}

/// Carries on what is left of a match after a kill, to its end.
fn resumed(left: &[u8]) -> Result<Vec<u8>, SessionError> {
    let bytes = Arc::new(Mutex::new(left.to_vec()));
    let mut storage = MemoryStorage::shared(bytes.clone());
    let scan = Scan::of(&mut storage)?;
    let loaded = loaded();
    let options: RunOptions = postcard::from_bytes(&scan.header.options).unwrap();
    let setup = Setup {
        loaded: &loaded,
        seed: Seed(5),
        options,
    };
    let mut session = Session::resume(&setup, &scan, Box::new(storage), None, |_| {})?;
    while !session.is_over() {
        session.advance(session.ends())?;
    }
    session.finish()?;
    Ok(std::mem::take(&mut *bytes.lock().unwrap()))
}

#[test]
fn a_match_with_inputs_verifies() {
    let bytes = whole();
    let outcome = verified(&bytes);
    assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
    assert_eq!((outcome.ending, outcome.inputs), ("over", 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn how_often_a_range_is_advanced_changes_no_byte(
        pieces in prop::collection::vec(1_u64..3_000_000, 1..50),
    ) {
        let (mut session, bytes) = begin(&loaded(), 5);
        play(&mut session, pieces.into_iter().cycle());
        prop_assert!(*bytes.lock().unwrap() == whole());
    }

    #[test]
    fn a_killed_match_goes_on_and_verifies_from_start_to_end(at in any::<prop::sample::Index>()) {
        let whole = whole();
        let at = at.index(whole.len());
        let header_bytes = 12 + 5 + u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize + 16;
        match resumed(&whole[..at]) {
            Err(error) => {
                prop_assert!(at < header_bytes, "cut at {}: {}", at, error);
            }
            Ok(bytes) => {
                // Every input that was on disk is still there, in front of what came later.
                let outcome = verified(&bytes);
                prop_assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
                let good = items_before(&whole[..at]);
                prop_assert_eq!(&items(&bytes)[..good.len()], &good[..]);
            }
        }
    }
}

/// The sound items at the beginning of a torn recording.
fn items_before(bytes: &[u8]) -> Vec<Item> {
    let mut reader = sim_record::container::Reader::new();
    reader.feed(bytes);
    std::iter::from_fn(|| reader.next_item().ok().flatten()).collect()
}

#[test]
fn a_match_is_resumed_as_often_as_it_is_killed() {
    let first = whole();
    // Behind the header, which is most of a small recording.
    let second = resumed(&first[..first.len() - 200]).unwrap();
    let third = resumed(&second[..second.len() - 40]).unwrap();
    let outcome = verified(&third);
    assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
    let resumptions = items(&third)
        .iter()
        .filter(|item| matches!(item, Item::Input(input) if input.input.kind == InputKind::Resumed))
        .count();
    assert!((1..=2).contains(&resumptions));
}

/// A block of records is stored with the digest that cut it; a power loss can leave the one without the other.
#[test]
fn a_block_without_its_digest_is_carried_on() {
    let whole = whole();
    let mut reader = sim_record::container::Reader::new();
    reader.feed(&whole);
    let mut blocks = 0;
    while let Some(item) = reader.next_item().unwrap() {
        if matches!(item, Item::Records(_)) {
            blocks += 1;
            let end = usize::try_from(reader.good_bytes()).unwrap();
            let outcome = verified(&resumed(&whole[..end]).unwrap());
            assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
        }
    }
    assert!(blocks > 0);
}

#[test]
fn a_match_that_ended_is_not_carried_on() {
    assert!(matches!(resumed(&whole()), Err(SessionError::Ended)));
}

#[test]
fn a_recording_that_the_log_does_not_give_is_left_alone() {
    let bytes = whole();
    let mut storage =
        MemoryStorage::shared(Arc::new(Mutex::new(bytes[..bytes.len() - 1].to_vec())));
    let scan = Scan::of(&mut storage).unwrap();
    let loaded = loaded();
    let options: RunOptions = postcard::from_bytes(&scan.header.options).unwrap();
    // Another seed than the recorded one stands for an engine that does otherwise.
    let setup = Setup {
        loaded: &loaded,
        seed: Seed(6),
        options,
    };
    let resumed = Session::resume(&setup, &scan, Box::new(storage), None, |_| {});
    assert!(matches!(resumed, Err(SessionError::Differs { .. })));
}

#[test]
fn the_command_cuts_a_torn_tail_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, scenario) = (dir.path().to_str().unwrap(), bench_bay());
    let said = trippoint(&[
        "run",
        scenario.to_str().unwrap(),
        "--seed",
        "5",
        "--out",
        folder,
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let path = dir.path().join("match.tpr");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let said = trippoint(&["resume", folder]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err
            .contains("cut a torn tail: the last frame is incomplete (after byte "),
        "{}",
        said.err
    );
    assert!(said.err.contains("resumed at 00:30"), "{}", said.err);
    // The match was over but for its last frame, so nothing is new.
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let said = trippoint(&["resume", folder]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .starts_with("error: the match in it has ended\nhint: `trippoint grade "),
        "{}",
        said.err
    );
}
