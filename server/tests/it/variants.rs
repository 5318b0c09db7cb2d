//! A variant beside its base: checked, played, replayed and graded as one package.

use crate::support::{bench_bay, trippoint};
use std::fs;
use std::path::{Path, PathBuf};

const VARIANT: &str = r#"(
    version: 1,
    variant_of: "bench-bay",
    id: "bay-varied",
    title: "The bay, varied",
    vary: (addresses: true, tag_numbers: true),
)"#;

/// A folder with the small scenario and a variant of it.
fn both() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    copy(&bench_bay(), &dir.path().join("bench-bay"));
    let variant = dir.path().join("bay-varied");
    fs::create_dir(&variant).unwrap();
    fs::write(variant.join("scenario.ron"), VARIANT).unwrap();
    (dir, variant)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

#[test]
fn the_recording_holds_the_base_too() {
    let (dir, variant) = both();
    let said = trippoint(&["check", variant.to_str().unwrap(), "--strict"]);
    assert_eq!(said.code, 0, "{}", said.out);
    let recording = |seed: &str| {
        let out = dir.path().join(seed);
        let words = ["run", variant.to_str().unwrap(), "--seed", seed, "--out"];
        let said = trippoint(&[&words[..], &[out.to_str().unwrap()]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        out.join("match.tpr")
    };
    let (one, other) = (recording("1"), recording("2"));
    assert_ne!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    // Nothing outside the recording is needed any more.
    fs::remove_dir_all(dir.path().join("bench-bay")).unwrap();
    fs::remove_dir_all(&variant).unwrap();
    let said = trippoint(&["replay", one.to_str().unwrap(), "--verify"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = trippoint(&["grade", one.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn a_base_that_is_not_there_comes_back_with_the_nearest() {
    let (_dir, variant) = both();
    let text = VARIANT.replace("bench-bay", "bench-bya");
    fs::write(variant.join("scenario.ron"), text).unwrap();
    let said = trippoint(&["check", variant.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("error[E0211]"), "{}", said.out);
    assert!(
        said.out.contains("did you mean `bench-bay`?"),
        "{}",
        said.out
    );
    assert!(said.out.contains("1 error, 0 warnings"), "{}", said.out);
}

#[test]
fn problems_of_a_base_are_shown_where_it_lies() {
    let (dir, variant) = both();
    fs::write(dir.path().join("bench-bay/rubric.ron"), "(version: 1,").unwrap();
    let said = trippoint(&["check", variant.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("--> ../bench-bay/rubric.ron:1:"),
        "{}",
        said.out
    );
}

#[test]
fn a_folder_with_another_name_than_its_scenario_is_warned_of() {
    let (dir, variant) = both();
    let other = dir.path().join("other");
    fs::rename(variant, &other).unwrap();
    let said = trippoint(&["check", other.to_str().unwrap()]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("warning[W0903]"), "{}", said.out);
    assert!(
        said.out.contains("the folder is named `other`"),
        "{}",
        said.out
    );
    assert!(said.out.contains("scenario.ron:4:9"), "{}", said.out);
    assert_eq!(
        trippoint(&["check", other.to_str().unwrap(), "--strict"]).code,
        1
    );
}
