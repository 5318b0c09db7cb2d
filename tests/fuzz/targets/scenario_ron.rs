//! Mutated scenario packages: `check` never panics, gives a scenario exactly when it finds no error, and a scenario
//! that it gives can be instantiated.
//!
//! The first byte chooses. An odd one: the rest replaces a file of a sound package, byte by byte as the fuzzer likes.
//! An even one: the rest is a list of edits of the sound package's words, which reaches the rules behind the syntax.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_authored::Severity;
use sim_record::Seed;
use sim_scenario::{ScenarioPackage, check};
use std::sync::LazyLock;

const SCENARIO: &str = include_str!("../../scenarios/invalid/_sound/scenario.ron");
const ACTOR: &str = include_str!("../../scenarios/invalid/_sound/actors/red.ron");
const PROGRAM: &str = include_str!("../../scenarios/invalid/_sound/plc/plc1.st");
const FILES: [(&str, &str); 3] = [
    ("scenario.ron", SCENARIO),
    ("actors/red.ron", ACTOR),
    ("plc/plc1.st", PROGRAM),
];

/// What an edit can put in the place of a word.
const WORDS: [&str; 24] = [
    "",
    "0",
    "-1",
    "1e309",
    "NaN",
    "65535",
    "65536",
    "4294967296",
    "0.5",
    "-0.0",
    "\"\"",
    "\"any\"",
    "\"plc1\"",
    "\"reactor/P\"",
    "\"../plc1.st\"",
    "\"10.1.1.0/24\"",
    "\"10.1.1.11\"",
    "true",
    "None",
    "()",
    "[]",
    "{}",
    "(((((",
    "/*",
];

/// Words of each file: where a word begins and ends.
static TOKENS: LazyLock<Vec<Vec<(usize, usize)>>> =
    LazyLock::new(|| FILES.iter().map(|(_, text)| tokens(text)).collect());

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    let package = if choice % 2 == 1 {
        replaced(usize::from(choice / 2) % FILES.len(), rest)
    } else {
        edited(rest)
    };
    let (scenario, problems) = check(&package);
    let refused = problems.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(scenario.is_none(), refused, "{problems:?}");
    for problem in &problems {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
    }
    if let Some(scenario) = scenario {
        let drawn = scenario.instantiate(Seed(u64::from(choice)));
        assert_eq!(drawn.casts.len(), scenario.casts.len());
    }
});

fn sound() -> Vec<(&'static str, Vec<u8>)> {
    FILES
        .iter()
        .map(|(path, text)| (*path, text.as_bytes().to_vec()))
        .collect()
}

fn replaced(file: usize, bytes: &[u8]) -> ScenarioPackage {
    let mut files = sound();
    files[file].1 = bytes.to_vec();
    ScenarioPackage::new(files)
}

/// Three bytes an edit: which word (two bytes), and what becomes of it.
fn edited(edits: &[u8]) -> ScenarioPackage {
    let mut texts: Vec<Vec<&str>> = FILES
        .iter()
        .zip(TOKENS.iter())
        .map(|((_, text), tokens)| tokens.iter().map(|(from, to)| &text[*from..*to]).collect())
        .collect();
    for edit in edits.chunks_exact(3).take(16) {
        let [low, high] = [edit[0], edit[1]];
        let what = usize::from(edit[2]);
        let all: usize = texts.iter().map(Vec::len).sum();
        let mut word = usize::from(u16::from_le_bytes([low, high])) % all;
        let mut file = 0;
        while word >= texts[file].len() {
            word -= texts[file].len();
            file += 1;
        }
        let words = &mut texts[file];
        match what {
            0..=23 => words[word] = WORDS[what],
            24..=63 => words.insert(word, words[(word + what) % words.len()]),
            64..=127 => {
                let other = (word + what) % words.len();
                words.swap(word, other);
            }
            128..=159 => words[word] = words[(word + what) % words.len()],
            _ => {
                // Two quoted words exchanged: names that are defined, in the wrong place.
                let quoted: Vec<usize> = (0..words.len())
                    .filter(|at| words[*at].starts_with('"'))
                    .collect();
                if !quoted.is_empty() {
                    words[quoted[word % quoted.len()]] =
                        words[quoted[(word + what) % quoted.len()]];
                }
            }
        }
    }
    let files = FILES.iter().zip(texts).map(|((path, _), words)| {
        let text = words.join(" ");
        (*path, text.into_bytes())
    });
    ScenarioPackage::new(files.collect::<Vec<_>>())
}

/// Words: quoted text, runs of letters, digits, dots, underscores and signs, and single other characters.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += 1;
            }
            at += 1;
        } else {
            let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            at = at.max(from + 1);
        }
        found.push((from, at));
    }
    found
}
