//! Commands from outside: exit codes, and the same bytes for the same match.

use serde_json::Value;
use std::path::Path;
use tests::product::{folder, scenario, succeeds, text, trippoint};

/// Plays a match into a folder.
fn play(name: &str, seed: &str, out: &Path, more: &[&str]) -> String {
    let (scenario, out) = (scenario(name), text(out));
    let first = ["run", &scenario, "--seed", seed, "--out", &out];
    succeeds(&[&first[..], more].concat())
}

fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    let path = folder.join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let place = folder("same-seed");
    let (first, second) = (place.join("first"), place.join("second"));
    let told = play("first-watch", "7", &first, &[]);
    play("first-watch", "7", &second, &[]);
    for file in ["match.tpr", "report.json", "capture.pcapng", "report.html"] {
        assert!(!bytes(&first, file).is_empty(), "{file} is empty");
        assert!(
            bytes(&first, file) == bytes(&second, file),
            "{file} differs between two runs of one match"
        );
    }
    assert!(
        told.contains("Detection"),
        "the score has its parts:\n{told}"
    );
}

#[test]
fn another_seed_of_the_varied_scenario_gives_another_match() {
    let place = folder("other-seed");
    let (first, second) = (place.join("first"), place.join("second"));
    play("first-watch-varied", "1", &first, &["--no-capture"]);
    play("first-watch-varied", "2", &second, &["--no-capture"]);
    assert_ne!(bytes(&first, "match.tpr"), bytes(&second, "match.tpr"));
    assert_ne!(bytes(&first, "report.json"), bytes(&second, "report.json"));
}

#[test]
fn a_recording_verifies_and_gives_its_capture_and_report_again() {
    let place = folder("verify");
    play("first-watch", "3", &place.join("run"), &[]);
    let recording = text(&place.join("run/match.tpr"));
    let pcap = text(&place.join("again.pcapng"));
    let told = succeeds(&["replay", &recording, "--verify", "--pcap", &pcap, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["digests"].as_u64().unwrap() > 100, "{told}");
    assert_eq!(
        bytes(&place, "again.pcapng"),
        bytes(&place.join("run"), "capture.pcapng")
    );
    let graded: Value = serde_json::from_str(&succeeds(&["grade", &recording, "--json"])).unwrap();
    let report: Value = serde_json::from_slice(&bytes(&place.join("run"), "report.json")).unwrap();
    assert_eq!(graded["blue"]["score"], report["blue"]["score"]);
    assert_eq!(graded["attacks"], report["attacks"]);
}

#[test]
fn a_changed_byte_of_a_recording_does_not_verify() {
    let place = folder("changed-byte");
    play(
        "first-watch",
        "3",
        &place.join("run"),
        &["--no-capture", "--cast", "no-red"],
    );
    let mut recording = bytes(&place.join("run"), "match.tpr");
    let middle = recording.len() / 2;
    recording[middle] ^= 1;
    let changed = place.join("changed.tpr");
    std::fs::write(&changed, recording).unwrap();
    let done = trippoint(&["replay", &text(&changed), "--verify"]);
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn blue_is_worth_more_than_nobody_and_the_end_is_as_the_story_says() {
    let place = folder("casts");
    let report = |cast: &str| -> Value {
        let out = place.join(cast);
        play("first-watch", "5", &out, &["--no-capture", "--cast", cast]);
        serde_json::from_slice(&bytes(&out, "report.json")).unwrap()
    };
    let score = |report: &Value| report["blue"]["score"].as_f64().unwrap();
    let (nobody, novice) = (report("no-blue"), report("standard"));
    assert!(
        score(&novice) > score(&nobody),
        "{} and {}",
        score(&novice),
        score(&nobody)
    );
    assert_eq!(nobody["summary"]["ended"], "Destroyed");
    assert_eq!(novice["summary"]["ended"], "TimeUp");
    assert_eq!(report("sis-healthy")["summary"]["ended"], "TimeUp");
}

#[test]
fn exit_codes_tell_wrong_use_from_a_failed_check() {
    let place = folder("exit-codes");
    let sound = trippoint(&["check", &scenario("first-watch")]);
    assert_eq!(sound.status.code(), Some(0));
    let bad = tests::checkout::root().join("tests/scenarios/invalid/duplicate-id");
    assert_eq!(trippoint(&["check", &text(&bad)]).status.code(), Some(1));
    let misspelt = trippoint(&["run", &scenario("first-watch"), "--cast", "expertt"]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&misspelt.stderr).contains("expert"));
    assert_eq!(trippoint(&["fly"]).status.code(), Some(2));
    let missing = text(&place.join("missing.tpr"));
    assert_eq!(trippoint(&["replay", &missing]).status.code(), Some(2));
    assert_eq!(trippoint(&["--help"]).status.code(), Some(0));
}

#[test]
fn the_registries_are_listed() {
    for (what, row) in [
        ("plants", "te-reactor"),
        ("protocols", "modbus"),
        ("personas", "corvane-cx24"),
        ("metrics", "detection"),
        ("problems", "E0110"),
    ] {
        let rows: Value = serde_json::from_str(&succeeds(&["list", what, "--json"])).unwrap();
        let found = rows
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["id"].as_str().unwrap().starts_with(row));
        assert!(found, "{what} without {row}: {rows}");
    }
}
