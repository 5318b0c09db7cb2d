//! Bad scenarios, each a folder under `tests/scenarios/invalid` named after its fault, with what is
//! said about it beside it in `<fault>.expected`.
//!
//! `_sound` is the scenario from which they differ, and is itself without fault. After a deliberate
//! change of wording run with `BLESS=1` and read the difference before committing it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use folder::{read_folder, repository};
use proptest::prelude::*;
use sim_authored::limits::{FILE_BYTES_MAX, LIST_MAX};
use sim_authored::{PROBLEMS, Severity, code, render_all};
use sim_scenario::{SCENARIO_FILE, ScenarioPackage, check};

/// Kinds that need folders too large for a fixture, which tests in `package.rs` hold, or that only the place on the disk
/// tells, which the shell tests.
const WITHOUT_FIXTURE: [&str; 3] = [
    code::FOLDER_TOO_LARGE,
    code::TOO_MANY_FILES,
    code::FOLDER_NAME,
];

fn root() -> PathBuf {
    repository("tests/scenarios/invalid")
}

fn sound() -> ScenarioPackage {
    read_folder(&root().join("_sound"))
}

/// Fixtures by name; two are made here because they would be large files.
fn fixtures() -> BTreeMap<String, ScenarioPackage> {
    let mut fixtures = BTreeMap::new();
    for entry in std::fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && !name.starts_with('_') {
            fixtures.insert(name, read_folder(&entry.path()));
        }
    }
    let mut oversized = sound();
    let program = oversized.files.get_mut("plc/plc1.st").unwrap();
    program.extend(vec![b' '; FILE_BYTES_MAX + 1 - program.len()]);
    fixtures.insert("oversized-file".into(), oversized);
    let mut long = sound();
    let text = String::from_utf8(long.files[SCENARIO_FILE].clone()).unwrap();
    let actors = "\"red\", ".repeat(LIST_MAX + 1);
    let text = text.replace("actors: [\"red\"]", &format!("actors: [{actors}]"));
    long.files.insert(SCENARIO_FILE.into(), text.into_bytes());
    fixtures.insert("list-too-long".into(), long);
    fixtures
}

#[test]
fn every_bad_scenario_is_refused_with_the_expected_words() {
    let bless = std::env::var("BLESS").is_ok();
    let mut differences = String::new();
    for (name, package) in fixtures() {
        let (scenario, problems) = check(&package);
        let errors = problems
            .iter()
            .any(|problem| problem.severity == Severity::Error);
        assert_eq!(scenario.is_none(), errors, "{name}");
        assert!(!problems.is_empty(), "{name} is refused by no rule");
        let said = render_all(&problems, false);
        let path = root().join(format!("{name}.expected"));
        if bless {
            std::fs::write(&path, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if said != expected {
            writeln!(
                differences,
                "=== {name}: expected\n{expected}=== said\n{said}"
            )
            .unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn no_expectation_is_left_over() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 25);
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(fixture) = name.strip_suffix(".expected") {
            assert!(fixtures.contains_key(fixture), "{name} has no fixture");
        }
    }
}

#[test]
fn every_kind_of_problem_has_a_fixture() {
    let mut seen: BTreeSet<&str> = WITHOUT_FIXTURE.into_iter().collect();
    for package in fixtures().values() {
        seen.extend(check(package).1.iter().map(|problem| problem.code));
    }
    // Codes from E0700 are those of rubrics, which `grading` tests.
    let scenario_kinds = PROBLEMS.iter().filter(|kind| !kind.code.starts_with("E07"));
    let missing: Vec<_> = scenario_kinds
        .map(|kind| kind.code)
        .filter(|code| !seen.contains(code))
        .collect();
    assert!(missing.is_empty(), "no fixture for {missing:?}");
}

#[test]
fn the_sound_scenario_has_no_problem() {
    let (scenario, problems) = check(&sound());
    assert!(problems.is_empty(), "{}", render_all(&problems, false));
    assert!(scenario.is_some());
}

#[test]
fn several_faults_are_said_at_once() {
    let (_, problems) = check(&fixtures()["several-faults-at-once"]);
    let codes: BTreeSet<_> = problems.iter().map(|problem| problem.code).collect();
    assert!(codes.len() >= 4, "{codes:?}");
}

/// One change to the bytes of a file.
#[derive(Clone, Debug)]
enum Mutation {
    Set(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Insert(usize, String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let fragments = prop::sample::select(vec![
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "'",
        "/*",
        "//",
        "NaN",
        "-1e309",
        "0",
        "-1",
        "99999999999999999999",
        "\u{0}",
        "\\",
        "Some(",
        "r#\"",
        "é",
        "((((((((((((((((((((((((",
        "_",
        "#![enable(implicit_some)]",
        "true",
        "1.5e3",
        "0x7f",
        "b\"x\"",
        "..",
        "10.0.0.0/8",
    ]);
    let at = 0..30_000_usize;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (at.clone(), 1..400_usize).prop_map(|(at, length)| Mutation::Cut(at, length)),
        (at.clone(), 1..400_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (at, fragments).prop_map(|(at, text)| Mutation::Insert(at, text.to_owned())),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let span = |at: usize, length: usize, size: usize| {
        let start = at % size.max(1);
        start..(start + length).min(size)
    };
    let size = bytes.len();
    match mutation {
        Mutation::Set(at, byte) => {
            if let Some(slot) = bytes.get_mut(at % size.max(1)) {
                *slot = *byte;
            }
        }
        Mutation::Cut(at, length) => drop(bytes.drain(span(*at, *length, size))),
        Mutation::Repeat(at, length) => {
            let copy = bytes[span(*at, *length, size)].to_vec();
            let start = at % size.max(1);
            bytes.splice(start..start, copy);
        }
        Mutation::Insert(at, text) => {
            let start = at % size.max(1);
            bytes.splice(start..start, text.bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_change_of_bytes_makes_a_check_panic(
        changes in prop::collection::vec((0..100_usize, mutation()), 1..6),
        seed in any::<u64>(),
    ) {
        let mut package = FIRST_WATCH.with(Clone::clone);
        for (file, change) in &changes {
            // Most changes go to the scenario itself.
            let paths: Vec<String> = package.files.keys().cloned().collect();
            let path = if file % 3 == 0 { paths[file % paths.len()].clone() } else { SCENARIO_FILE.to_owned() };
            mutate(package.files.get_mut(&path).unwrap(), change);
        }
        let (scenario, problems) = check(&package);
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        prop_assert_eq!(scenario.is_none(), errors);
        let _ = render_all(&problems, true);
        if let Some(mut scenario) = scenario {
            scenario.vary.addresses = true;
            scenario.vary.register_offset_max = 100;
            scenario.vary.tag_numbers = true;
            let _ = scenario.instantiate(sim_record::Seed(seed));
        }
    }
}

thread_local! {
    static FIRST_WATCH: ScenarioPackage = read_folder(&repository("scenarios/first-watch"));
}
